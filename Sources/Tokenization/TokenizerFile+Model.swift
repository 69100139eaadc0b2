internal import Storage

extension TokenizerFile {
  /// The model's tokens, its merges where it has such, and its settings.
  func readModel() throws(TokenizationError) -> (DraftVocabulary, TokenizerParts.ModelKind) {
    guard let model = root["model"] else { throw error("model", "expected an object, found nothing") }
    switch modelType(model) {
    case "BPE": return try readBytePairs(model)
    case "Unigram": return try readUnigram(model)
    case "WordPiece": return try readWordPiece(model)
    case let type: throw unsupported("model", type)
    }
  }

  /// The model's type; files from before models were named have none.
  private func modelType(_ model: JSONValue) -> String {
    if let type = model["type"]?.string { return type }
    if model["merges"] != nil { return "BPE" }
    if model["max_input_chars_per_word"] != nil { return "WordPiece" }
    return model["vocab"]?.kind == .array ? "Unigram" : "a model without merges"
  }

  private func readBytePairs(
    _ model: JSONValue
  ) throws(TokenizationError) -> (DraftVocabulary, TokenizerParts.ModelKind) {
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] where model[key]?.string ?? "" != "" {
      throw unsupported("model.\(key)", "a prefix or suffix of tokens")
    }
    if let dropout = model["dropout"]?.double, dropout != 0 {
      throw unsupported("model.dropout", "dropout, which makes encoding random,")
    }
    guard let merges = model["merges"], merges.kind == .array else {
      throw error("model.merges", "expected an array, found \(model["merges"]?.describe ?? "nothing")")
    }
    var vocabulary = try readTokens(model, mergeCount: merges.count)
    do {
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
    let kind = TokenizerParts.ModelKind.bytePairs(
      unknownID: try unknownID(model, vocabulary), fusesUnknown: try flag(model, "fuse_unk", "model"),
      hasByteFallback: try flag(model, "byte_fallback", "model"),
      ignoresMerges: try flag(model, "ignore_merges", "model"))
    return (vocabulary, kind)
  }

  private func mergeError(_ vocabulary: DraftVocabulary, _ merge: JSONValue) -> TokenizationError {
    error(
      "model.merges[\(vocabulary.merges.pairs.count)]",
      "expected a string or an array of two strings, found \(merge.describe)")
  }

  /// The tokens of a vocabulary from texts to ids.
  private func readTokens(
    _ model: JSONValue, mergeCount: Int = 0
  ) throws(TokenizationError) -> DraftVocabulary {
    guard let tokens = model["vocab"], tokens.kind == .object else {
      throw error("model.vocab", "expected an object, found \(model["vocab"]?.describe ?? "nothing")")
    }
    var vocabulary = DraftVocabulary(tokenCount: tokens.count, mergeCount: mergeCount, source: root.source)
    do {
      try tokens.forEachMember { text, id in
        let text = text.assumingMemoryBound(to: UInt8.self)
        vocabulary.addToken(
          text, id: try self.id(id, "model.vocab[\"\(String(decoding: text, as: UTF8.self))\"]"))
      }
    } catch {
      throw error as? TokenizationError ?? self.error("model.vocab", "\(error)")
    }
    return vocabulary
  }

  /// The id of the token that `unk_token` names; nil if it names none.
  private func unknownID(
    _ model: JSONValue, _ vocabulary: DraftVocabulary
  ) throws(TokenizationError) -> Int32? {
    guard let text = model["unk_token"]?.utf8 else { return nil }
    guard let id = vocabulary.id(of: text) else {
      throw error("model.unk_token", "expected a token of the vocabulary")
    }
    return id
  }

  private func readUnigram(
    _ model: JSONValue
  ) throws(TokenizationError) -> (DraftVocabulary, TokenizerParts.ModelKind) {
    guard let tokens = model["vocab"], tokens.kind == .array else {
      throw error("model.vocab", "expected an array, found \(model["vocab"]?.describe ?? "nothing")")
    }
    var vocabulary = DraftVocabulary(tokenCount: tokens.count, mergeCount: 0, source: root.source)
    var scores: [Double] = []
    scores.reserveCapacity(tokens.count)
    do {
      try tokens.forEachElement { token in
        let parts = token.elements
        let id = Int32(scores.count)
        guard parts.count == 2, let score = parts[1].double, score.isFinite,
          parts[0].withStringBytes({ vocabulary.addToken($0.assumingMemoryBound(to: UInt8.self), id: id) })
            != nil
        else {
          throw error(
            "model.vocab[\(scores.count)]", "expected an array of a text and a score, found \(token.describe)"
          )
        }
        scores.append(score)
      }
    } catch {
      throw error as? TokenizationError ?? self.error("model.vocab", "\(error)")
    }
    var unknownID: Int32?
    if let value = model["unk_id"], !value.isNull {
      let id = try id(value, "model.unk_id")
      guard Int(id) < scores.count else {
        throw error("model.unk_id", "expected the id of one of \(scores.count) tokens, found \(id)")
      }
      unknownID = id
    }
    return (
      vocabulary,
      .unigram(
        scores: scores, unknownID: unknownID, hasByteFallback: try flag(model, "byte_fallback", "model"))
    )
  }

  private func readWordPiece(
    _ model: JSONValue
  ) throws(TokenizationError) -> (DraftVocabulary, TokenizerParts.ModelKind) {
    let vocabulary = try readTokens(model)
    guard let unknownID = try unknownID(model, vocabulary) else {
      throw error("model.unk_token", "expected a token of the vocabulary, found nothing")
    }
    var prefix = Array("##".utf8)
    if let value = model["continuing_subword_prefix"] {
      prefix = try text(value, "model.continuing_subword_prefix")
    }
    guard let limit = (model["max_input_chars_per_word"].map(\.int) ?? 100), limit > 0 else {
      throw error("model.max_input_chars_per_word", "expected a positive number")
    }
    return (vocabulary, .wordPiece(prefix: prefix, characterLimit: limit, unknownID: unknownID))
  }
}
