import Foundation
import Storage
import Testing
import Tokenization

@Suite("Ids equal those of Hugging Face tokenizers")
struct EncodingTests {
  @Test("SmolLM2 on nasty texts", arguments: Fixture.texts)
  func nastyTexts(text: Case) throws {
    let tokenizer = try Fixture.smolLM2.get()
    let ids = try #require(text["smollm2"]).ids
    #expect(try tokenizer.encode(text.name) == ids)
    #expect(tokenizer.decode(ids, skipSpecialTokens: false) == text.name)
    if let escaped = text["escaped"]?.string {
      #expect(try tokenizer.encode(escaped) == ids)
    }
    let pieces = try #require(text["pieces"]).elements.map(\.string)
    #expect(ids.prefix(pieces.count).map { tokenizer.decode([$0], skipSpecialTokens: false) } == pieces)
  }

  @Test("GPT-2 on nasty texts, from a real tokenizer.json")
  func gpt2() throws {
    guard let file = Fixture.shared("models/tiny-random-gpt2-onnx/tokenizer.json") else { return }
    let tokenizer = try Tokenizer(tokenizerJSON: Fixture.json(at: file))
    for text in Fixture.texts {
      let ids = try #require(text["gpt2"]).ids
      #expect(try tokenizer.encode(text.name) == ids, "\(text.testDescription)")
      #expect(tokenizer.decode(ids, skipSpecialTokens: false) == text.name)
    }
  }

  @Test("SmolLM2 on whole corpora", arguments: ["wikitext-2/test.txt", "paradetox/paradetox.tsv"])
  func corpora(path: String) throws {
    guard let file = Fixture.shared(path) else { return }
    let golden = try #require(Fixture.json("corpora.json").root[path])
    let tokenizer = try Fixture.smolLM2.get()
    let lines = try Data(contentsOf: file).split(separator: 0x0A, omittingEmptySubsequences: false)
    #expect(lines.count == golden["lines"]?.int)
    var tokens = 0
    var digests: [String] = []
    for start in stride(from: 0, to: lines.count, by: 100) {
      var digest: UInt64 = 0xCBF2_9CE4_8422_2325
      for line in lines[start..<min(start + 100, lines.count)] {
        let ids = try tokenizer.encode(Array(line))
        tokens += ids.count
        for number in [Int32(ids.count)] + ids {
          for shift in stride(from: 0, to: 32, by: 8) {
            digest = (digest ^ UInt64(UInt8(truncatingIfNeeded: number >> shift))) &* 0x100_0000_01B3
          }
        }
        #expect(tokenizer.decode(ids, skipSpecialTokens: false).utf8.elementsEqual(line))
      }
      let hexadecimal = String(digest, radix: 16)
      digests.append(String(repeating: "0", count: 16 - hexadecimal.count) + hexadecimal)
    }
    #expect(tokens == golden["tokens"]?.int)
    #expect(digests == golden["digests"]?.elements.compactMap(\.string))
  }

  @Test(
    "Every supported pre-tokenizer, added token, post-processor and option",
    arguments: Fixture.cases("pipelines.json") { $0["cases"] })
  func pipelines(pipeline: Case) throws {
    let file = try Fixture.pipelines.get()
    let texts = try #require(file["texts"]).elements.compactMap(\.string)
    var json = JSON(try #require(pipeline["tokenizer"]))
    let model = try #require(json["model"])
    if model["vocab"] == nil {
      let vocab = JSON(try #require(file["vocab"]))
      json = json.setting(
        "model", model.setting("vocab", vocab).setting("merges", JSON(try #require(file["merges"]))))
    }
    let tokenizer = try makeTokenizer(json)
    let ids = try #require(pipeline["ids"]).elements.map(\.ids)
    #expect(try texts.map { try tokenizer.encode($0) } == ids)
    try expectBeginnings(texts, ids, tokenizer)
    let plain = pipeline["plain"]?.elements.map(\.ids) ?? ids
    #expect(try texts.map { try tokenizer.encode($0, addSpecialTokens: false) } == plain)
    let decoded = pipeline["decoded"]?.elements.compactMap(\.string) ?? texts
    #expect(ids.map { tokenizer.decode($0) } == decoded)
    let whole = pipeline["whole"]?.elements.compactMap(\.string) ?? decoded
    #expect(ids.map { tokenizer.decode($0, skipSpecialTokens: false) } == whole)

    // Written out and read back, it is the same tokenizer.
    let written = tokenizer.huggingFaceJSON()
    let again = try makeTokenizer(written.tokenizer, config: written.config)
    #expect(try texts.map { try again.encode($0) } == ids)
    #expect(again.huggingFaceJSON().tokenizer == written.tokenizer)
  }

  @Test(
    "Character classes mean what they mean to Oniguruma",
    arguments: [#"\s"#, #"\w"#, #"[\w]"#, #"\d"#, #"\h"#, #"\p{L}"#, #"\p{N}"#])
  func classes(expression: String) throws {
    let golden = try #require(Fixture.json("classes.json").root[expression]).elements.map(\.ids)
    var expected = Set<UInt32>()
    for range in golden { expected.formUnion(UInt32(range[0])...UInt32(range[1])) }
    // What the pattern matches is removed, so the rest decodes to what it does not match.
    let file = try Fixture.pipelines.get()
    let json = TokenizationErrorTests.valid
      .setting("added_tokens", [])
      .setting("model", ["type": "BPE", "vocab": JSON(file["vocab"]), "merges": []])
      .setting("pre_tokenizer", TokenizationErrorTests.split(expression, behavior: "Removed"))
    let tokenizer = try makeTokenizer(json)
    var different: [UInt32] = []
    for start in stride(from: UInt32(0), to: 0x110000, by: 0x1000) {
      let scalars = (start..<start + 0x1000).compactMap(Unicode.Scalar.init)
      let text = String(String.UnicodeScalarView(scalars))
      let kept = Set(tokenizer.decode(try tokenizer.encode(text)).unicodeScalars)
      for scalar in scalars where kept.contains(scalar) == expected.contains(scalar.value) {
        // PCRE2 may know an older Unicode than Oniguruma.
        if let age = scalar.properties.age, age.major <= 14 { different.append(scalar.value) }
      }
    }
    #expect(different.map { String($0, radix: 16) } == [])
  }
}
