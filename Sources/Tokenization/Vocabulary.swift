/// The tokens of a tokenizer by id: those of its model and those added to it.
struct Vocabulary: Sendable {
  /// How many more ids than tokens there may be; bounds what sparse ids of a hostile file allocate.
  static let idSlack = 1 << 20

  /// The text of each token as files write it: model tokens in the byte-level alphabet, added tokens plainly;
  /// empty where no token has the id.
  let texts: ByteStrings

  /// The bytes each token stands for.
  let bytes: ByteStrings

  /// For each id, whether it is the model's own token; added tokens may be both.
  let isInModel: [Bool]

  /// The added tokens in the order of their file.
  let added: [AddedToken]

  /// For each id, whether decoding can leave the token out.
  let isSpecial: [Bool]

  private let addedIDs: [[UInt8]: Int32]
  private let modelIDs: ByteStringTable

  /// One more than the largest id.
  var count: Int { texts.count }

  /// A vocabulary of the model's tokens, `texts[i]` having the id `ids[i]`, and of added ones.
  ///
  /// - Throws: `TokenizationError` if an id is negative, far beyond the number of tokens, or given twice.
  init(
    texts: ByteStrings, ids: [Int32], added: [AddedToken], source: String
  ) throws(TokenizationError) {
    let limit = texts.count + added.count + Self.idSlack
    let count = Int(max(ids.max() ?? -1, added.lazy.map(\.id).max() ?? -1)) + 1
    guard count <= limit, (ids.min() ?? 0) >= 0, (added.lazy.map(\.id).min() ?? 0) >= 0 else {
      throw TokenizationError(
        source: source, reason: "expected token ids from 0 to about their number, found up to \(count - 1)")
    }
    var indices = [Int](repeating: -1, count: count)
    for (index, id) in ids.enumerated() {
      guard indices[Int(id)] < 0 else {
        throw TokenizationError(source: source, reason: "expected one token for each id, found two for \(id)")
      }
      indices[Int(id)] = index
    }
    isInModel = indices.map { $0 >= 0 }
    var addedIndices: [Int32: Int] = [:]
    var addedIDs: [[UInt8]: Int32] = [:]
    var isSpecial = [Bool](repeating: false, count: count)
    for (index, token) in added.enumerated() {
      let modelIndex = indices[Int(token.id)]
      guard
        addedIndices.updateValue(index, forKey: token.id) == nil,
        addedIDs.updateValue(token.id, forKey: token.content) == nil,
        modelIndex < 0 || texts[modelIndex].elementsEqual(token.content)
      else {
        let content = String(decoding: token.content, as: UTF8.self)
        throw TokenizationError(
          source: source, reason: "expected one token for each id, found \(token.id) for \"\(content)\" too")
      }
      isSpecial[Int(token.id)] = token.isSpecial
    }
    var allTexts = ByteStrings()
    var allBytes = ByteStrings()
    var modelIDs = ByteStringTable(capacity: ids.count)
    for (id, index) in indices.enumerated() {
      let text = index >= 0 ? texts[index] : addedIndices[Int32(id)].map { added[$0].content[...] } ?? []
      // A token that is not in the alphabet stands for its own bytes, and no piece of text can be it.
      let decoded = ByteLevelAlphabet.decode(text)
      allTexts.append(text)
      if let decoded { allBytes.append(decoded) } else { allBytes.append(text) }
      if index >= 0, let decoded {
        decoded.withUnsafeBufferPointer { _ = modelIDs.insert($0, Int32(id)) }
      }
    }
    self.texts = allTexts
    self.bytes = allBytes
    self.added = added
    self.addedIDs = addedIDs
    self.modelIDs = modelIDs
    self.isSpecial = isSpecial
  }

  /// The id of the model's token that stands for these bytes.
  func modelID(of bytes: UnsafeBufferPointer<UInt8>) -> Int32? { modelIDs.value(of: bytes) }

  /// The id of the added token with this content.
  func addedID(of content: [UInt8]) -> Int32? { addedIDs[content] }
}
