package import Storage

extension Tokenizer {
  /// The tokenizer of a SentencePiece model, `tokenizer.model`.
  ///
  /// Text is treated as SentencePiece does, unless the class that the configuration names does it differently.
  ///
  /// - Parameters:
  ///   - source: Name of the file, for messages.
  ///   - configJSON: `tokenizer_config.json`; without it nothing is put around a text.
  /// - Throws: `TokenizationError` naming what is malformed or not supported.
  package init(
    sentencePiece bytes: [UInt8], source: String, configJSON: JSONDocument? = nil
  ) throws(TokenizationError) {
    guard !Self.isTokenList(bytes) else {
      throw TokenizationError(
        source: source,
        reason: "this is a list of tokens as tiktoken reads it, which does not say how text is cut; "
          + "copy tokenizer.json from the model's page")
    }
    let file = try SentencePieceFile(bytes, source: source)
    guard !file.hasSpaceSuffix else {
      throw TokenizationError(
        source: source, keyPath: "trainer_spec.treat_whitespace_as_suffix", reason: "true is not supported")
    }
    let config = configJSON.map { TokenizerConfig(root: $0.root) }
    let pieces = SentencePieces(
      tokens: file.tokens, scores: file.scores, kinds: file.kinds, names: file.names,
      isUnigram: file.modelType == .unigram, hasByteFallback: file.hasByteFallback,
      normalization: file.normalization, userDefinedAreNormalized: true)
    guard file.modelType == .unigram || file.modelType == .bytePairs else {
      throw TokenizationError(
        source: source, keyPath: "trainer_spec.model_type",
        reason: "\(file.modelType) is not supported; only unigram and BPE are")
    }
    try self.init(pieces, config, template: nil, source: source)
  }

  /// Whether `bytes` begin with a line of Base64 and a number, as lists of tokens do that have the same name.
  private static func isTokenList(_ bytes: [UInt8]) -> Bool {
    let line = bytes.prefix(1024).prefix { $0 != UInt8(ascii: "\n") }
    let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    return parts.count == 2 && !parts[0].isEmpty && Base64.decode(Array(parts[0])) != nil && !parts[1].isEmpty
      && parts[1].allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  /// The tokenizer of `pieces`.
  ///
  /// - Parameter template: What is put around a text; nil for what the configuration says.
  init(
    _ pieces: SentencePieces, _ config: TokenizerConfig?, template: TokenTemplate?, source: String
  ) throws(TokenizationError) {
    let count = pieces.tokens.count
    var draft = DraftVocabulary(tokenCount: count, mergeCount: pieces.merges?.count ?? 0, source: source)
    var added: [AddedToken] = []
    for id in 0..<count {
      let text = pieces.tokens[id]
      text.withUnsafeBufferPointer { draft.addToken($0, id: Int32(id)) }
      // Of equal texts the first counts, as in a vocabulary.
      guard [.control, .userDefined].contains(pieces.kinds[id]) || pieces.names.unknown == Int32(id),
        !text.isEmpty, draft.id(of: Array(text)) == Int32(id)
      else { continue }
      guard text.count <= AddedTokenMatcher.contentLimit else {
        throw TokenizationError(
          source: source, keyPath: "pieces[\(id)]",
          reason: "expected at most \(AddedTokenMatcher.contentLimit) bytes, found \(text.count)")
      }
      let isUserDefined = pieces.kinds[id] == .userDefined
      added.append(
        AddedToken(
          id: Int32(id), content: Array(text), isSpecial: !isUserDefined,
          isNormalized: isUserDefined && pieces.userDefinedAreNormalized, isContentNormalized: false))
    }
    // Bytes, control tokens and the like are no parts of words.
    let isMergeable = pieces.kinds.map { [.normal, .userDefined, .unused].contains($0) }
    let kind: TokenizerParts.ModelKind
    if pieces.isUnigram {
      kind = .unigram(
        scores: pieces.scores.map(Double.init), unknownID: pieces.names.unknown,
        hasByteFallback: pieces.hasByteFallback)
    } else {
      if let merges = pieces.merges {
        for index in 0..<merges.count {
          try merges[index].withUnsafeBufferPointer { text throws(TokenizationError) in
            try draft.addMerge(spaced: text)
          }
        }
      } else {
        draft.addMerges(scores: pieces.scores, isMergeable: isMergeable)
      }
      kind = .bytePairs(
        unknownID: pieces.names.unknown, fusesUnknown: true, hasByteFallback: pieces.hasByteFallback,
        ignoresMerges: false)
    }
    var parts = TokenizerParts(
      normalizers: try pieces.normalization.steps(source: source),
      decoder: TokenizerParts.sentencePieceDecoder(stripsSpace: pieces.normalization.addsPrefix), model: kind)
    var names = pieces.names
    if let config {
      config.applyClass(to: &parts)
      let configured = config.readNames(draft, &added)
      names.bos = configured.bos ?? names.bos
      names.eos = configured.eos ?? names.eos
      names.pad = configured.pad ?? names.pad
      names.unknown = configured.unknown ?? names.unknown
    }
    let template =
      template ?? config?.readTemplate(names, draft, hasPostProcessor: false) ?? TokenTemplate()
    let vocabulary = try Vocabulary(
      draft, added: added, spelling: .sentencePiece, source: source)
    try self.init(parts, vocabulary, draft, template, names, source: source)
  }
}

/// The pieces of a SentencePiece model and how they are used, from a `tokenizer.model` or a GGUF file.
struct SentencePieces {
  /// The pieces by id.
  var tokens: ByteStrings
  /// The score of each.
  var scores: [Float]
  /// The merges in order of rank, each two pieces with a space between them; `nil` where the scores imply them.
  var merges: ByteStrings?
  /// What each is for.
  var kinds: [TokenizerVocabulary.TokenKind]
  /// The pieces with a role.
  var names: SpecialTokens
  /// Whether the model is Unigram; otherwise it is BPE.
  var isUnigram: Bool
  /// Whether what the vocabulary lacks becomes bytes.
  var hasByteFallback: Bool
  /// How text is normalized.
  var normalization: SentencePieceNormalization
  /// Whether user-defined pieces stand in the normalized text, spaces written as the mark for them; GGUF files have them as
  /// they stand in the text itself.
  var userDefinedAreNormalized = false
}
