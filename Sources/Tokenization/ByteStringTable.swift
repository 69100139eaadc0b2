internal import Storage

/// A hash table from byte strings to the numbers they were inserted under.
///
/// Vocabularies are looked up by bytes: two `String`s that are canonically equivalent are equal, two tokens are not.
/// Linear probing at a load of at most one half, with a random seed against chosen collisions.
struct ByteStringTable: Sendable {
  private var strings = ByteStrings()
  private var values: [Int32] = []
  /// For each slot the string's hash in the upper half, so that strings are compared only where it agrees, and its
  /// index plus one in the lower half, 0 if the slot is free.
  private var slots: [UInt64]
  private let seed = UInt64.random(in: 0...UInt64.max)

  /// An empty table with room for `capacity` strings.
  init(capacity: Int) {
    let bits = Int.bitWidth - max(2 * capacity, 15).leadingZeroBitCount
    slots = [UInt64](repeating: 0, count: 1 << bits)
    values.reserveCapacity(capacity)
    strings.reserveCapacity(capacity)
  }

  /// Inserts `string` under `value`; returns false, changing nothing, if it is there already.
  ///
  /// The table must have room: it does not grow.
  mutating func insert(_ string: UnsafeBufferPointer<UInt8>, _ value: Int32) -> Bool {
    precondition(2 * (values.count + 1) <= slots.count, "The table is full")
    let (slot, hash) = find(string)
    guard slots[slot] == 0 else { return false }
    strings.append(string)
    values.append(value)
    slots[slot] = hash & 0xFFFF_FFFF_0000_0000 | UInt64(values.count)
    return true
  }

  /// The number `string` was inserted under; nil if it was not.
  func value(of string: UnsafeBufferPointer<UInt8>) -> Int32? {
    let entry = slots[find(string).slot]
    return entry == 0 ? nil : values[Int(entry & 0xFFFF_FFFF) - 1]
  }

  /// The slot that holds `string`, or the free one where it would go; and its hash.
  private func find(_ string: UnsafeBufferPointer<UInt8>) -> (slot: Int, hash: UInt64) {
    let hash = ByteHash.hash(UnsafeRawBufferPointer(string), seed: seed)
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 {
      if slots[slot] >> 32 == hash >> 32,
        strings.string(at: Int(slots[slot] & 0xFFFF_FFFF) - 1, equals: string)
      {
        break
      }
      slot = (slot + 1) & mask
    }
    return (slot, hash)
  }
}
