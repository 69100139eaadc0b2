extension Range<Int> {
  /// Runs of items that together have at most `limit` tokens, or one item.
  ///
  /// - Parameter tokens: how many an item has.
  package func batches(ofAtMost limit: Int, tokens: (Int) -> Int) -> [Range<Int>] {
    var batches: [Range<Int>] = []
    var size = 0
    for index in self {
      let count = tokens(index)
      if let last = batches.last, size + count <= limit {
        batches[batches.count - 1] = last.lowerBound..<index + 1
        size += count
      } else {
        batches.append(index..<index + 1)
        size = count
      }
    }
    return batches
  }
}
