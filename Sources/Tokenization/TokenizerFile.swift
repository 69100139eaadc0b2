package import Storage

/// Reads a Hugging Face `tokenizer.json`, and what matters of the `tokenizer_config.json` beside it.
///
/// What is not supported is refused by the name it has in the file: a tokenizer that is read gives the ids that
/// `tokenizers` gives.
struct TokenizerFile {
  /// Most pre-tokenizers in a row; real files have two or three.
  static let stepLimit = 16

  /// The whole file.
  let root: JSONValue

  /// An error about the value at `keyPath`.
  func error(_ keyPath: String, _ reason: String) -> TokenizationError {
    TokenizationError(source: root.source, keyPath: keyPath, reason: reason)
  }

  private func unsupported(_ keyPath: String, _ what: String) -> TokenizationError {
    error(keyPath, "\(what) is not supported")
  }

  /// The `type` of the object at `keyPath`.
  private func type(of value: JSONValue, _ keyPath: String) throws(TokenizationError) -> String {
    guard let type = value["type"]?.string else {
      throw error(keyPath, "expected an object with a type, found \(value.describe)")
    }
    return type
  }

  /// A boolean member, which may be absent.
  private func flag(
    _ value: JSONValue, _ key: String, _ keyPath: String, default absent: Bool = false
  ) throws(TokenizationError) -> Bool {
    guard let member = value[key], !member.isNull else { return absent }
    guard let flag = member.bool else {
      throw error("\(keyPath).\(key)", "expected a boolean, found \(member.describe)")
    }
    return flag
  }

  /// A token id.
  private func id(
    _ value: JSONValue?, _ keyPath: @autoclosure () -> String
  ) throws(TokenizationError) -> Int32 {
    guard let id = value?.int.flatMap({ Int32(exactly: $0) }), id >= 0 else {
      throw error(keyPath(), "expected a token id, found \(value?.describe ?? "nothing")")
    }
    return id
  }

  /// Checks that nothing is done to the text before it is cut.
  func checkNormalizer() throws(TokenizationError) {
    guard let value = root["normalizer"], !value.isNull else { return }
    let type = try type(of: value, "normalizer")
    guard type == "Sequence", value["normalizers"]?.kind == .array, value["normalizers"]?.count == 0 else {
      throw unsupported("normalizer", type == "Sequence" ? "a sequence of normalizers" : type)
    }
  }

  /// Checks that tokens are turned to text by the byte-level alphabet.
  func checkDecoder() throws(TokenizationError) {
    guard let value = root["decoder"], !value.isNull else {
      throw error("decoder", "expected ByteLevel, found nothing")
    }
    let type = try type(of: value, "decoder")
    guard type == "ByteLevel" else { throw unsupported("decoder", type) }
  }

  /// The model's tokens and merges.
  func readModel() throws(TokenizationError) -> BytePairVocabulary {
    guard let model = root["model"] else { throw error("model", "expected an object, found nothing") }
    // Files from before models were named have no type.
    let type = model["type"]?.string ?? (model["merges"] == nil ? "a model without merges" : "BPE")
    guard type == "BPE" else { throw unsupported("model", type) }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] where model[key]?.string ?? "" != "" {
      throw unsupported("model.\(key)", "a prefix or suffix of tokens")
    }
    if try flag(model, "byte_fallback", "model") { throw unsupported("model.byte_fallback", "byte fallback") }
    if let dropout = model["dropout"]?.double, dropout != 0 {
      throw unsupported("model.dropout", "dropout, which makes encoding random,")
    }
    guard let tokens = model["vocab"], tokens.kind == .object else {
      throw error("model.vocab", "expected an object, found \(model["vocab"]?.describe ?? "nothing")")
    }
    guard let merges = model["merges"], merges.kind == .array else {
      throw error("model.merges", "expected an array, found \(model["merges"]?.describe ?? "nothing")")
    }
    var vocabulary = BytePairVocabulary(
      tokenCount: tokens.count, mergeCount: merges.count, source: root.source)
    do {
      try tokens.forEachMember { text, id in
        let text = text.assumingMemoryBound(to: UInt8.self)
        vocabulary.addToken(
          text, id: try self.id(id, "model.vocab[\"\(String(decoding: text, as: UTF8.self))\"]"))
      }
      try merges.forEachElement { merge in
        let parts = merge.kind == .array ? merge.elements : [merge]
        let found: Void? = try parts.first?.withStringBytes { first in
          let first = first.assumingMemoryBound(to: UInt8.self)
          if merge.kind == .string { return try vocabulary.addMerge(spaced: first) }
          guard parts.count == 2, parts[1].kind == .string else { throw mergeError(vocabulary, merge) }
          try parts[1].withStringBytes { second in
            try vocabulary.addMerge(first, second.assumingMemoryBound(to: UInt8.self))
          }
        }
        if found == nil { throw mergeError(vocabulary, merge) }
      }
    } catch let error as TokenizationError {
      throw error
    } catch {
      throw self.error("model", "\(error)")
    }
    return vocabulary
  }

  private func mergeError(_ vocabulary: BytePairVocabulary, _ merge: JSONValue) -> TokenizationError {
    error(
      "model.merges[\(vocabulary.merges.count)]",
      "expected a string or an array of two strings, found \(merge.describe)")
  }

  /// Builds the model over `vocabulary` from the tokens and merges of ``readModel()``.
  func model(_ pairs: BytePairVocabulary, _ vocabulary: Vocabulary) throws(TokenizationError) -> BytePairModel
  {
    let model = root["model"] ?? root
    var unknownID: Int32?
    if let text = model["unk_token"]?.utf8 {
      guard let id = pairs.id(of: text) else {
        throw error("model.unk_token", "expected a token of the vocabulary")
      }
      unknownID = id
    }
    return BytePairModel(
      vocabulary: vocabulary, merges: pairs.merges, merged: pairs.merged,
      ignoresMerges: try flag(model, "ignore_merges", "model"), unknownID: unknownID,
      fusesUnknown: try flag(model, "fuse_unk", "model"))
  }

  /// The added tokens in file order.
  func readAddedTokens(_ pairs: BytePairVocabulary) throws(TokenizationError) -> [AddedToken] {
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
      if let modelID = pairs.id(of: content), modelID != id {
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

  /// The steps of pre-tokenization, the last of which is ByteLevel.
  func readPreTokenizers() throws(TokenizationError) -> [PreTokenizer] {
    var steps: [PreTokenizer] = []
    if let value = root["pre_tokenizer"], !value.isNull {
      try appendPreTokenizers(value, "pre_tokenizer", to: &steps)
    }
    guard case .byteLevel = steps.last else {
      throw unsupported("pre_tokenizer", "BPE on characters, without ByteLevel as the last step,")
    }
    return steps
  }

  private func appendPreTokenizers(
    _ value: JSONValue, _ keyPath: String, to steps: inout [PreTokenizer]
  ) throws(TokenizationError) {
    if case .byteLevel = steps.last { throw unsupported(keyPath, "a step after ByteLevel") }
    guard steps.count < Self.stepLimit else {
      throw unsupported(keyPath, "a step after \(Self.stepLimit) others")
    }
    switch try type(of: value, keyPath) {
    case "Sequence":
      for (index, step) in (value["pretokenizers"]?.elements ?? []).enumerated() {
        try appendPreTokenizers(step, "\(keyPath).pretokenizers[\(index)]", to: &steps)
      }
    case "Digits":
      steps.append(.digits(individually: try flag(value, "individual_digits", keyPath)))
    case "ByteLevel":
      let splits = try flag(value, "use_regex", keyPath, default: true)
      let pattern =
        splits ? try pattern(.expression(SplitPattern.gpt2Expression), "\(keyPath).use_regex") : nil
      steps.append(
        .byteLevel(addsPrefixSpace: try flag(value, "add_prefix_space", keyPath, default: true), pattern))
    case "Split":
      guard let name = value["behavior"]?.string, let behavior = SplitBehavior(rawValue: name) else {
        let names = SplitBehavior.allCases.map(\.rawValue).joined(separator: ", ")
        throw error("\(keyPath).behavior", "expected one of \(names)")
      }
      let source: SplitPattern.Source
      if let text = value["pattern"]?["Regex"]?.string {
        source = .expression(text)
      } else if let text = value["pattern"]?["String"]?.string {
        source = .literal(text)
      } else {
        throw error("\(keyPath).pattern", "expected an object with Regex or String")
      }
      steps.append(
        .split(
          try pattern(source, "\(keyPath).pattern"), behavior, inverted: try flag(value, "invert", keyPath)))
    case let type: throw unsupported(keyPath, type)
    }
  }

  private func pattern(
    _ source: SplitPattern.Source, _ keyPath: String
  ) throws(TokenizationError) -> SplitPattern {
    do { return try SplitPattern(source) } catch { throw self.error(keyPath, error.reason) }
  }

  /// What is put around each text.
  func readTemplate() throws(TokenizationError) -> TokenTemplate {
    var template = TokenTemplate()
    if let value = root["post_processor"], !value.isNull {
      try wrap(&template, value, "post_processor")
    }
    return template
  }

  private func wrap(
    _ template: inout TokenTemplate, _ value: JSONValue, _ keyPath: String
  ) throws(TokenizationError) {
    switch try type(of: value, keyPath) {
    // Only moves the offsets of tokens.
    case "ByteLevel": break
    case "Sequence":
      for (index, step) in (value["processors"]?.elements ?? []).enumerated() {
        try wrap(&template, step, "\(keyPath).processors[\(index)]")
      }
    case "BertProcessing", "RobertaProcessing":
      template.before.insert(try id(value["cls"]?.elements.last, "\(keyPath).cls"), at: 0)
      template.after.append(try id(value["sep"]?.elements.last, "\(keyPath).sep"))
    case "TemplateProcessing":
      var before: [Int32] = []
      var after: [Int32] = []
      var sequences = 0
      for (index, piece) in (value["single"]?.elements ?? []).enumerated() {
        if let name = piece["SpecialToken"]?["id"]?.string {
          let ids = value["special_tokens"]?[name]?["ids"]?.elements ?? []
          for element in ids {
            let id = try id(element, "\(keyPath).special_tokens[\"\(name)\"].ids")
            if sequences == 0 { before.append(id) } else { after.append(id) }
          }
          if !ids.isEmpty { continue }
        } else if piece["Sequence"]?["id"]?.string == "A" {
          sequences += 1
          continue
        }
        throw error("\(keyPath).single[\(index)]", "expected the sequence A or a special token with ids")
      }
      guard sequences == 1 else { throw error("\(keyPath).single", "expected the sequence A once") }
      template.before = before + template.before
      template.after += after
    case let type: throw unsupported(keyPath, type)
    }
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
    try file.checkNormalizer()
    try file.checkDecoder()
    let preTokenizers = try file.readPreTokenizers()
    let pairs = try file.readModel()
    var added = try file.readAddedTokens(pairs)
    let config = configJSON.map { TokenizerConfig(root: $0.root) }
    let names = config?.readNames(pairs, &added) ?? SpecialTokens()
    let vocabulary = try Vocabulary(
      texts: pairs.texts, ids: pairs.ids, added: added, source: tokenizerJSON.root.source)
    let hasPostProcessor = tokenizerJSON.root["post_processor"].map { !$0.isNull } ?? false
    let template: TokenTemplate
    if let configured = config?.readTemplate(names, hasPostProcessor: hasPostProcessor) {
      template = configured
    } else {
      template = try file.readTemplate()
    }
    self.init(
      encoder: TokenEncoder(
        vocabulary: vocabulary, preTokenizers: preTokenizers,
        model: .bytePairs(try file.model(pairs, vocabulary))),
      template: template, names: names, source: tokenizerJSON.root.source)
  }
}
