internal import Storage

/// The ids of pieces met before.
///
/// Text repeats its words: most pieces are found here and merge nothing.
///
/// A fixed table in groups of four entries, with the pieces and ids themselves in two arenas. A full group gives up
/// an entry, a full arena empties the cache: about 2 MiB whatever the text, and no lookup leaves its group.
struct WordCache: Sendable {
  /// Longest piece that is kept, in bytes; longer ones rarely come back.
  static let keyLimit = 64

  private static let groupSize = 4
  private static let groupCount = 1 << 12
  private static let arenaLimit = 1 << 19

  private struct Entry {
    var hash: UInt64 = 0
    var key: UInt32 = 0
    var ids: UInt32 = 0
    /// Bytes of the piece; 0 where the entry is free, as no piece is empty.
    var keyCount: UInt16 = 0
    var idCount: UInt16 = 0
  }

  private var entries = [Entry](repeating: Entry(), count: groupCount * groupSize)
  private var keys: [UInt8] = []
  private var ids: [Int32] = []

  /// A number for `piece`, to be passed to the two functions below.
  static func hash(_ piece: UnsafeBufferPointer<UInt8>) -> UInt64 {
    ByteHash.hash(UnsafeRawBufferPointer(piece), seed: 0)
  }

  /// Appends the ids of `piece` to `result` if it is known; returns whether it was.
  func find(_ piece: UnsafeBufferPointer<UInt8>, hash: UInt64, appendingTo result: inout [Int32]) -> Bool {
    let group = Self.group(of: hash)
    for index in group..<group + Self.groupSize {
      let entry = entries[index]
      guard entry.hash == hash, Int(entry.keyCount) == piece.count else { continue }
      let start = Int(entry.key)
      guard keys[start..<start + piece.count].elementsEqual(piece) else { continue }
      for id in Int(entry.ids)..<Int(entry.ids) + Int(entry.idCount) { result.append(ids[id]) }
      return true
    }
    return false
  }

  /// Keeps `newIDs` as the ids of `piece`, which is not in the cache.
  mutating func insert(_ piece: UnsafeBufferPointer<UInt8>, hash: UInt64, _ newIDs: ArraySlice<Int32>) {
    if keys.count + piece.count > Self.arenaLimit || ids.count + newIDs.count > Self.arenaLimit / 4 {
      entries = [Entry](repeating: Entry(), count: entries.count)
      keys.removeAll(keepingCapacity: true)
      ids.removeAll(keepingCapacity: true)
    }
    let group = Self.group(of: hash)
    let free = (group..<group + Self.groupSize).first { entries[$0].keyCount == 0 }
    entries[free ?? group + Int(hash & 3)] = Entry(
      hash: hash, key: UInt32(keys.count), ids: UInt32(ids.count), keyCount: UInt16(piece.count),
      idCount: UInt16(newIDs.count))
    keys.append(contentsOf: piece)
    ids.append(contentsOf: newIDs)
  }

  private static func group(of hash: UInt64) -> Int { (Int(hash >> 32) & (groupCount - 1)) * groupSize }
}
