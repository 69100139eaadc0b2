extension Communicator {
  /// The run of items that each process computes, in the order of the processes: every item is in exactly one.
  ///
  /// An item belongs to the process into whose equal part of the whole weight its middle falls, so no process has more than
  /// such a part and the heaviest item together. Where there are fewer items than processes some runs are empty.
  ///
  /// - Parameter weights: the work of each item, such as its tokens; less than 1 counts as 1.
  package func shares(of weights: [Int]) -> [Range<Int>] {
    guard size > 1 else { return [weights.indices] }
    let total = weights.reduce(0.0) { $0 + Double(max(1, $1)) }
    var ends = [Int](repeating: 0, count: size)
    var before = 0.0
    for (item, weight) in weights.enumerated() {
      let middle = before + Double(max(1, weight)) / 2
      before += Double(max(1, weight))
      ends[min(size - 1, Int(middle * Double(size) / total))] = item + 1
    }
    var start = 0
    return ends.map { end in
      defer { start = max(start, end) }
      return start..<max(start, end)
    }
  }

  /// The run of items that this process computes; see ``shares(of:)``.
  package func share(of weights: [Int]) -> Range<Int> { shares(of: weights)[rank] }
}
