internal import Storage

/// Reads a SentencePiece model, `tokenizer.model`: a protocol buffer, message `ModelProto`.
///
/// | field | content |
/// |---|---|
/// | 1, repeated | piece: 1 text, 2 score (f32), 3 type (as ``TokenizerVocabulary/TokenKind``, 1 by default) |
/// | 2 | trainer: 3 kind of model, 24 whitespace as suffix, 35 byte fallback, 40–43 ids of unk, bos, eos, pad |
/// | 3 | normalizer: 2 map of characters, 3 dummy prefix, 4 remove extra spaces, 5 escape spaces |
///
/// Other fields do not change ids. Numbers from sentencepiece's `sentencepiece_model.proto`.
struct SentencePieceFile {
  /// What the model is.
  enum ModelType: UInt64 {
    case unigram = 1
    case bytePairs, word, character
  }

  /// The pieces by id.
  private(set) var tokens = ByteStrings()
  /// The score of each piece.
  private(set) var scores: [Float] = []
  /// What each piece is for.
  private(set) var kinds: [TokenizerVocabulary.TokenKind] = []
  /// The kind of model.
  private(set) var modelType = ModelType.unigram
  /// The ids of the pieces with a role.
  private(set) var names = SpecialTokens()
  /// Whether spaces end words instead of beginning them.
  private(set) var hasSpaceSuffix = false
  /// Whether what the vocabulary lacks becomes bytes.
  private(set) var hasByteFallback = false
  /// How text is normalized.
  private(set) var normalization = SentencePieceNormalization()

  private let source: String

  /// The model in `bytes`.
  ///
  /// - Throws: `TokenizationError` if the bytes are cut short, or not such a model.
  init(_ bytes: [UInt8], source: String) throws(TokenizationError) {
    self.source = source
    var ids: [UInt64: Int64] = [40: 0, 41: 1, 42: 2, 43: -1]
    var fields = ProtocolBuffer(bytes[...], source: source)
    while let field = try fields.next() {
      switch (field.number, field.value) {
      case (1, .bytes(let message)): try readPiece(message)
      case (2, .bytes(let message)): try readTrainer(message, &ids)
      case (3, .bytes(let message)): try readNormalizer(message)
      default: break
      }
    }
    guard tokens.count > 0 else {
      throw TokenizationError(source: source, reason: "expected a SentencePiece model, found no pieces")
    }
    func id(_ field: UInt64) -> Int32? {
      // Ids beyond the pieces mean that there is no such token, as negative ones do.
      ids[field].flatMap { $0 >= 0 && $0 < tokens.count ? Int32($0) : nil }
    }
    names = SpecialTokens(bos: id(41), eos: id(42), pad: id(43), unknown: id(40))
    // The type tells the unknown token, wherever the trainer says it is.
    if let index = kinds.firstIndex(of: .unknown) { names.unknown = Int32(index) }
  }

  private mutating func readPiece(_ message: ArraySlice<UInt8>) throws(TokenizationError) {
    var text: ArraySlice<UInt8> = []
    var score: Float = 0
    var kind: UInt64 = 1
    var fields = ProtocolBuffer(message, source: source)
    while let field = try fields.next() {
      switch (field.number, field.value) {
      case (1, .bytes(let bytes)): text = bytes
      case (2, .fixed32(let bits)): score = Float(bitPattern: bits)
      case (3, .varint(let value)): kind = value
      default: break
      }
    }
    let keyPath = "pieces[\(tokens.count)]"
    guard (try? UTF8Span(validating: text.span)) != nil else {
      throw TokenizationError(source: source, keyPath: keyPath, reason: "expected UTF-8")
    }
    guard let kind = Int(exactly: kind).flatMap(TokenizerVocabulary.TokenKind.init), score.isFinite else {
      throw TokenizationError(
        source: source, keyPath: keyPath,
        reason: "expected a type from 1 to 6 and a finite score, found \(kind) and \(score)")
    }
    tokens.append(text)
    scores.append(score)
    kinds.append(kind)
  }

  private mutating func readTrainer(
    _ message: ArraySlice<UInt8>, _ ids: inout [UInt64: Int64]
  ) throws(TokenizationError) {
    var fields = ProtocolBuffer(message, source: source)
    while let field = try fields.next() {
      guard case .varint(let value) = field.value else { continue }
      switch field.number {
      case 3:
        guard let type = ModelType(rawValue: value) else {
          throw TokenizationError(
            source: source, keyPath: "trainer_spec.model_type", reason: "\(value) is not a kind of model")
        }
        modelType = type
      case 24: hasSpaceSuffix = value != 0
      case 35: hasByteFallback = value != 0
      case 40...43: ids[field.number] = Int64(Int32(truncatingIfNeeded: value))
      default: break
      }
    }
  }

  private mutating func readNormalizer(_ message: ArraySlice<UInt8>) throws(TokenizationError) {
    var fields = ProtocolBuffer(message, source: source)
    while let field = try fields.next() {
      switch (field.number, field.value) {
      case (2, .bytes(let bytes)): normalization.charsmap = Array(bytes)
      case (3, .varint(let value)): normalization.addsPrefix = value != 0
      case (4, .varint(let value)): normalization.removesExtraSpaces = value != 0
      case (5, .varint(let value)): normalization.escapesSpaces = value != 0
      default: break
      }
    }
  }
}

/// How SentencePiece normalizes text, and its defaults.
struct SentencePieceNormalization: Sendable, Equatable {
  /// The map of characters; empty for none.
  var charsmap: [UInt8] = []
  /// Whether a space is put before each text.
  var addsPrefix = true
  /// Whether spaces at the ends go, and others come one by one.
  var removesExtraSpaces = true
  /// Whether spaces become ``TokenSpelling/space``.
  var escapesSpaces = true

  /// The normalization as steps.
  ///
  /// - Throws: `TokenizationError` if the map of characters is malformed.
  func steps(source: String) throws(TokenizationError) -> [Normalizer] {
    func replace(_ pattern: SplitPattern.Source, _ text: [UInt8]) throws(TokenizationError) -> Normalizer {
      do { return .replace(try SplitPattern(pattern), text) } catch {
        throw TokenizationError(source: source, reason: error.reason)
      }
    }
    let space = [UInt8(ascii: " ")]
    var steps: [Normalizer] = []
    if !charsmap.isEmpty {
      guard let map = PrecompiledCharsmap(charsmap) else {
        throw TokenizationError(
          source: source, keyPath: "normalizer_spec.precompiled_charsmap",
          reason: "expected a trie and its replacements, found \(charsmap.count) bytes that are not")
      }
      steps.append(.precompiled(map))
    }
    if removesExtraSpaces {
      steps.append(try replace(.expression(#"\A +| +\z"#), []))
      steps.append(try replace(.expression(" {2,}"), space))
    }
    if addsPrefix { steps.append(.prepend(escapesSpaces ? TokenSpelling.space : space)) }
    if escapesSpaces { steps.append(try replace(.literal(" "), TokenSpelling.space)) }
    return steps
  }
}
