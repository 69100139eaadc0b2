/// The tokens of a tokenizer by id: those of its model and those added to it.
struct Vocabulary: Sendable {
  /// How many more ids than tokens there may be; bounds what sparse ids of a hostile file allocate.
  static let idSlack = 1 << 20

  /// How the model's tokens are written.
  let spelling: TokenSpelling

  /// The text of each token as files write it: model tokens in their spelling, added tokens plainly; empty where no
  /// token has the id.
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

  /// A vocabulary of the model's tokens and of added ones.
  ///
  /// - Throws: `TokenizationError` if an id is negative, far beyond the number of tokens, or given twice.
  init(
    _ draft: DraftVocabulary, added: [AddedToken], spelling: TokenSpelling, source: String
  ) throws(TokenizationError) {
    let (texts, ids) = (draft.texts, draft.ids)
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
    // Only byte-level tokens are looked up as something other than their texts.
    var isByteLevel = false
    if case .byteLevel = spelling { isByteLevel = true }
    var modelIDs = isByteLevel ? ByteStringTable(capacity: ids.count) : draft.table
    for (id, index) in indices.enumerated() {
      let text = index >= 0 ? texts[index] : addedIndices[Int32(id)].map { added[$0].content[...] } ?? []
      allTexts.append(text)
      allBytes.append(spelling.bytes(of: text))
      if isByteLevel, index >= 0, let key = ByteLevelAlphabet.decode(text) {
        key.withUnsafeBufferPointer { _ = modelIDs.insert($0, Int32(id)) }
      }
    }
    self.spelling = spelling
    self.texts = allTexts
    self.bytes = allBytes
    self.added = added
    self.addedIDs = addedIDs
    self.modelIDs = modelIDs
    self.isSpecial = isSpecial
  }

  /// The id of the model's token that pieces of text are looked up as: by its bytes if the spelling is byte-level,
  /// by its text otherwise.
  func modelID(of bytes: UnsafeBufferPointer<UInt8>) -> Int32? { modelIDs.value(of: bytes) }

  /// The id of the added token with this content.
  func addedID(of content: [UInt8]) -> Int32? { addedIDs[content] }

  /// The ids of the tokens such as `<0x0A>` that stand for one byte each; -1 where there is none.
  func byteTokenIDs() -> [Int32] {
    (UInt8.min...UInt8.max).map { byte in
      TokenSpelling.text(ofByte: byte).withUnsafeBufferPointer { modelID(of: $0) } ?? -1
    }
  }
}
