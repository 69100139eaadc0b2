/// A hash table from pairs of 32-bit numbers to 64-bit values: a vocabulary's merges, or a trie's edges.
///
/// Open addressing with linear probing at a load of at most one half, one cache line a lookup. The hash multiplies
/// by a random odd number chosen at construction, so a hostile file cannot aim for collisions.
struct PairTable: Sendable {
  /// The value of a pair that is not in the table.
  static let absent = UInt64.max

  private struct Entry {
    var key: UInt64
    var value: UInt64
  }

  /// Key of a free entry: a pair of two `UInt32.max`, which nobody inserts.
  private static let free = UInt64.max

  private var entries: [Entry]
  private var shift: Int
  private let multiplier: UInt64

  /// An empty table with room for `capacity` pairs.
  init(capacity: Int) {
    let bits = Int.bitWidth - max(2 * capacity, 15).leadingZeroBitCount
    entries = [Entry](repeating: Entry(key: Self.free, value: Self.absent), count: 1 << bits)
    shift = UInt64.bitWidth - bits
    multiplier = UInt64.random(in: 0...UInt64.max) | 1
  }

  /// The value of (`first`, `second`), or ``absent``; setting inserts or replaces.
  ///
  /// The table must have room: it does not grow.
  subscript(first: UInt32, second: UInt32) -> UInt64 {
    get { entries[index(of: UInt64(first) << 32 | UInt64(second))].value }
    set {
      let key = UInt64(first) << 32 | UInt64(second)
      entries[index(of: key)] = Entry(key: key, value: newValue)
    }
  }

  /// Inserts a pair that is not in a table of `count` others, making room for it first where there is none.
  mutating func insert(_ first: UInt32, _ second: UInt32, _ value: UInt64, count: Int) {
    if 2 * (count + 1) > entries.count {
      let old = entries
      entries = [Entry](repeating: Entry(key: Self.free, value: Self.absent), count: 2 * old.count)
      shift -= 1
      for entry in old where entry.key != Self.free { entries[index(of: entry.key)] = entry }
    }
    self[first, second] = value
  }

  /// The entry that holds `key`, or the free one where it would go.
  private func index(of key: UInt64) -> Int {
    // Folding first lets the high word reach every bit of the product's top.
    var index = Int(((key ^ key >> 29) &* multiplier) >> UInt64(shift))
    while entries[index].key != key, entries[index].key != Self.free {
      index = (index + 1) & (entries.count - 1)
    }
    return index
  }
}
