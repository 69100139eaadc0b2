import Checkpoints
import Foundation
import Testing
import Tokenization

@Suite("Tokenizers of real GGUF files")
struct GGUFVocabularyTests {
  /// The tokenizer that the metadata of a GGUF file describe.
  private func tokenizer(_ file: URL) throws -> Tokenizer {
    let gguf = try GGUFFile(path: file.path)
    func strings(_ key: String) throws -> ByteStrings {
      var strings = ByteStrings()
      _ = try gguf["tokenizer.ggml.\(key)"]?.array?.forEachString { strings.append($0) }
      return strings
    }
    func id(_ name: String) -> Int32? { gguf["tokenizer.ggml.\(name)_token_id"]?.int.map(Int32.init) }
    var vocabulary = TokenizerVocabulary(source: file.lastPathComponent)
    vocabulary.architecture = gguf["general.architecture"]?.string
    vocabulary.model = try #require(gguf["tokenizer.ggml.model"]?.string)
    vocabulary.preTokenizer = gguf["tokenizer.ggml.pre"]?.string
    vocabulary.tokens = try strings("tokens")
    vocabulary.merges = try strings("merges")
    vocabulary.scores = gguf["tokenizer.ggml.scores"]?.array?.doubles?.map(Float.init) ?? []
    vocabulary.kinds = try #require(gguf["tokenizer.ggml.token_type"]?.array?.ints)
      .compactMap(TokenizerVocabulary.TokenKind.init)
    vocabulary.bosID = id("bos")
    vocabulary.unknownID = id("unknown")
    vocabulary.classifierID = id("cls")
    vocabulary.separatorID = id("seperator")
    vocabulary.addsBOS = gguf["tokenizer.ggml.add_bos_token"]?.bool
    return try Tokenizer(vocabulary: vocabulary)
  }

  @Test(
    "Ids equal llama.cpp's goldens",
    arguments: [
      // Llama 3's files do not say that BOS begins a text; its pre-tokenizer implies it.
      ("gpt-2", []), ("llama-bpe", [128_000]), ("llama-spm", [1]), ("bert-bge", [101, 102]),
    ] as [(String, [Int32])])
  func goldens(name: String, around: [Int32]) throws {
    let path = "tokenizers/ggml-vocab-\(name).gguf"
    guard let file = Fixture.shared(path), let input = Fixture.shared(path + ".inp"),
      let output = Fixture.shared(path + ".out")
    else { return }
    let tokenizer = try tokenizer(file)
    // Each text is followed by a line that ends it.
    let texts = try String(contentsOf: input, encoding: .utf8)
      .components(separatedBy: "\n__ggml_vocab_test__\n").dropLast()
    let lines = try String(contentsOf: output, encoding: .utf8).components(separatedBy: "\n").dropLast()
    try #require(texts.count == lines.count)
    let written = tokenizer.huggingFaceJSON()
    let again = try makeTokenizer(written.tokenizer, config: written.config)
    for (text, line) in zip(texts, lines) {
      let ids = line.split(separator: " ").compactMap { Int32($0) }
      #expect(try tokenizer.encode(text, addSpecialTokens: false) == ids, "\(text.debugDescription)")
      #expect(try again.encode(text, addSpecialTokens: false) == ids, "\(text.debugDescription)")
      // BERT keeps neither case nor spaces.
      if name != "bert-bge" { #expect(tokenizer.decode(ids).utf8.elementsEqual(text.utf8)) }
    }
    #expect(try tokenizer.encode("") == around)
  }
}
