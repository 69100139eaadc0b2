package import Storage

/// Reads a Hugging Face `tokenizer.json`, and what matters of the `tokenizer_config.json` beside it.
///
/// What is not supported is refused by the name it has in the file: a tokenizer that is read gives the ids that
/// `tokenizers` gives.
struct TokenizerFile {
  /// Most pre-tokenizers in a row; real files have two or three.
  static let stepLimit = 16

  /// Longest text that a step puts into a text, in bytes; it bounds what a text can grow to.
  static let textLimit = 1024

  /// The whole file.
  let root: JSONValue

  /// An error about the value at `keyPath`.
  func error(_ keyPath: String, _ reason: String) -> TokenizationError {
    TokenizationError(source: root.source, keyPath: keyPath, reason: reason)
  }

  /// An error about something at `keyPath` that real files may hold, but that is not done here.
  func unsupported(_ keyPath: String, _ what: String) -> TokenizationError {
    error(keyPath, "\(what) is not supported")
  }

  /// The `type` of the object at `keyPath`.
  func type(of value: JSONValue, _ keyPath: String) throws(TokenizationError) -> String {
    guard let type = value["type"]?.string else {
      throw error(keyPath, "expected an object with a type, found \(value.describe)")
    }
    return type
  }

  /// A boolean member, which may be absent.
  func flag(
    _ value: JSONValue, _ key: String, _ keyPath: String, default absent: Bool = false
  ) throws(TokenizationError) -> Bool {
    guard let member = value[key], !member.isNull else { return absent }
    guard let flag = member.bool else {
      throw error("\(keyPath).\(key)", "expected a boolean, found \(member.describe)")
    }
    return flag
  }

  /// A token id.
  func id(
    _ value: JSONValue?, _ keyPath: @autoclosure () -> String
  ) throws(TokenizationError) -> Int32 {
    guard let id = value?.int.flatMap({ Int32(exactly: $0) }), id >= 0 else {
      throw error(keyPath(), "expected a token id, found \(value?.describe ?? "nothing")")
    }
    return id
  }

  /// The text of a member, at most ``textLimit`` bytes and not empty.
  func text(_ value: JSONValue?, _ keyPath: String) throws(TokenizationError) -> [UInt8] {
    guard let text = value?.utf8, !text.isEmpty, text.count <= Self.textLimit else {
      throw error(
        keyPath, "expected text of 1 to \(Self.textLimit) bytes, found \(value?.describe ?? "nothing")")
    }
    return text
  }

  /// The pattern of an object: an expression, or text to be found as it stands.
  func pattern(_ value: JSONValue?, _ keyPath: String) throws(TokenizationError) -> SplitPattern {
    let source: SplitPattern.Source
    if let text = value?["Regex"]?.string {
      source = .expression(text)
    } else if let text = value?["String"]?.string {
      source = .literal(text)
    } else {
      throw error(keyPath, "expected an object with Regex or String")
    }
    return try pattern(source, keyPath)
  }

  /// The compiled pattern.
  func pattern(_ source: SplitPattern.Source, _ keyPath: String) throws(TokenizationError) -> SplitPattern {
    do { return try SplitPattern(source) } catch { throw self.error(keyPath, error.reason) }
  }

  /// The added tokens in file order.
  func readAddedTokens(_ draft: DraftVocabulary) throws(TokenizationError) -> [AddedToken] {
    guard let list = root["added_tokens"], !list.isNull else { return [] }
    guard list.kind == .array else {
      throw error("added_tokens", "expected an array, found \(list.describe)")
    }
    var tokens: [AddedToken] = []
    for (index, value) in list.elements.enumerated() {
      let keyPath = "added_tokens[\(index)]"
      guard let content = value["content"]?.utf8, content.count <= AddedTokenMatcher.contentLimit else {
        throw error("\(keyPath).content", "expected at most \(AddedTokenMatcher.contentLimit) bytes of text")
      }
      // `tokenizers` passes over tokens without content.
      if content.isEmpty { continue }
      let id = try id(value["id"], "\(keyPath).id")
      if let modelID = draft.id(of: content), modelID != id {
        throw error("\(keyPath).id", "expected \(modelID) as in model.vocab, found \(id)")
      }
      let isSpecial = try flag(value, "special", keyPath)
      tokens.append(
        AddedToken(
          id: id, content: content, isSpecial: isSpecial,
          isSingleWord: try flag(value, "single_word", keyPath),
          stripsLeft: try flag(value, "lstrip", keyPath), stripsRight: try flag(value, "rstrip", keyPath),
          isNormalized: try flag(value, "normalized", keyPath, default: !isSpecial)))
    }
    return tokens
  }
}

extension Tokenizer {
  /// The tokenizer of a Hugging Face folder.
  ///
  /// Like transformers 5, `add_bos_token` or `add_eos_token` in the configuration replace the post-processor of
  /// `tokenizer.json`; tokens that the configuration gives a role are special.
  ///
  /// - Parameters:
  ///   - tokenizerJSON: `tokenizer.json`.
  ///   - configJSON: `tokenizer_config.json`; without it no token has a role, and none but the post-processor's
  ///     are added.
  /// - Throws: `TokenizationError` naming what is malformed or not supported.
  package init(
    tokenizerJSON: JSONDocument, configJSON: JSONDocument? = nil
  ) throws(TokenizationError) {
    let file = TokenizerFile(root: tokenizerJSON.root)
    let source = tokenizerJSON.root.source
    let config = configJSON.map { TokenizerConfig(root: $0.root) }
    let (draft, kind) = try file.readModel()
    var parts = TokenizerParts(
      normalizers: try file.readNormalizers(), preTokenizers: try file.readPreTokenizers(),
      decoder: .byteLevel,
      model: kind)
    parts.decoder = try file.readDecoder(isByteLevel: parts.isByteLevel)
    config?.applyClass(to: &parts)
    var added = try file.readAddedTokens(draft)
    let names = config?.readNames(draft, &added) ?? SpecialTokens()
    let vocabulary = try Vocabulary(
      draft, added: added, spelling: parts.spelling, source: source)
    let hasPostProcessor = tokenizerJSON.root["post_processor"].map { !$0.isNull } ?? false
    let template =
      if let configured = config?.readTemplate(names, draft, hasPostProcessor: hasPostProcessor) {
        configured
      } else {
        try file.readTemplate(vocabulary)
      }
    try self.init(parts, vocabulary, draft, template, names, source: source)
  }
}
