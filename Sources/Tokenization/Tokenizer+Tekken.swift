package import Storage

extension Tokenizer {
  /// The tokenizer of `tekken.json`, which some of Mistral's models have and no other: tokens in the order in which they are
  /// made of two, after those with a role.
  ///
  /// Names of the latter are found in text, as transformers does; mistral-common takes them for text. BOS begins every text
  /// unless the configuration says otherwise.
  ///
  /// | member | content |
  /// |---|---|
  /// | `config` | `pattern` cuts text; `default_vocab_size` and `default_num_special_tokens` say how many tokens there are |
  /// | `vocab` | `rank`, from 0, and `token_bytes` in Base64; more than the model has |
  /// | `special_tokens` | `rank`, which is the id, and `token_str`; those of mistral-common where it is missing |
  ///
  /// - Parameter configJSON: `tokenizer_config.json`.
  /// - Throws: `TokenizationError` naming what is malformed or not supported.
  package init(tekken document: JSONDocument, configJSON: JSONDocument? = nil) throws(TokenizationError) {
    let file = TekkenFile(root: document.root)
    let specials = try file.specialTokens()
    let tokens = try file.tokens(after: specials.count)
    let source = document.root.source
    var draft = DraftVocabulary(
      tokenCount: specials.count + tokens.count, mergeCount: tokens.count, source: source)
    var added: [AddedToken] = []
    for (id, text) in specials.enumerated() {
      text.withUnsafeBufferPointer { draft.addToken($0, id: Int32(id)) }
      added.append(AddedToken(id: Int32(id), content: text, isSpecial: true))
    }
    for (rank, bytes) in tokens.enumerated() {
      let text = ByteLevelAlphabet.encode(bytes)
      guard draft.id(of: text) == nil else {
        throw file.error("vocab[\(rank)].token_bytes", "expected a token that there is only once")
      }
      text.withUnsafeBufferPointer { draft.addToken($0, id: Int32(specials.count + rank)) }
    }
    let isMergeable = (0..<specials.count + tokens.count).map { $0 >= specials.count }
    draft.addMerges(scores: isMergeable.indices.map { -Float($0) }, isMergeable: isMergeable)
    let expression = try file.pattern()
    let pattern: SplitPattern
    do { pattern = try SplitPattern(.expression(expression)) } catch {
      throw file.error("config.pattern", error.reason)
    }
    let parts = TokenizerParts(
      preTokenizers: [
        .split(pattern, .isolated, inverted: false), .byteLevel(addsPrefixSpace: false, nil),
      ], decoder: .byteLevel,
      model: .bytePairs(unknownID: nil, fusesUnknown: false, hasByteFallback: false, ignoresMerges: true))
    func id(_ name: String) -> Int32? { specials.firstIndex(of: Array(name.utf8)).map(Int32.init) }
    let names = SpecialTokens(bos: id("<s>"), eos: id("</s>"), pad: id("<pad>"), unknown: id("<unk>"))
    let config = configJSON.map { TokenizerConfig(root: $0.root) }
    let template =
      config?.readTemplate(names, draft, hasPostProcessor: true)
      ?? TokenTemplate(before: [names.bos].compactMap(\.self))
    let vocabulary = try Vocabulary(draft, added: added, spelling: .byteLevel, source: source)
    try self.init(parts, vocabulary, draft, template, names, source: source)
  }
}

/// What `tekken.json` says.
private struct TekkenFile {
  let root: JSONValue

  /// Most tokens with a role that a file is believed to have; those without a name are made up.
  private static let specialLimit = 1 << 16

  /// What those are that older files leave to mistral-common.
  private static let usual = [
    "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]",
    "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]",
  ]

  func error(_ keyPath: String, _ reason: String) -> TokenizationError {
    TokenizationError(source: root.source, keyPath: keyPath, reason: reason)
  }

  /// The pattern that cuts text.
  func pattern() throws(TokenizationError) -> String {
    guard let pattern = root["config"]?["pattern"]?.string else {
      throw error("config.pattern", "expected a regular expression")
    }
    return pattern
  }

  /// The texts of the tokens with a role, by id.
  func specialTokens() throws(TokenizationError) -> [[UInt8]] {
    var named: [[UInt8]] = []
    if let list = root["special_tokens"], !list.isNull {
      for (index, token) in list.elements.enumerated() {
        guard let text = token["token_str"]?.utf8, !text.isEmpty,
          text.count <= AddedTokenMatcher.contentLimit,
          token["rank"]?.int == index
        else {
          throw error(
            "special_tokens[\(index)]",
            "expected the rank \(index) and a text of 1 to \(AddedTokenMatcher.contentLimit) bytes")
        }
        named.append(text)
      }
    } else {
      named = Self.usual.map { Array($0.utf8) }
    }
    let count = root["config"]?["default_num_special_tokens"]?.int ?? named.count
    guard (named.count...max(named.count, Self.specialLimit)).contains(count) else {
      throw error(
        "config.default_num_special_tokens",
        "expected \(named.count) to \(Self.specialLimit), found \(count)")
    }
    named += (named.count..<count).map { Array("<SPECIAL_\($0)>".utf8) }
    guard Set(named).count == named.count else { throw error("special_tokens", "expected each text once") }
    return named
  }

  /// The bytes of the others, of which there are as many as the vocabulary's size leaves after `specialCount`.
  func tokens(after specialCount: Int) throws(TokenizationError) -> [[UInt8]] {
    let list = root["vocab"]?.elements ?? []
    let size = root["config"]?["default_vocab_size"]?.int ?? list.count + specialCount
    guard size >= specialCount + 256, size <= specialCount + list.count
    else {
      throw error(
        "config.default_vocab_size",
        "expected at least 256 and at most \(list.count) tokens after \(specialCount) with a role, found \(size) with these"
      )
    }
    var tokens: [[UInt8]] = []
    tokens.reserveCapacity(size - specialCount)
    for (rank, token) in list.prefix(size - specialCount).enumerated() {
      guard token["rank"]?.int == rank, let text = token["token_bytes"]?.utf8,
        let bytes = Base64.decode(text), !bytes.isEmpty
      else { throw error("vocab[\(rank)]", "expected the rank \(rank) and \"token_bytes\" in Base64") }
      tokens.append(bytes)
    }
    return tokens
  }
}
