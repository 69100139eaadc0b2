import Foundation
import Storage
import Synchronization
import Testing
import Tokenization

@Suite("Tokenizers")
struct TokenizerTests {
  @Test("Tokens are found by their bytes and give them back")
  func lookup() throws {
    let tokenizer = try Fixture.smolLM2.get()
    #expect(tokenizer.vocabularySize == 49152)
    for id in Int32(0)..<49152 {
      #expect(tokenizer.id(of: tokenizer.bytes(of: id)) == id)
    }
    #expect(tokenizer.id(of: Array("<|im_end|>".utf8)) == 2)
    #expect(tokenizer.id(of: Array("no such token".utf8)) == nil)
    #expect(tokenizer.bytes(of: -1) == [])
    #expect(tokenizer.bytes(of: 49152) == [])
    #expect(tokenizer.decode([-5, 28120, 49152, .max]) == tokenizer.decode([28120]))
  }

  @Test("Special tokens are left out of decoded text unless asked for")
  func specialTokens() throws {
    let tokenizer = try Fixture.smolLM2.get()
    let ids = try tokenizer.encode("<|im_start|>user\nhi<|im_end|>")
    #expect(tokenizer.decode(ids) == "user\nhi")
    #expect(tokenizer.decode(ids, skipSpecialTokens: false) == "<|im_start|>user\nhi<|im_end|>")
  }

  @Test("Ill-formed UTF-8 is encoded as U+FFFD")
  func illFormed() throws {
    let tokenizer = try Fixture.smolLM2.get()
    #expect(try tokenizer.encode([0x61, 0xFF, 0x20, 0x62]) == tokenizer.encode("a\u{FFFD} b"))
  }

  @Test("Any bytes survive encoding and decoding as repaired text", arguments: 0..<20)
  func randomBytes(seed: UInt64) throws {
    let tokenizer = try Fixture.everyByte.get()
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    let bytes = (0..<2000).map { _ -> UInt8 in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 33)
    }
    let text = String(decoding: bytes, as: UTF8.self)
    let decoded = tokenizer.decode(try tokenizer.encode(bytes), skipSpecialTokens: false)
    #expect(decoded.utf8.elementsEqual(text.utf8))
  }

  @Test("Long pieces merge as short ones do, and in good time")
  func longPieces() throws {
    let tokenizer = try Fixture.smolLM2.get()
    for unit in ["a", "ab", "the", "é", "!?", " "] {
      // 40 bytes are merged by search, hundreds of thousands by a heap; both fall into the same repeating tokens.
      let long = String(repeating: unit, count: 300_000)
      let ids = try tokenizer.encode(long)
      #expect(tokenizer.decode(ids) == long)
      #expect(ids.count < long.utf8.count)
    }
  }

  @Test("Threads that share a tokenizer get the ids of one alone")
  func concurrency() throws {
    let tokenizer = try Fixture.smolLM2.get()
    let texts = Fixture.texts
    let failures = Mutex(0)
    DispatchQueue.concurrentPerform(iterations: 400) { iteration in
      let text = texts[iteration * 7 % texts.count]
      let ids = try? tokenizer.encode(text.name)
      if ids != text["smollm2"]?.ids { failures.withLock { $0 += 1 } }
    }
    #expect(failures.withLock(\.self) == 0)
  }

  @Test("The cache never changes ids, however much text passes through it")
  func cache() throws {
    let tokenizer = try Fixture.smolLM2.get()
    let words = (0..<120_000).map { " w\(String($0, radix: 36))" }
    let text = words.joined()
    let first = try tokenizer.encode(text)
    #expect(tokenizer.decode(first) == text)
    #expect(try tokenizer.encode(text) == first)
    #expect(try words.flatMap { try tokenizer.encode($0) } == first)
  }

  @Test("GGUF metadata give the same tokenizer as tokenizer.json")
  func vocabulary() throws {
    let file = try Fixture.json("smollm2-tokenizer.json").root
    var vocabulary = TokenizerVocabulary(source: "model.gguf")
    vocabulary.preTokenizer = "smollm"
    let tokens = try #require(file["model"]?["vocab"]).members.sorted {
      $0.value.int ?? 0 < $1.value.int ?? 0
    }
    vocabulary.tokens = ByteStrings(tokens.map(\.key))
    vocabulary.kinds = tokens.indices.map { $0 < 17 ? .control : .normal }
    for merge in try #require(file["model"]?["merges"]).elements {
      vocabulary.merges.append(merge.elements.compactMap(\.string).joined(separator: " ").utf8)
    }
    vocabulary.bosID = 1
    vocabulary.eosID = 2
    let plain = try Tokenizer(vocabulary: vocabulary)
    vocabulary.addsBOS = true
    vocabulary.addsEOS = true
    let framed = try Tokenizer(vocabulary: vocabulary)
    for text in Fixture.texts {
      let ids = try #require(text["smollm2"]).ids
      #expect(try plain.encode(text.name) == ids)
      #expect(try framed.encode(text.name) == [1] + ids + [2])
      #expect(try framed.encode(text.name, addSpecialTokens: false) == ids)
    }

    let written = framed.huggingFaceJSON(chatTemplate: "{{ messages }}", modelMaxLength: 2048)
    #expect(written.config["bos_token"] == "<|im_start|>")
    #expect(written.config["add_bos_token"] == true)
    #expect(written.config["chat_template"] == "{{ messages }}")
    #expect(written.config["model_max_length"] == 2048)
    let again = try makeTokenizer(written.tokenizer, config: written.config)
    #expect((again.bosID, again.eosID, again.padID) == (1, 2, nil))
    for text in Fixture.texts {
      #expect(try again.encode(text.name) == framed.encode(text.name))
    }
  }

  @Test(
    "add_bos_token and add_eos_token replace the post-processor, as in transformers 5",
    arguments: [
      ([:], [], []), (["add_bos_token": true], [1], []), (["add_eos_token": true], [], [2]),
      (["add_bos_token": true, "add_eos_token": true], [1], [2]), (["add_bos_token": false], [], []),
    ] as [([String: Bool], [Int32], [Int32])])
  func configuration(flags: [String: Bool], before: [Int32], after: [Int32]) throws {
    var config: JSON = [
      "bos_token": ["content": "<|im_start|>"], "eos_token": "<|im_end|>", "pad_token": nil,
    ]
    for (key, value) in flags { config = config.setting(key, .bool(value)) }
    let json = JSON(try Fixture.json("smollm2-tokenizer.json").root)
    let tokenizer = try makeTokenizer(json, config: config)
    let plain = try Fixture.smolLM2.get().encode("Hello")
    #expect(try tokenizer.encode("Hello") == before + plain + after)
    #expect(tokenizer.bosID == 1)
    #expect(tokenizer.eosID == 2)
    #expect(tokenizer.padID == nil)
  }
}
