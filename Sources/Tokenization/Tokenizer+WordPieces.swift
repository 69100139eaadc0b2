package import Storage

extension Tokenizer {
  /// BERT's tokenizer over a `vocab.txt`: one word piece a line, in the order of their ids.
  ///
  /// - Parameters:
  ///   - source: Name of the file, for messages.
  ///   - configJSON: `tokenizer_config.json`: whether letters become small, and which tokens have a role; by default
  ///     they do, and `[CLS]`, `[SEP]`, `[PAD]`, `[UNK]` and `[MASK]` have theirs.
  /// - Throws: `TokenizationError` if there is no unknown token, or a line is not UTF-8.
  package init(
    wordPieces bytes: [UInt8], source: String, configJSON: JSONDocument? = nil
  ) throws(TokenizationError) {
    var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    guard lines.count < Int(Int32.max) else {
      throw TokenizationError(source: source, reason: "expected fewer than 2³¹ lines, found \(lines.count)")
    }
    var draft = DraftVocabulary(tokenCount: lines.count, mergeCount: 0, source: source)
    for (id, var line) in lines.enumerated() {
      if line.last == 0x0D { line.removeLast() }
      guard (try? UTF8Span(validating: line.span)) != nil else {
        throw TokenizationError(source: source, keyPath: "line \(id + 1)", reason: "expected UTF-8")
      }
      line.withUnsafeBufferPointer { draft.addToken($0, id: Int32(id)) }
    }
    try self.init(
      bert: draft, names: nil, config: configJSON.map { TokenizerConfig(root: $0.root) }, source: source)
  }

  /// BERT's tokenizer over `draft`.
  ///
  /// - Parameter names: The tokens with a role; nil to find those that have their usual texts.
  init(
    bert draft: DraftVocabulary, names given: SpecialTokens?, config: TokenizerConfig?, source: String
  ) throws(TokenizationError) {
    func id(_ text: String) -> Int32? { draft.id(of: Array(text.utf8)) }
    var names =
      given
      ?? SpecialTokens(
        pad: id("[PAD]"), unknown: id("[UNK]"), separator: id("[SEP]"), classifier: id("[CLS]"),
        mask: id("[MASK]"))
    var added: [AddedToken] = []
    for id in Set(names.all).sorted() {
      added.append(AddedToken(id: id, content: Array(draft.texts[Int(id)]), isSpecial: true))
    }
    if let config {
      let configured = config.readNames(draft, &added)
      names.bos = configured.bos
      names.eos = configured.eos
      names.pad = configured.pad ?? names.pad
      names.unknown = configured.unknown ?? names.unknown
      names.separator = configured.separator ?? names.separator
      names.classifier = configured.classifier ?? names.classifier
      names.mask = configured.mask ?? names.mask
    }
    guard let unknownID = names.unknown else {
      throw TokenizationError(source: source, reason: "expected a token for unknown words, such as [UNK]")
    }
    let vocabulary = try Vocabulary(
      draft, added: added, spelling: .wordPiece(prefix: Array("##".utf8)),
      source: source)
    let template = TokenTemplate(
      before: [names.classifier].compactMap(\.self), after: [names.separator].compactMap(\.self))
    try self.init(
      .bert(config?.bertNormalizer ?? BertNormalizer(), unknownID: unknownID), vocabulary, draft, template,
      names, source: source)
  }
}
