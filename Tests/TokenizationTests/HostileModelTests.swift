import Storage
import Testing
import Tokenization

@Suite("Hostile tokenizer files")
struct HostileModelTests {
  static let texts = ["", "Hello  wörld \u{FDFA} e\u{301}x 漢字", String(repeating: "ab c", count: 300)]

  /// Encodes and decodes, if there is a tokenizer.
  static func exercise(_ make: () throws(TokenizationError) -> Tokenizer) throws {
    do {
      let tokenizer = try make()
      for text in texts { _ = tokenizer.decode(try tokenizer.encode(text)) }
      _ = tokenizer.huggingFaceJSON()
    } catch {
      #expect(!error.reason.isEmpty)
    }
  }

  static let models = Fixture.cases("sentencepiece.json") { $0 }.filter { $0["config"] == nil }

  @Test(
    "A tokenizer.model cut short anywhere is refused, or read as the shorter model it is", arguments: models)
  func truncated(model: Case) throws {
    let bytes = try KindTests.model(model)
    var refused = 0
    for count in stride(from: 0, to: bytes.count, by: 97) {
      do {
        _ = try Tokenizer(sentencePiece: Array(bytes.prefix(count)), source: "tokenizer.model")
      } catch {
        refused += 1
        #expect(error.description.hasPrefix("tokenizer.model: "))
      }
    }
    #expect(refused > bytes.count / 97 / 2)
  }

  @Test("A tokenizer.model with changed bytes never crashes", arguments: models)
  func mutated(model: Case) throws {
    let bytes = try KindTests.model(model)
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    func next() -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33)
    }
    for _ in 0..<300 {
      var damaged = bytes
      for _ in 0...next() % 4 { damaged[next() % bytes.count] = UInt8(truncatingIfNeeded: next()) }
      // The trainer, the normalizer and the map of characters are at the end.
      damaged[bytes.count - 1 - next() % min(600, bytes.count)] ^= UInt8(1 << (next() % 8))
      try Self.exercise { () throws(TokenizationError) in
        try Tokenizer(sentencePiece: damaged, source: "tokenizer.model")
      }
    }
  }

  static let malformed: [(bytes: [UInt8], keyPath: String, reason: String)] = [
    ([], "", "no pieces"),
    ([0x0A], "byte 1", "found the end"),
    ([0x0A, 0x05, 0x0A], "byte 2", "expected 5 bytes, found 1"),
    ([0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], "byte 11", "found 0"),
    ([0x0A] + [UInt8](repeating: 0x80, count: 12), "byte 11", "at most ten bytes"),
    ([0x0B], "byte 1", "wire type 0, 1, 2 or 5, found 3"),
    ([0x0A, 0x03, 0x0A, 0x01, 0xFF], "pieces[0]", "UTF-8"),
    ([0x0A, 0x02, 0x18, 0x09], "pieces[0]", "a type from 1 to 6"),
    ([0x0A, 0x05, 0x15, 0x00, 0x00, 0xC0, 0x7F], "pieces[0]", "found 1 and nan"),
    ([0x0A, 0x03, 0x0A, 0x01, 0x61, 0x12, 0x02, 0x18, 0x09], "trainer_spec.model_type", "9 is not"),
    ([0x0A, 0x03, 0x0A, 0x01, 0x61, 0x12, 0x02, 0x18, 0x03], "trainer_spec.model_type", "not supported"),
    (
      [0x0A, 0x03, 0x0A, 0x01, 0x61, 0x12, 0x03, 0xC0, 0x01, 0x01],
      "trainer_spec.treat_whitespace_as_suffix", "not supported"
    ),
    (
      [0x0A, 0x03, 0x0A, 0x01, 0x61, 0x1A, 0x03, 0x12, 0x01, 0x00], "normalizer_spec.precompiled_charsmap",
      "found 1 bytes"
    ),
  ]

  @Test("What is wrong with a tokenizer.model is named", arguments: malformed.indices)
  func refused(index: Int) {
    let (bytes, keyPath, reason) = Self.malformed[index]
    let error = #expect(throws: TokenizationError.self) {
      try Tokenizer(sentencePiece: bytes, source: "tokenizer.model")
    }
    #expect(error?.keyPath == keyPath)
    #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
  }

  @Test("Long texts without spaces, and pieces that repeat, take no more than they should")
  func longTexts() throws {
    for pipeline in Self.models {
      let tokenizer = try Tokenizer(sentencePiece: KindTests.model(pipeline), source: "tokenizer.model")
      for unit in ["a", "ab", "é", "  "] {
        let text = String(repeating: unit, count: 100_000) + "x"
        #expect(try !tokenizer.encode(text).isEmpty)
      }
    }
  }

  @Test("A vocab.txt that is not UTF-8 or has no unknown token is refused")
  func wordPieces() {
    #expect(throws: TokenizationError.self) { try Tokenizer(wordPieces: [0xFF], source: "vocab.txt") }
    #expect(throws: TokenizationError.self) {
      try Tokenizer(wordPieces: Array("a\nb".utf8), source: "vocab.txt")
    }
  }
}
