/// What a tokenizer is built from, but for its vocabulary, while files are read.
struct TokenizerParts {
  /// The steps that rewrite text.
  var normalizers: [Normalizer] = []
  /// The steps that cut text.
  var preTokenizers: [PreTokenizer] = []
  /// What turns ids into text.
  var decoder: TokenDecoder
  /// The kind of model, with its settings.
  var model: ModelKind

  /// A model's settings.
  enum ModelKind: Sendable {
    /// BPE; the id is that of the unknown token.
    case bytePairs(unknownID: Int32?, fusesUnknown: Bool, hasByteFallback: Bool, ignoresMerges: Bool)
    /// Unigram, with the score of each token by id.
    case unigram(scores: [Double], unknownID: Int32?, hasByteFallback: Bool)
    /// WordPiece.
    case wordPiece(prefix: [UInt8], characterLimit: Int, unknownID: Int32)
  }

  /// Whether pieces of text reach the model in the byte-level alphabet.
  var isByteLevel: Bool {
    if case .byteLevel? = preTokenizers.last { return true }
    return false
  }

  /// How the tokens are written.
  var spelling: TokenSpelling {
    if isByteLevel { return .byteLevel }
    if case .wordPiece(let prefix, _, _) = model { return .wordPiece(prefix: prefix) }
    return .sentencePiece
  }

  /// BERT's parts.
  static func bert(_ normalizer: BertNormalizer, unknownID: Int32) -> Self {
    let prefix = Array("##".utf8)
    return TokenizerParts(
      normalizers: [.bert(normalizer)], preTokenizers: [.bert],
      decoder: .steps([.wordPiece(prefix: prefix, cleansUp: true)]),
      model: .wordPiece(prefix: prefix, characterLimit: 100, unknownID: unknownID))
  }

  /// The steps from tokens to text of SentencePiece's BPE, with or without the space that was put first.
  static func sentencePieceDecoder(stripsSpace: Bool) -> TokenDecoder {
    let space = [UInt8(ascii: " ")]
    return .steps(
      [.replace(TokenSpelling.space, space), .byteFallback, .fuse]
        + (stripsSpace ? [.strip(space, start: 1, stop: 0)] : []))
  }
}

extension Tokenizer {
  /// A tokenizer of these parts; `draft` has the merges of a byte-pair model.
  init(
    _ parts: TokenizerParts, _ vocabulary: Vocabulary, _ draft: DraftVocabulary, _ template: TokenTemplate,
    _ names: SpecialTokens, source: String
  ) throws(TokenizationError) {
    let model: TokenModel =
      switch parts.model {
      case .bytePairs(let unknownID, let fusesUnknown, let hasByteFallback, let ignoresMerges):
        .bytePairs(
          BytePairModel(
            vocabulary: vocabulary, merges: draft.merges, ignoresMerges: ignoresMerges, unknownID: unknownID,
            fusesUnknown: fusesUnknown, hasByteFallback: hasByteFallback))
      case .unigram(let scores, let unknownID, let hasByteFallback):
        .unigram(
          UnigramModel(
            vocabulary: vocabulary, scores: scores, unknownID: unknownID, hasByteFallback: hasByteFallback))
      case .wordPiece(let prefix, let characterLimit, let unknownID):
        .wordPiece(
          WordPieceModel(
            vocabulary: vocabulary, prefix: prefix, characterLimit: characterLimit, unknownID: unknownID))
      }
    let encoder: TokenEncoder
    do {
      encoder = try TokenEncoder(
        vocabulary: vocabulary, normalizers: parts.normalizers, preTokenizers: parts.preTokenizers,
        model: model)
    } catch {
      throw TokenizationError(source: source, keyPath: "normalizer", reason: error.reason)
    }
    self.init(
      encoder: encoder, decoder: parts.decoder, template: template, names: names, source: source)
  }
}
