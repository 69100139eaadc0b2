/// Byte strings and their numbers, to be followed byte by byte from their beginning.
///
/// The nodes lie in breadth-first order, so the children of each are neighbours, ordered by byte, and end where those
/// of the next begin: nine bytes a node, and a lookup reads few lines of memory.
struct ByteTrie: Sendable {
  /// The node where strings begin.
  static let root = 0

  /// The children of node `n` are the nodes from `children[n]` up to `children[n + 1]`.
  private var children: [UInt32] = []
  /// The byte that leads to each node.
  private var labels: [UInt8] = [0]
  /// For each node, the number of the string that ends there; -1 for none.
  private var values: [Int32] = [-1]
  /// The children of the root by their byte; 0 for none.
  private var first = [UInt32](repeating: 0, count: 256)

  /// A trie of `strings`, each under its number, which is not negative; of two equal strings the first counts.
  init(_ strings: ByteStrings, values numbers: [Int32]) {
    precondition(strings.count == numbers.count, "Each string has a number")
    let order = Self.sorted(strings)
    // In order, so that a pass over the nodes of one depth is one over memory.
    var ordered = ByteStrings()
    for index in order { ordered.append(strings[Int(index)]) }
    // What begins with the string of each node in turn, as a range of `ordered`, and that string's length.
    var pending = [(start: Int32(0), end: Int32(order.count), depth: Int32(0))]
    var node = 0
    while node < pending.count {
      let depth = Int(pending[node].depth)
      var range = pending[node].start..<pending[node].end
      children.append(UInt32(labels.count))
      // Those that end here come first.
      while let index = range.first, ordered[Int(index)].count == depth {
        if values[node] < 0 { values[node] = numbers[Int(order[Int(index)])] }
        range = range.dropFirst()
      }
      while let start = range.first {
        let byte = ordered.byte(depth, of: Int(start))
        var end = start + 1
        while end < range.upperBound, ordered.byte(depth, of: Int(end)) == byte { end += 1 }
        if node == Self.root { first[Int(byte)] = UInt32(labels.count) }
        labels.append(byte)
        values.append(-1)
        pending.append((start, end, Int32(depth) + 1))
        range = end..<range.upperBound
      }
      node += 1
    }
    children.append(UInt32(labels.count))
  }

  /// The indices of `strings` in the order of their bytes, equal ones in theirs.
  private static func sorted(_ strings: ByteStrings) -> [Int32] {
    // The first eight bytes decide most comparisons.
    var keys = (0..<strings.count).map { index in
      let head = strings[index].prefix(8)
      let key = head.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      return (key: head.isEmpty ? 0 : key << UInt64(64 - 8 * head.count), index: Int32(index))
    }
    keys.sort { left, right in
      if left.key != right.key { return left.key < right.key }
      let (a, b) = (strings[Int(left.index)], strings[Int(right.index)])
      if a.lexicographicallyPrecedes(b) { return true }
      return left.index < right.index && !b.lexicographicallyPrecedes(a)
    }
    return keys.map(\.index)
  }

  /// The node that `byte` leads to from `node`; nil if no string goes on so.
  func node(after node: Int, _ byte: UInt8) -> Int? {
    if node == Self.root {
      let next = Int(first[Int(byte)])
      return next == 0 ? nil : next
    }
    for child in Int(children[node])..<Int(children[node + 1]) where labels[child] >= byte {
      return labels[child] == byte ? child : nil
    }
    return nil
  }

  /// The node that `string` leads to from the root; nil if no string begins with it.
  func node(of string: some Sequence<UInt8>) -> Int? {
    var node = Self.root
    for byte in string {
      guard let next = self.node(after: node, byte) else { return nil }
      node = next
    }
    return node
  }

  /// The number of the string that ends at `node`; -1 for none.
  func value(at node: Int) -> Int32 { values[node] }

  /// The number and the end of the longest string that `text` holds at `start`, going on from `node`; nil for none.
  func longestMatch(
    _ text: UnsafeBufferPointer<UInt8>, at start: Int, from node: Int = root
  ) -> (value: Int32, end: Int)? {
    var node = node
    var found: (Int32, Int)?
    for position in start..<text.count {
      guard let next = self.node(after: node, text[position]) else { break }
      node = next
      if values[node] >= 0 { found = (values[node], position + 1) }
    }
    return found
  }
}
