internal import Storage

extension Tokenizer {
  /// What a GGUF file says of this tokenizer: the inverse of ``init(vocabulary:)``, for byte-level BPE and SentencePiece's
  /// BPE.
  ///
  /// - Parameters:
  ///   - size: rows of the model's embedding; ids without token up to there get names that no text has.
  ///   - statesMerges: whether a SentencePiece tokenizer is one of Gemma 4's, whose files have the merges, not scores.
  /// - Throws: `TokenizationError` where such a file has no way of saying what the tokenizer does.
  package func ggufVocabulary(
    size: Int, statesMerges: Bool = false
  ) throws(TokenizationError) -> TokenizerVocabulary {
    guard case .bytePairs(let model) = encoder.model else {
      throw notInGGUF("model", "only BPE can be written in a GGUF file")
    }
    var result = TokenizerVocabulary(source: source)
    addTokens(size: size, to: &result)
    result.bosID = names.bos
    result.eosID = names.eos
    result.unknownID = names.unknown
    result.padID = names.pad
    result.addsBOS = try isAdded(template.before, names.bos, "before")
    result.addsEOS = try isAdded(template.after, names.eos, "after")
    if case .byteLevel = vocabulary.spelling {
      result.model = "gpt2"
      result.preTokenizer = try preTokenizerName(model)
      addMerges(model, to: &result)
    } else {
      guard model.hasByteFallback else {
        throw notInGGUF(
          "model.byte_fallback", "SentencePiece's BPE without bytes for what it lacks cannot be")
      }
      result.addsSpacePrefix = try addsSpacePrefix()
      if statesMerges {
        try requireLines(model)
        result.model = "gemma4"
        addMerges(model, to: &result)
      } else {
        result.model = "llama"
        result.preTokenizer = "default"
        result.scores = scores(model, count: result.tokens.count)
      }
    }
    return result
  }

  private func addMerges(_ model: BytePairModel, to result: inout TokenizerVocabulary) {
    for (left, right) in model.merges {
      result.merges.append(
        Array(vocabulary.texts[Int(left)]) + [UInt8(ascii: " ")] + vocabulary.texts[Int(right)])
    }
  }

  /// Throws where the tokenizer does otherwise than readers of Gemma 4's files, who put BOS before every text and no space, and
  /// merge runs of line feeds by themselves.
  private func requireLines(_ model: BytePairModel) throws(TokenizationError) {
    guard template.before == [names.bos].compactMap(\.self), names.bos != nil else {
      throw notInGGUF("post_processor", "a tokenizer of Gemma 4 that puts no BOS before a text cannot be")
    }
    guard try !addsSpacePrefix() else {
      throw notInGGUF("normalizer", "a tokenizer of Gemma 4 that puts a space before a text cannot be")
    }
    let line = UInt8(ascii: "\n")
    for (left, right) in model.merges {
      let text = vocabulary.texts[Int(left)] + vocabulary.texts[Int(right)]
      guard !text.contains(line) || text.allSatisfy({ $0 == line }) else {
        throw notInGGUF("model.merges", "tokens of line feeds and other characters cannot be")
      }
    }
  }

  private func addTokens(size: Int, to result: inout TokenizerVocabulary) {
    let added = Dictionary(vocabulary.added.map { ($0.id, $0) }) { first, _ in first }
    let isByteLevel = if case .byteLevel = vocabulary.spelling { true } else { false }
    for id in 0..<max(size, vocabulary.count) {
      let text = id < vocabulary.count ? vocabulary.texts[id] : []
      if text.isEmpty {
        result.tokens.append("[PAD\(id)]".utf8)
        result.kinds.append(.unused)
        continue
      }
      let token = added[Int32(id)]
      // In these files user-defined tokens stand as they do in the text, not as in the normalized one.
      let isPiece = token.map { $0.isNormalized && !$0.isContentNormalized } ?? false
      if isPiece {
        result.tokens.append(
          TokenSpelling.replacing(Array(text), TokenSpelling.space, by: [UInt8(ascii: " ")]))
      } else {
        result.tokens.append(text)
      }
      if let token {
        result.kinds.append(
          !isByteLevel && names.unknown == Int32(id) ? .unknown : token.isSpecial ? .control : .userDefined)
      } else {
        result.kinds.append(!isByteLevel && TokenSpelling.byte(of: text) != nil ? .byte : .normal)
      }
    }
  }

  /// Whether `tokens` are the one with the role, which is all that a file can say.
  private func isAdded(_ tokens: [Int32], _ role: Int32?, _ place: String) throws(TokenizationError) -> Bool {
    if tokens.isEmpty { return false }
    guard let role, tokens == [role] else {
      throw notInGGUF("post_processor", "what is put \(place) a text is more than its usual token")
    }
    return true
  }

  /// The name of the way of cutting text, by what the steps say as `tokenizer.json`.
  private func preTokenizerName(_ model: BytePairModel) throws(TokenizationError) -> String {
    let steps = encoder.preTokenizers.map { $0.huggingFaceJSON.serialized() }
    let keepsText = encoder.normalizers.allSatisfy { if case .form(.nfc) = $0 { true } else { false } }
    for candidate in GGUFPreTokenizer.all
    where keepsText && candidate.ignoresMerges == model.ignoresMerges {
      guard let spellings = try? candidate.spellings(), let name = candidate.names.first else { continue }
      if spellings.contains(where: { $0.map { $0.huggingFaceJSON.serialized() } == steps }) { return name }
    }
    throw notInGGUF("pre_tokenizer", "no name in llama.cpp is known for this way of cutting text")
  }

  /// Scores whose order is that of the merges: SentencePiece merges what makes the token of the highest score.
  private func scores(_ model: BytePairModel, count: Int) -> [Float] {
    // What no merge makes comes after all that one does.
    var scores = [Float](repeating: -Float(model.merges.count + 1), count: count)
    var isMade = [Bool](repeating: false, count: count)
    for (rank, pair) in model.merges.enumerated() {
      let text = Array(vocabulary.texts[Int(pair.left)] + vocabulary.texts[Int(pair.right)])
      guard let id = text.withUnsafeBufferPointer({ vocabulary.modelID(of: $0) }), !isMade[Int(id)] else {
        continue
      }
      isMade[Int(id)] = true
      scores[Int(id)] = -Float(rank)
    }
    return scores
  }

  /// Whether a space is put before a text; throws where its spaces are treated in another way than SentencePiece's.
  private func addsSpacePrefix() throws(TokenizationError) -> Bool {
    var adds = false
    for step in encoder.normalizers {
      switch step {
      case .prepend(TokenSpelling.space): adds = true
      case .replace(let pattern, TokenSpelling.space) where pattern.source == .literal(" "): break
      default:
        throw notInGGUF("normalizer", "only SentencePiece's way with spaces can be written in a GGUF file")
      }
    }
    for step in encoder.preTokenizers {
      switch step {
      case .metaspace(let metaspace) where metaspace.replacement == TokenSpelling.space:
        if metaspace.prependScheme != .never { adds = true }
      // After normalization no space is left to cut at.
      case .split(let pattern, _, _) where pattern.source == .literal(" ") && !encoder.normalizers.isEmpty:
        break
      default:
        throw notInGGUF("pre_tokenizer", "only SentencePiece's way with spaces can be written in a GGUF file")
      }
    }
    return adds
  }

  private func notInGGUF(_ keyPath: String, _ reason: String) -> TokenizationError {
    TokenizationError(source: source, keyPath: keyPath, reason: reason)
  }
}
