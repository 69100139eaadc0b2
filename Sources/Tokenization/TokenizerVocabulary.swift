/// What a GGUF file's `tokenizer.ggml.*` metadata says, as plain values.
package struct TokenizerVocabulary: Sendable {
  /// What a token is for; the numbers are those of `tokenizer.ggml.token_type`.
  package enum TokenKind: Int, Sendable {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }

  /// Name of the file, for messages.
  package var source: String

  /// The kind of tokenizer, `tokenizer.ggml.model`.
  package var model = "gpt2"

  /// How text is cut, `tokenizer.ggml.pre`.
  package var preTokenizer: String?

  /// The tokens by id, in the byte-level alphabet; control and user-defined tokens as plain text.
  package var tokens = ByteStrings()

  /// What each token is for; empty if all are normal.
  package var kinds: [TokenKind] = []

  /// The merges in order of rank, each two tokens with a space between them.
  package var merges = ByteStrings()

  /// The ids of the tokens with a role.
  package var bosID, eosID, unknownID, padID: Int32?

  /// Whether BOS or EOS is put around each text; nil for what ``preTokenizer`` implies.
  package var addsBOS, addsEOS: Bool?

  /// An empty vocabulary of the file `source`.
  package init(source: String) { self.source = source }
}

extension Tokenizer {
  /// The tokenizer that GGUF metadata describe.
  ///
  /// - Throws: `TokenizationError` naming what is malformed or not supported.
  package init(vocabulary: TokenizerVocabulary) throws(TokenizationError) {
    let source = vocabulary.source
    func error(_ key: String, _ reason: String) -> TokenizationError {
      TokenizationError(source: source, keyPath: "tokenizer.ggml.\(key)", reason: reason)
    }
    guard vocabulary.model == "gpt2" else {
      throw error("model", "expected gpt2 (byte-level BPE); \"\(vocabulary.model)\" is not supported")
    }
    let tokenCount = vocabulary.tokens.count
    guard tokenCount < Int(Int32.max), vocabulary.kinds.isEmpty || vocabulary.kinds.count == tokenCount else {
      throw error(
        "token_type", "expected one for each of \(tokenCount) tokens, found \(vocabulary.kinds.count)")
    }
    let name = vocabulary.preTokenizer ?? "default"
    guard let recipe = GGUFPreTokenizer(name: name) else {
      throw error("pre", "the pre-tokenizer \"\(name)\" is not supported")
    }
    var pairs = BytePairVocabulary(
      tokenCount: tokenCount, mergeCount: vocabulary.merges.count, source: source)
    var added: [AddedToken] = []
    for index in 0..<tokenCount {
      let text = vocabulary.tokens[index]
      guard (try? UTF8Span(validating: text.span)) != nil else {
        throw error("tokens[\(index)]", "expected UTF-8")
      }
      text.withUnsafeBufferPointer { pairs.addToken($0, id: Int32(index)) }
      let kind = vocabulary.kinds.isEmpty ? .normal : vocabulary.kinds[index]
      guard [.unknown, .control, .userDefined].contains(kind), !text.isEmpty else { continue }
      guard text.count <= AddedTokenMatcher.contentLimit else {
        throw error("tokens[\(index)]", "expected at most \(AddedTokenMatcher.contentLimit) bytes")
      }
      added.append(AddedToken(id: Int32(index), content: Array(text), isSpecial: kind != .userDefined))
    }
    for index in 0..<vocabulary.merges.count {
      try vocabulary.merges[index].withUnsafeBufferPointer { text throws(TokenizationError) in
        try pairs.addMerge(spaced: text)
      }
    }
    let roles = [vocabulary.bosID, vocabulary.eosID, vocabulary.padID, vocabulary.unknownID]
    for id in roles.compactMap(\.self) where id < 0 || Int(id) >= tokenCount {
      throw error("tokens", "expected a token with the id \(id), found \(tokenCount) tokens")
    }
    let tokens = try Vocabulary(texts: pairs.texts, ids: pairs.ids, added: added, source: source)
    let preTokenizers: [PreTokenizer]
    do { preTokenizers = try recipe.steps() } catch {
      throw TokenizationError(source: source, reason: error.reason)
    }
    let model = BytePairModel(
      vocabulary: tokens, merges: pairs.merges, merged: pairs.merged, ignoresMerges: recipe.ignoresMerges,
      unknownID: nil, fusesUnknown: false)
    let addsBOS = vocabulary.addsBOS ?? recipe.addsBOS
    self.init(
      encoder: TokenEncoder(vocabulary: tokens, preTokenizers: preTokenizers, model: .bytePairs(model)),
      template: TokenTemplate(
        before: addsBOS ? [vocabulary.bosID].compactMap(\.self) : [],
        after: vocabulary.addsEOS == true ? [vocabulary.eosID].compactMap(\.self) : []),
      names: SpecialTokens(
        bos: vocabulary.bosID, eos: vocabulary.eosID, pad: vocabulary.padID, unknown: vocabulary.unknownID),
      source: source)
  }
}
