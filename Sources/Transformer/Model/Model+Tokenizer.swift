internal import Checkpoints
internal import Foundation
internal import Storage
internal import Synchronization
package import Tokenization

extension Model {
  /// The tokenizer that stands with the model's weights.
  package func tokenizer() throws -> Tokenizer {
    try openedTokenizer.value {
      switch source {
      case .folder, .torch: try Tokenizer(folder: path)
      case .gguf(let file): try Tokenizer(file, path: path)
      }
    }
  }

  /// A tokenizer that is opened when it is first asked for, once for all copies of a model.
  final class OpenedTokenizer: Sendable {
    private let tokenizer = Mutex<Tokenizer?>(nil)

    /// What `open` gave when this was first asked.
    ///
    /// - Throws: what `open` throws; it is asked again then.
    func value(_ open: () throws -> Tokenizer) throws -> Tokenizer {
      try tokenizer.withLock { tokenizer in
        if let tokenizer { return tokenizer }
        let opened = try open()
        tokenizer = opened
        return opened
      }
    }
  }

  /// The text of the chat template and the file it stands in; `nil` where the model has none.
  package var chatTemplateText: (text: String, source: String)? {
    switch source {
    case .gguf(let file): return file["tokenizer.chat_template"]?.string.map { ($0, path) }
    case .folder, .torch:
      let file = FileSystem.join(path, "chat_template.jinja")
      let config = FileSystem.join(path, "tokenizer_config.json")
      func read(_ path: String) -> [UInt8]? { try? FileSystem.readFile(path, limit: 64 << 20) }
      // A file of its own comes before the one in the configuration, as in transformers.
      if let bytes = read(file) { return (String(decoding: bytes, as: UTF8.self), file) }
      let template = read(config).flatMap { try? JSONDocument(parsing: $0, source: config) }?.root[
        "chat_template"]
      // Where there are several, each has a name.
      let chosen = template?.elements.first { $0["name"]?.string == "default" }?["template"] ?? template
      return chosen?.string.map { ($0, config) }
    }
  }

  /// How the model writes conversations: as its template does, or in `format` where one is given.
  ///
  /// - Throws: ``ModelError`` where it has no template, `TokenizationError` where that cannot be read; both offer the
  ///   formats there are.
  package func chatTemplate(_ format: ChatFormat? = nil) throws -> ChatTemplate {
    if let format { return ChatTemplate(format) }
    guard let (text, source) = chatTemplateText else {
      throw ModelError(
        path,
        "there is no chat template to write conversations with; name a format with --chat-format: \(ChatFormat.names)"
      )
    }
    return try ChatTemplate(text: text, source: source)
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
  /// The tokenizer at `path`: a folder, or a GGUF file, of which the vocabulary is enough.
  package init(path: String) throws {
    let path = try HubCache.resolve(path, environment: ProcessInfo.processInfo.environment)
    if path.hasSuffix(".gguf") {
      try self.init(try GGUFFile(path: path), path: path)
    } else {
      try self.init(folder: path)
    }
  }

  /// The tokenizer of a folder: `tokenizer.json`, else `tekken.json` (Mistral), else `tokenizer.model` (SentencePiece), else
  /// `vocab.json` with `merges.txt` (byte-level BPE), else `vocab.txt` (WordPiece).
  init(folder: String) throws {
    func read(_ name: String, limit: Int) throws -> (path: String, bytes: [UInt8])? {
      let path = FileSystem.join(folder, name)
      guard FileSystem.kind(of: path) == .file else { return nil }
      return (path, try FileSystem.readFile(path, limit: limit))
    }
    func document(_ name: String) throws -> JSONDocument? {
      try read(name, limit: 64 << 20).map { try JSONDocument(parsing: $0.bytes, source: $0.path) }
    }
    let config = try document("tokenizer_config.json")
    if let (path, bytes) = try read("tokenizer.json", limit: 256 << 20) {
      try self.init(tokenizerJSON: try JSONDocument(parsing: bytes, source: path), configJSON: config)
    } else if let tekken = try document("tekken.json") {
      try self.init(tekken: tekken, configJSON: config)
    } else if let (path, bytes) = try read("tokenizer.model", limit: 64 << 20) {
      try self.init(sentencePiece: bytes, source: path, configJSON: config)
    } else if let vocabulary = try document("vocab.json"),
      let (_, merges) = try read("merges.txt", limit: 64 << 20)
    {
      try self.init(
        bytePairs: BytePairFiles(
          vocabulary: vocabulary, merges: merges, specialTokens: try document("special_tokens_map.json"),
          config: config, modelType: try document("config.json")?.root["model_type"]?.string))
    } else if let (path, bytes) = try read("vocab.txt", limit: 64 << 20) {
      try self.init(wordPieces: bytes, source: path, configJSON: config)
    } else {
      throw ModelError(
        folder,
        "there is no tokenizer.json, tekken.json, tokenizer.model, vocab.json with merges.txt or vocab.txt; "
          + "copy one from the model's page"
      )
    }
  }

  /// The tokenizer that the metadata of a GGUF file describe.
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
    vocabulary.architecture = file["general.architecture"]?.string
    if let model = file["tokenizer.ggml.model"]?.string { vocabulary.model = model }
    vocabulary.preTokenizer = file["tokenizer.ggml.pre"]?.string
    vocabulary.tokens = try strings("tokenizer.ggml.tokens")
    if ["gpt2", "gemma4"].contains(vocabulary.model) {
      vocabulary.merges = try strings("tokenizer.ggml.merges")
    }
    vocabulary.scores = file["tokenizer.ggml.scores"]?.array?.doubles?.map { Float($0) } ?? []
    vocabulary.charsmap = try (file["tokenizer.ggml.precompiled_charsmap"]?.array?.ints ?? []).map { value in
      // Written as signed or unsigned bytes.
      guard (-128..<256).contains(value) else {
        throw ModelError(
          path, "metadata key \"tokenizer.ggml.precompiled_charsmap\" holds \(value), which is no byte")
      }
      return UInt8(truncatingIfNeeded: value)
    }
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
    // So misspelt in the format.
    vocabulary.separatorID = id("seperator") ?? id("separator")
    vocabulary.classifierID = id("cls")
    vocabulary.maskID = id("mask")
    vocabulary.addsSpacePrefix = file["tokenizer.ggml.add_space_prefix"]?.bool
    vocabulary.removesExtraSpaces = file["tokenizer.ggml.remove_extra_whitespaces"]?.bool
    vocabulary.addsBOS = file["tokenizer.ggml.add_bos_token"]?.bool
    vocabulary.addsEOS = file["tokenizer.ggml.add_eos_token"]?.bool
    try self.init(vocabulary: vocabulary)
  }
}
