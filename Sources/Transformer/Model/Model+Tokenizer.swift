internal import Checkpoints
internal import Storage
package import Tokenization

extension Model {
  /// The tokenizer that stands with the model's weights.
  package func tokenizer() throws -> Tokenizer {
    switch source {
    case .folder: try Tokenizer(folder: path)
    case .gguf(let file): try Tokenizer(file, path: path)
    }
  }

  /// The text of the chat template, where the model has one.
  package var chatTemplate: String? {
    if case .gguf(let file) = source { return file["tokenizer.chat_template"]?.string }
    return nil
  }

  /// The tokens that end a text.
  package func stopTokens(_ tokenizer: Tokenizer) -> Set<Int32> {
    var tokens = Set<Int32>()
    if let id = tokenizer.eosID { tokens.insert(id) }
    switch config["eos_token_id"] {
    case .int(let id)?: tokens.insert(Int32(clamping: id))
    case .array(let ids)?:
      for case .int(let id) in ids { tokens.insert(Int32(clamping: id)) }
    default: break
    }
    return tokens
  }
}

extension Tokenizer {
  /// The tokenizer at `path`: a folder with `tokenizer.json`, or a GGUF file, of which the vocabulary is enough.
  package init(path: String) throws {
    if path.hasSuffix(".gguf") {
      try self.init(try GGUFFile(path: path), path: path)
    } else {
      try self.init(folder: path)
    }
  }

  /// Reads `tokenizer.json` and, where it is there, `tokenizer_config.json`.
  ///
  /// - Throws: ``ModelError`` where the folder has no `tokenizer.json`; else what is wrong with the files.
  init(folder: String) throws {
    let path = FileSystem.join(folder, "tokenizer.json")
    guard FileSystem.kind(of: path) == .file else {
      throw ModelError(folder, "there is no tokenizer.json; copy it from the model's page")
    }
    let document = try JSONDocument(parsing: try FileSystem.readFile(path, limit: 256 << 20), source: path)
    let configPath = FileSystem.join(folder, "tokenizer_config.json")
    var config: JSONDocument?
    if FileSystem.kind(of: configPath) == .file {
      config = try JSONDocument(
        parsing: try FileSystem.readFile(configPath, limit: 64 << 20), source: configPath)
    }
    try self.init(tokenizerJSON: document, configJSON: config)
  }

  /// Takes the vocabulary from the `tokenizer.ggml.` keys of a GGUF file; `path` is for messages.
  ///
  /// - Throws: ``ModelError`` where tokens or merges are missing or of the wrong type.
  init(_ file: GGUFFile, path: String) throws {
    var vocabulary = TokenizerVocabulary(source: path)
    func strings(_ key: String) throws -> ByteStrings {
      guard let array = file[key]?.array else {
        throw ModelError(path, "metadata key \"\(key)\" is missing, so the file has no tokenizer")
      }
      var strings = ByteStrings()
      guard try array.forEachString({ strings.append($0) }) else {
        throw ModelError(path, "metadata key \"\(key)\" must be an array of strings")
      }
      return strings
    }
    if let model = file["tokenizer.ggml.model"]?.string { vocabulary.model = model }
    vocabulary.preTokenizer = file["tokenizer.ggml.pre"]?.string
    vocabulary.tokens = try strings("tokenizer.ggml.tokens")
    vocabulary.merges = try strings("tokenizer.ggml.merges")
    vocabulary.kinds = try (file["tokenizer.ggml.token_type"]?.array?.ints ?? []).map { value in
      guard let kind = TokenizerVocabulary.TokenKind(rawValue: value) else {
        throw ModelError(
          path, "metadata key \"tokenizer.ggml.token_type\" holds \(value), which is no token type")
      }
      return kind
    }
    func id(_ name: String) -> Int32? {
      file["tokenizer.ggml.\(name)_token_id"]?.int.map { Int32(clamping: $0) }
    }
    vocabulary.bosID = id("bos")
    vocabulary.eosID = id("eos")
    vocabulary.unknownID = id("unknown")
    vocabulary.padID = id("padding")
    vocabulary.addsBOS = file["tokenizer.ggml.add_bos_token"]?.bool
    vocabulary.addsEOS = file["tokenizer.ggml.add_eos_token"]?.bool
    try self.init(vocabulary: vocabulary)
  }
}
