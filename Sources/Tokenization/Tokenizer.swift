/// Text to token ids and back, as Hugging Face `tokenizers` does it for BPE, Unigram and WordPiece.
///
/// Encoding finds the added tokens, rewrites the text between them by the normalizers, cuts it by the pre-tokenizers,
/// and gives each piece to the model. All steps are values read from a `tokenizer.json`, a SentencePiece model, a list
/// of word pieces, or a GGUF file's metadata. Any number of threads can use a
/// tokenizer at once.
package struct Tokenizer: Sendable {
  /// What turns text into ids.
  let encoder: TokenEncoder
  /// What turns ids into text.
  let decoder: TokenDecoder
  /// What is put around each text.
  let template: TokenTemplate
  /// The tokens with a role.
  let names: SpecialTokens
  /// What the tokenizer was read from, for messages.
  let source: String

  /// The tokens.
  var vocabulary: Vocabulary { encoder.vocabulary }

  /// One more than the largest token id.
  package var vocabularySize: Int { vocabulary.count }

  /// The id of the token that begins a text.
  package var bosID: Int32? { names.bos }

  /// The id of the token that ends a text.
  package var eosID: Int32? { names.eos }

  /// The id of the token that fills up a batch.
  package var padID: Int32? { names.pad }

  /// The id of the token for what the vocabulary lacks.
  package var unknownID: Int32? { names.unknown }

  /// The bytes that token `id` stands for; empty for an id without token.
  package func bytes(of id: Int32) -> [UInt8] {
    vocabulary.bytes.indices(contain: id) ? Array(vocabulary.bytes[Int(id)]) : []
  }

  /// The id of the token that stands for `bytes`, an added token before one of the model; nil if there is none.
  package func id(of bytes: [UInt8]) -> Int32? {
    vocabulary.addedID(of: bytes)
      ?? vocabulary.spelling.key(ofBytes: bytes).withUnsafeBufferPointer { vocabulary.modelID(of: $0) }
  }

  /// The ids of `text`.
  ///
  /// - Parameter addSpecialTokens: Whether the tokens that the tokenizer's settings put before and after a text, such
  ///   as BOS, are added. Special tokens written in the text are recognised in any case.
  /// - Throws: `TokenizationError` if a pattern of the pre-tokenizer gives up on this text.
  /// - Complexity: O(n log n) in the text for the patterns that models use.
  package func encode(_ text: String, addSpecialTokens: Bool = true) throws(TokenizationError) -> [Int32] {
    let ids = try ids(text, atMost: .max)
    return addSpecialTokens ? template.before + ids + template.after : ids
  }

  /// The ids of `text` with the tokens that the settings put around it, of which the text's last are left out where
  /// there would be more than `limit`.
  ///
  /// - Throws: `TokenizationError` as ``encode(_:addSpecialTokens:)-(String,_)`` does.
  package func encode(_ text: String, limit: Int) throws(TokenizationError) -> [Int32] {
    let room = max(0, limit - template.before.count - template.after.count)
    return Array((template.before + (try ids(text, atMost: room)) + template.after).prefix(limit))
  }

  /// The first `count` ids of the UTF-8 in `bytes` with the tokens that the settings put around it; what comes after them is
  /// not looked at.
  ///
  /// - Throws: `TokenizationError` as ``encode(_:addSpecialTokens:)-(String,_)`` does.
  package func encode(_ bytes: [UInt8], first count: Int) throws(TokenizationError) -> [Int32] {
    let ids = try ids(String(decoding: bytes, as: UTF8.self), atMost: count)
    return Array((template.before + ids + template.after).prefix(count))
  }

  private func ids(_ text: String, atMost limit: Int) throws(TokenizationError) -> [Int32] {
    do {
      return try encoder.encode(text, atMost: limit)
    } catch {
      throw TokenizationError(source: source, keyPath: "pre_tokenizer", reason: error.reason)
    }
  }

  /// The ids of the UTF-8 in `bytes`, U+FFFD standing in for what is ill-formed.
  ///
  /// - Throws: `TokenizationError` as ``encode(_:addSpecialTokens:)-(String,_)`` does.
  package func encode(_ bytes: [UInt8], addSpecialTokens: Bool = true) throws(TokenizationError) -> [Int32] {
    try encode(String(decoding: bytes, as: UTF8.self), addSpecialTokens: addSpecialTokens)
  }

  /// The text of `ids`, U+FFFD standing in for bytes that are not UTF-8; ids without token are left out.
  ///
  /// - Parameter skipSpecialTokens: Whether special tokens are left out.
  package func decode(_ ids: [Int32], skipSpecialTokens: Bool = true) -> String {
    let ids = ids.lazy.filter { id in
      vocabulary.bytes.indices(contain: id) && !(skipSpecialTokens && vocabulary.isSpecial[Int(id)])
    }
    let normalized = encoder.normalizedContents
    guard case .steps(let steps) = decoder else {
      var bytes: [UInt8] = []
      for id in ids {
        if let content = normalized[id] {
          bytes.append(contentsOf: vocabulary.spelling.bytes(of: content[...]))
        } else {
          bytes.append(contentsOf: vocabulary.bytes[Int(id)])
        }
      }
      return String(decoding: bytes, as: UTF8.self)
    }
    var tokens: [[UInt8]] = ids.map { normalized[$0] ?? Array(vocabulary.texts[Int($0)]) }
    for step in steps { step.decode(&tokens) }
    return String(decoding: Array(tokens.joined()), as: UTF8.self)
  }
}

/// The ids that are put around a text.
struct TokenTemplate: Sendable, Equatable {
  /// Ids that come first.
  var before: [Int32] = []
  /// Ids that come last.
  var after: [Int32] = []
}

/// The ids of the tokens with a role.
struct SpecialTokens: Sendable, Equatable {
  /// Begins a text.
  var bos: Int32?
  /// Ends a text.
  var eos: Int32?
  /// Fills up a batch.
  var pad: Int32?
  /// Stands for what the vocabulary lacks.
  var unknown: Int32?
  /// Ends a sentence, for BERT.
  var separator: Int32?
  /// Begins a text, for BERT.
  var classifier: Int32?
  /// Stands for what BERT is to guess.
  var mask: Int32?

  /// All that there are.
  var all: [Int32] { [bos, eos, pad, unknown, separator, classifier, mask].compactMap(\.self) }
}

extension ByteStrings {
  /// Whether `id` is the index of a string.
  fileprivate func indices(contain id: Int32) -> Bool { id >= 0 && Int(id) < count }
}
