package import Storage

/// The files of a byte-level tokenizer from before `tokenizer.json`: GPT-2's and OPT's, and RoBERTa's.
package struct BytePairFiles {
  /// What GPT-2's class and RoBERTa's add to the same two files.
  private enum Style {
    case gpt2
    case roberta

    /// The tokens with a role, where the folder names no others.
    var names: JSON.Members {
      switch self {
      case .gpt2:
        JSON.Members(["bos_token", "eos_token", "unk_token"].map { ($0, "<|endoftext|>") })
      case .roberta:
        JSON.Members([
          ("bos_token", "<s>"), ("eos_token", "</s>"), ("sep_token", "</s>"), ("cls_token", "<s>"),
          ("unk_token", "<unk>"), ("pad_token", "<pad>"), ("mask_token", "<mask>"),
        ])
      }
    }

    /// The style of a tokenizer class, or of a model where there is none; `nil` for one whose files do not say all of it.
    init?(tokenizerClass: String?, modelType: String?) {
      switch tokenizerClass ?? modelType {
      case "GPT2Tokenizer", "GPT2TokenizerFast", "gpt2", "opt", "gptj", "gpt_neo": self = .gpt2
      case "RobertaTokenizer", "RobertaTokenizerFast", "roberta": self = .roberta
      default: return nil
      }
    }
  }

  /// `vocab.json`: each token's id.
  package var vocabulary: JSONDocument
  /// The bytes of `merges.txt`: two tokens a line, the first lines first.
  package var merges: [UInt8]
  /// `special_tokens_map.json`: the tokens with a role.
  package var specialTokens: JSONDocument?
  /// `tokenizer_config.json`, which comes before the former.
  package var config: JSONDocument?
  /// `model_type` of the model's `config.json`, for folders that name no class.
  package var modelType: String?

  /// - Parameters:
  ///   - vocabulary: `vocab.json`.
  ///   - merges: The bytes of `merges.txt`.
  ///   - specialTokens: `special_tokens_map.json`.
  ///   - config: `tokenizer_config.json`.
  ///   - modelType: `model_type` of `config.json`.
  package init(
    vocabulary: JSONDocument, merges: [UInt8], specialTokens: JSONDocument? = nil,
    config: JSONDocument? = nil,
    modelType: String? = nil
  ) {
    self.vocabulary = vocabulary
    self.merges = merges
    self.specialTokens = specialTokens
    self.config = config
    self.modelType = modelType
  }

  private var source: String { vocabulary.root.source }

  /// The two documents that say the same in today's form.
  fileprivate func documents() throws(TokenizationError) -> (tokenizer: JSONDocument, config: JSONDocument) {
    let tokenizerClass = config?.root["tokenizer_class"]?.string
    guard let style = Style(tokenizerClass: tokenizerClass, modelType: modelType) else {
      let name = tokenizerClass ?? modelType ?? "a model of no known type"
      throw TokenizationError(
        source: source,
        reason: "the tokens of \(name) are not determined by vocab.json and merges.txt; "
          + "copy tokenizer.json from the model's page")
    }
    var settings = style.names
    for document in [specialTokens, config].compactMap(\.self) {
      for (key, value) in document.root.members where !value.isNull { settings[key] = JSON(value) }
    }
    var tokenizer = JSON.Members([
      ("pre_tokenizer", ["type": "ByteLevel", "add_prefix_space": settings["add_prefix_space"] ?? false]),
      ("decoder", ["type": "ByteLevel"]),
      ("added_tokens", .array(addedTokens)),
    ])
    if style == .roberta {
      // The class puts these two around a text, whatever else the settings say.
      (settings["add_bos_token"], settings["add_eos_token"]) = (nil, nil)
      tokenizer["post_processor"] = [
        "type": "RobertaProcessing", "cls": try token("cls_token", settings),
        "sep": try token("sep_token", settings),
      ]
    }
    tokenizer["model"] = ["type": "BPE", "vocab": JSON(vocabulary.root), "merges": try mergeList()]
    do {
      return (
        try JSONDocument(parsing: JSON.object(tokenizer).serialized(), source: source),
        try JSONDocument(parsing: JSON.object(settings).serialized(), source: config?.root.source ?? source)
      )
    } catch { throw TokenizationError(source: source, reason: error.description) }
  }

  /// The tokens that `added_tokens_decoder` of the configuration lists by their ids.
  private var addedTokens: [JSON] {
    (config?.root["added_tokens_decoder"]?.members ?? []).map { id, token in
      guard case .object(var members) = JSON(token) else { return JSON(token) }
      members["id"] = Int(id).map(JSON.int) ?? .string(id)
      return .object(members)
    }
  }

  /// A token with a role and its id, as a post-processor names it.
  private func token(_ role: String, _ settings: JSON.Members) throws(TokenizationError) -> JSON {
    var text = settings[role]
    if case .object(let members) = text { text = members["content"] }
    guard case .string(let name) = text, let id = vocabulary.root[name]?.int else {
      throw TokenizationError(
        source: source, keyPath: role, reason: "expected one of the vocabulary's tokens")
    }
    return [.string(name), .int(id)]
  }

  private func mergeList() throws(TokenizationError) -> JSON {
    var list: [JSON] = []
    for (index, var line) in merges.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
      if line.last == 0x0D { line.removeLast() }
      if line.isEmpty || line.starts(with: "#version".utf8) { continue }
      guard (try? UTF8Span(validating: line.span)) != nil else {
        throw TokenizationError(
          source: source, keyPath: "merges.txt, line \(index + 1)", reason: "expected UTF-8")
      }
      list.append(.string(String(decoding: line, as: UTF8.self)))
    }
    return .array(list)
  }
}

extension Tokenizer {
  /// The tokenizer of `vocab.json` and `merges.txt`, as transformers builds it.
  ///
  /// - Throws: `TokenizationError` naming what is malformed, or a class of tokenizers that these files do not determine.
  package init(bytePairs files: BytePairFiles) throws(TokenizationError) {
    let (tokenizer, config) = try files.documents()
    try self.init(tokenizerJSON: tokenizer, configJSON: config)
  }
}
