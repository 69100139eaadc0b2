/// The merges of a byte-pair model.
struct BytePairMerges: Sendable {
  /// Longest token in bytes that scores imply merges for; it bounds the work.
  ///
  /// Real ones are below a hundred.
  static let tokenLimit = 256

  /// For each merge, the ids of the left and the right token; in order of rank.
  var pairs: [(left: Int32, right: Int32)] = []
  /// The token that each merge makes.
  var merged: [Int32] = []
  /// The rank of each merge, where several have the same; nil where it is the index.
  var ranks: [UInt32]?

  /// No merges.
  init() {}

  /// The merges that SentencePiece's scores imply: every two tokens that together are a third.
  ///
  /// That of the highest score comes first, and all ways to make the same token are of one rank.
  ///
  /// - Parameters:
  ///   - scores: The score of each token by id.
  ///   - isMergeable: For each id, whether the token takes part.
  init(
    scores: [Float], texts: ByteStrings, _ table: ByteStringTable, isMergeable: [Bool]
  ) {
    var order: [(score: Float, id: Int32)] = []
    for id in 0..<texts.count where isMergeable[id] {
      // NaN would have no place in the order.
      order.append((scores[id].isNaN ? -.infinity : scores[id], Int32(id)))
    }
    order.sort { $0.score != $1.score ? $0.score > $1.score : $0.id < $1.id }
    var ranks: [UInt32] = []
    for (rank, (_, id)) in order.enumerated() where texts[Int(id)].count <= Self.tokenLimit {
      texts[Int(id)].withUnsafeBufferPointer { text in
        for cut in text.indices.dropFirst() where text[cut] & 0xC0 != 0x80 {
          guard let left = table.value(of: UnsafeBufferPointer(rebasing: text[..<cut])),
            let right = table.value(of: UnsafeBufferPointer(rebasing: text[cut...])),
            isMergeable[Int(left)], isMergeable[Int(right)]
          else { continue }
          pairs.append((left, right))
          merged.append(id)
          ranks.append(UInt32(rank))
        }
      }
    }
    self.ranks = ranks
  }
}
