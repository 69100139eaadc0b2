/// A range of blocks, of a given model or in the proportions of another: `13-30`, or `15-24/24`, the upper ten of 24; `15/24` is one.
package struct BlockShare: Sendable, Hashable {
  /// The first block, from 1.
  let first: Int
  /// The last block.
  let last: Int
  /// The number of blocks that `first` and `last` are of; `nil` where they are the model's own.
  let total: Int?

  /// Reads `a-b`, `a`, or one of them with `/n`; `nil` for anything else.
  package init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count <= 2, ends.count <= 2, let first = ends[0], let last = ends[ends.count - 1], first >= 1,
      last >= first
    else { return nil }
    if parts.count == 2 {
      guard let total = Int(parts[1]), last <= total else { return nil }
      self.total = total
    } else {
      total = nil
    }
    (self.first, self.last) = (first, last)
  }

  /// As it is written.
  var description: String { "\(first)-\(last)" + (total.map { "/\($0)" } ?? "") }

  /// The range in a model of `blocks` blocks; `nil` where it has not so many.
  package func range(of blocks: Int) -> ClosedRange<Int>? {
    guard let total else { return last <= blocks ? first...last : nil }
    let start = (first - 1) * blocks / total + 1
    return start...max(start, last * blocks / total)
  }
}
