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
      let isStrings = try gguf["tokenizer.ggml.\(key)"]?.array?.forEachString { strings.append($0) }
      return try isStrings == true ? strings : #require(nil)
    }
    var vocabulary = TokenizerVocabulary(source: file.lastPathComponent)
    vocabulary.preTokenizer = gguf["tokenizer.ggml.pre"]?.string
    vocabulary.tokens = try strings("tokens")
    vocabulary.merges = try strings("merges")
    vocabulary.kinds = try #require(gguf["tokenizer.ggml.token_type"]?.array?.ints)
      .compactMap(TokenizerVocabulary.TokenKind.init)
    vocabulary.bosID = gguf["tokenizer.ggml.bos_token_id"]?.int.map(Int32.init)
    vocabulary.addsBOS = gguf["tokenizer.ggml.add_bos_token"]?.bool
    return try Tokenizer(vocabulary: vocabulary)
  }

  @Test("Ids equal llama.cpp's goldens", arguments: ["gpt-2", "llama-bpe"])
  func goldens(name: String) throws {
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
    for (text, line) in zip(texts, lines) {
      let ids = line.split(separator: " ").compactMap { Int32($0) }
      #expect(try tokenizer.encode(text, addSpecialTokens: false) == ids, "\(text.debugDescription)")
      #expect(tokenizer.decode(ids).utf8.elementsEqual(text.utf8))
    }
    // Llama 3's files do not say that BOS begins a text; its pre-tokenizer implies it.
    let before = name == "llama-bpe" ? [128_000] : [] as [Int32]
    #expect(try tokenizer.encode("") == before)
  }
}
