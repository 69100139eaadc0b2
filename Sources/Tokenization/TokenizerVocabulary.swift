/// What a GGUF file's `tokenizer.ggml.*` metadata says, as plain values.
package struct TokenizerVocabulary: Sendable {
  /// What a token is for; the numbers are those of `tokenizer.ggml.token_type`.
  package enum TokenKind: Int, Sendable {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }

  /// Name of the file, for messages.
  package var source: String

  /// The model's family, `general.architecture`; some families use their vocabularies in their own way.
  package var architecture: String?

  /// The kind of tokenizer, `tokenizer.ggml.model`: `gpt2` (byte-level BPE), `llama` (SentencePiece BPE), `gemma4`
  /// (the same with its merges), `t5` (SentencePiece Unigram) or `bert` (WordPiece).
  package var model = "gpt2"

  /// How text is cut, `tokenizer.ggml.pre`.
  package var preTokenizer: String?

  /// The tokens by id in the spelling of ``model``; control and user-defined tokens as plain text.
  package var tokens = ByteStrings()

  /// What each token is for; empty if all are normal.
  package var kinds: [TokenKind] = []

  /// The merges in order of rank, each two tokens with a space between them; `gpt2` and `gemma4` only.
  package var merges = ByteStrings()

  /// The score of each token; `llama` and `t5` only.
  package var scores: [Float] = []

  /// SentencePiece's map of characters, `tokenizer.ggml.precompiled_charsmap`; `t5` only.
  package var charsmap: [UInt8] = []

  /// The ids of the tokens with a role.
  package var bosID, eosID, unknownID, padID, separatorID, classifierID, maskID: Int32?

  /// Whether a space is put before each text, and whether extra spaces go; nil for what ``model`` implies.
  package var addsSpacePrefix, removesExtraSpaces: Bool?

  /// Whether BOS or EOS is put around each text; nil for what ``model`` and ``preTokenizer`` imply.
  package var addsBOS, addsEOS: Bool?

  /// An empty vocabulary of the file `source`.
  package init(source: String) { self.source = source }
}

extension Tokenizer {
  /// The tokenizer that GGUF metadata describe.
  ///
  /// - Throws: `TokenizationError` naming what is malformed or not supported.
  package init(vocabulary: TokenizerVocabulary) throws(TokenizationError) {
    func error(_ key: String, _ reason: String) -> TokenizationError { vocabulary.error(key, reason) }
    let tokenCount = vocabulary.tokens.count
    guard tokenCount < Int(Int32.max), vocabulary.kinds.isEmpty || vocabulary.kinds.count == tokenCount else {
      throw error(
        "token_type", "expected one for each of \(tokenCount) tokens, found \(vocabulary.kinds.count)")
    }
    for index in 0..<tokenCount where (try? UTF8Span(validating: vocabulary.tokens[index].span)) == nil {
      throw error("tokens[\(index)]", "expected UTF-8")
    }
    for id in vocabulary.names.all where id < 0 || Int(id) >= tokenCount {
      throw error("tokens", "expected a token with the id \(id), found \(tokenCount) tokens")
    }
    switch vocabulary.model {
    case "gpt2": try self.init(byteLevel: vocabulary)
    case "llama", "t5", "gemma4": try self.init(sentencePieces: vocabulary)
    case "bert": try self.init(wordPieces: vocabulary)
    case let model:
      throw error("model", "expected gpt2, llama, gemma4, t5 or bert; \"\(model)\" is not supported")
    }
  }

  private init(byteLevel vocabulary: TokenizerVocabulary) throws(TokenizationError) {
    let source = vocabulary.source
    let tokenCount = vocabulary.tokens.count
    func error(_ key: String, _ reason: String) -> TokenizationError { vocabulary.error(key, reason) }
    let recipe = try vocabulary.preTokenization()
    var draft = DraftVocabulary(
      tokenCount: tokenCount, mergeCount: vocabulary.merges.count, source: source)
    var added: [AddedToken] = []
    for index in 0..<tokenCount {
      let text = vocabulary.tokens[index]
      text.withUnsafeBufferPointer { draft.addToken($0, id: Int32(index)) }
      let kind = vocabulary.kinds.isEmpty ? .normal : vocabulary.kinds[index]
      guard [.unknown, .control, .userDefined].contains(kind), !text.isEmpty else { continue }
      guard text.count <= AddedTokenMatcher.contentLimit else {
        throw error("tokens[\(index)]", "expected at most \(AddedTokenMatcher.contentLimit) bytes")
      }
      added.append(AddedToken(id: Int32(index), content: Array(text), isSpecial: kind != .userDefined))
    }
    for index in 0..<vocabulary.merges.count {
      try vocabulary.merges[index].withUnsafeBufferPointer { text throws(TokenizationError) in
        try draft.addMerge(spaced: text)
      }
    }
    let tokens = try Vocabulary(
      draft, added: added, spelling: .byteLevel, source: source)
    let preTokenizers: [PreTokenizer]
    do { preTokenizers = try recipe.steps() } catch {
      throw TokenizationError(source: source, reason: error.reason)
    }
    let parts = TokenizerParts(
      preTokenizers: preTokenizers, decoder: .byteLevel,
      model: .bytePairs(
        unknownID: nil, fusesUnknown: false, hasByteFallback: false, ignoresMerges: recipe.ignoresMerges))
    let template = vocabulary.template(addsBOS: recipe.addsBOS, addsEOS: false)
    try self.init(parts, tokens, draft, template, vocabulary.names, source: source)
  }

  private init(sentencePieces vocabulary: TokenizerVocabulary) throws(TokenizationError) {
    let isUnigram = vocabulary.model == "t5"
    let hasMerges = vocabulary.model == "gemma4"
    let tokenCount = vocabulary.tokens.count
    guard hasMerges || vocabulary.scores.count == tokenCount && vocabulary.scores.allSatisfy(\.isFinite)
    else {
      throw vocabulary.error(
        "scores", "expected a finite one for each of \(tokenCount) tokens, found \(vocabulary.scores.count)")
    }
    var pieces = SentencePieces(
      tokens: vocabulary.tokens, scores: vocabulary.scores, kinds: vocabulary.kinds, names: vocabulary.names,
      isUnigram: isUnigram, hasByteFallback: true,
      normalization: SentencePieceNormalization(
        charsmap: vocabulary.charsmap, addsPrefix: vocabulary.addsSpacePrefix ?? !hasMerges,
        removesExtraSpaces: vocabulary.removesExtraSpaces ?? isUnigram))
    if pieces.kinds.isEmpty { pieces.kinds = Array(repeating: .normal, count: tokenCount) }
    if pieces.names.unknown == nil, let index = pieces.kinds.firstIndex(of: .unknown) {
      pieces.names.unknown = Int32(index)
    }
    var template = vocabulary.template(addsBOS: !isUnigram, addsEOS: isUnigram)
    if hasMerges {
      pieces.merges = vocabulary.merges
      // Whatever the file says.
      template.before = [vocabulary.bosID].compactMap(\.self)
    } else if vocabulary.architecture?.hasPrefix("gemma") == true {
      pieces.respellGemma()
    }
    try self.init(pieces, nil, template: template, source: vocabulary.source)
  }

  private init(wordPieces vocabulary: TokenizerVocabulary) throws(TokenizationError) {
    var draft = DraftVocabulary(
      tokenCount: vocabulary.tokens.count, mergeCount: 0, source: vocabulary.source)
    let bracket = (UInt8(ascii: "["), UInt8(ascii: "]"))
    for id in 0..<vocabulary.tokens.count {
      // These files mark the pieces that begin a word, not those that continue one.
      let text = vocabulary.tokens[id]
      let isPlain = text.first == bracket.0 && text.last == bracket.1
      let spelled: [UInt8] =
        if text.starts(with: TokenSpelling.space) {
          Array(text.dropFirst(TokenSpelling.space.count))
        } else {
          isPlain ? Array(text) : Array("##".utf8) + text
        }
      spelled.withUnsafeBufferPointer { draft.addToken($0, id: Int32(id)) }
    }
    try self.init(bert: draft, names: vocabulary.names, config: nil, source: vocabulary.source)
  }
}

extension TokenizerVocabulary {
  /// The tokens with a role.
  fileprivate var names: SpecialTokens {
    SpecialTokens(
      bos: bosID, eos: eosID, pad: padID, unknown: unknownID, separator: separatorID,
      classifier: classifierID,
      mask: maskID)
  }

  /// How text is cut: as the file says, or, of an older one, as all models of its architecture do.
  fileprivate func preTokenization() throws(TokenizationError) -> GGUFPreTokenizer {
    // By "default" llama.cpp means none of them either, and cuts in a way of its own.
    if let name = preTokenizer, name != "default" {
      guard let named = GGUFPreTokenizer.named(name) else {
        throw error("pre", "the pre-tokenizer \"\(name)\" is not supported")
      }
      return named
    }
    guard let usual = GGUFPreTokenizer.unnamed(architecture) else {
      throw error(
        "pre",
        "the file does not say how text is cut, as those from before May 2024 do not; fetch or convert it anew"
      )
    }
    return usual
  }

  /// What is put around a text, where the file does not say: BOS, EOS, both or none.
  fileprivate func template(addsBOS: Bool, addsEOS: Bool) -> TokenTemplate {
    TokenTemplate(
      before: self.addsBOS ?? addsBOS ? [bosID].compactMap(\.self) : [],
      after: self.addsEOS ?? addsEOS ? [eosID].compactMap(\.self) : [])
  }

  fileprivate func error(_ key: String, _ reason: String) -> TokenizationError {
    TokenizationError(source: source, keyPath: "tokenizer.ggml.\(key)", reason: reason)
  }
}

extension SentencePieces {
  /// Undoes what conversion to GGUF does to Gemma's vocabulary: runs of spaces are written as such, and as
  /// user-defined; and scores do not follow the order of the merges, which is that of the ids.
  ///
  /// As transformers reads these files.
  mutating func respellGemma() {
    let space = UInt8(ascii: " ")
    var respelled = ByteStrings()
    for id in 0..<tokens.count {
      let text = tokens[id]
      if !text.isEmpty, text.allSatisfy({ $0 == space }) {
        respelled.append(text.flatMap { _ in TokenSpelling.space })
        if kinds[id] == .userDefined { kinds[id] = .normal }
      } else {
        respelled.append(text)
      }
      scores[id] = -Float(id)
    }
    tokens = respelled
  }
}
