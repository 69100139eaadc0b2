/// BERT's WordPiece: the longest token that the word begins with, and so on to its end.
///
/// A word with a part that no token begins is unknown as a whole.
final class WordPieceModel: Sendable {
  /// What the tokens that continue a word begin with.
  let prefix: [UInt8]

  /// Longest word in characters; longer ones are unknown.
  let characterLimit: Int

  /// The id of an unknown word.
  let unknownID: Int32

  private let trie: ByteTrie
  /// The node of the trie behind ``prefix``; nil if no token continues a word.
  private let continuation: Int?

  /// A model over the tokens of `vocabulary`.
  init(vocabulary: Vocabulary, prefix: [UInt8], characterLimit: Int, unknownID: Int32) {
    self.prefix = prefix
    self.characterLimit = characterLimit
    self.unknownID = unknownID
    var texts = ByteStrings()
    let ids = vocabulary.isInModel.indices.filter { vocabulary.isInModel[$0] }
    for id in ids { texts.append(vocabulary.texts[id]) }
    trie = ByteTrie(texts, values: ids.map(Int32.init))
    continuation = trie.node(of: prefix)
  }

  /// Appends the ids of `word` to `result`.
  func encode(_ word: UnsafeBufferPointer<UInt8>, appendingTo result: inout [Int32]) {
    let start = result.count
    var position = 0
    let isTooLong =
      word.count > characterLimit && word.count(where: { $0 & 0xC0 != 0x80 }) > characterLimit
    while position < word.count {
      guard !isTooLong, let node = position == 0 ? ByteTrie.root : continuation,
        let match = trie.longestMatch(word, at: position, from: node)
      else {
        result.removeSubrange(start...)
        result.append(unknownID)
        return
      }
      result.append(match.value)
      position = match.end
    }
  }
}
