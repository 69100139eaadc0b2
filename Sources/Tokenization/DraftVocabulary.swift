/// The tokens of a model, and the merges of a byte-pair one, while a file is being read.
struct DraftVocabulary {
  /// The texts in the order of the file.
  private(set) var texts = ByteStrings()
  /// The id of each text.
  private(set) var ids: [Int32] = []
  /// The merges in order of rank.
  private(set) var merges = BytePairMerges()

  /// From each text to the id of the first token that has it.
  private(set) var table: ByteStringTable
  private let source: String
  private var joined: [UInt8] = []

  /// An empty vocabulary with room for `tokenCount` tokens.
  init(tokenCount: Int, mergeCount: Int, source: String) {
    table = ByteStringTable(capacity: tokenCount)
    self.source = source
    texts.reserveCapacity(tokenCount)
    ids.reserveCapacity(tokenCount)
    merges.pairs.reserveCapacity(mergeCount)
    merges.merged.reserveCapacity(mergeCount)
  }

  /// Adds a token; of two with the same text, merges mean the first.
  mutating func addToken(_ text: UnsafeBufferPointer<UInt8>, id: Int32) {
    texts.append(text)
    ids.append(id)
    _ = table.insert(text, id)
  }

  /// The id of the token with this text.
  func id(of text: [UInt8]) -> Int32? { text.withUnsafeBufferPointer { table.value(of: $0) } }

  /// Adds the merge of two tokens given by their texts.
  ///
  /// - Throws: `TokenizationError` if one of them, or the two together, is not a token.
  mutating func addMerge(
    _ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>
  ) throws(TokenizationError) {
    joined.removeAll(keepingCapacity: true)
    joined.append(contentsOf: left)
    joined.append(contentsOf: right)
    guard let leftID = table.value(of: left), let rightID = table.value(of: right),
      let mergedID = joined.withUnsafeBufferPointer({ table.value(of: $0) })
    else {
      let (left, right) = (String(decoding: left, as: UTF8.self), String(decoding: right, as: UTF8.self))
      throw error("expected \"\(left)\", \"\(right)\" and the two together to be tokens, found one missing")
    }
    merges.pairs.append((leftID, rightID))
    merges.merged.append(mergedID)
  }

  /// Adds a merge written as its two tokens with a space between them.
  ///
  /// - Throws: `TokenizationError` if it is not written so, and as ``addMerge(_:_:)`` does.
  mutating func addMerge(spaced text: UnsafeBufferPointer<UInt8>) throws(TokenizationError) {
    guard let space = text.firstIndex(of: UInt8(ascii: " ")),
      case let right = UnsafeBufferPointer(rebasing: text[(space + 1)...]),
      !right.contains(UInt8(ascii: " "))
    else {
      let text = String(decoding: text, as: UTF8.self)
      throw error("expected two tokens with a space between them, found \"\(text)\"")
    }
    try addMerge(UnsafeBufferPointer(rebasing: text[..<space]), right)
  }

  /// Adds the merges that the scores of the tokens, whose ids must be their indices, imply.
  mutating func addMerges(scores: [Float], isMergeable: [Bool]) {
    merges = BytePairMerges(scores: scores, texts: texts, table, isMergeable: isMergeable)
  }

  private func error(_ reason: String) -> TokenizationError {
    TokenizationError(source: source, keyPath: "merges[\(merges.pairs.count)]", reason: reason)
  }
}
