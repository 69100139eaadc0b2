/// Byte-pair encoding of one piece: its bytes or characters, merged pair by pair in the order the merges were learnt.
///
/// Of all neighbouring pairs, the one of lowest rank merges first, and of equal ones the leftmost, until none of the
/// pairs is a merge.
///
/// A class, so that passing the model on costs no more than a reference.
final class BytePairModel: Sendable {
  /// Where the linear search for the lowest rank gives way to a heap.
  private static let heapThreshold = 48

  /// The merges in order of rank: ids of the left and the right token.
  let merges: [(left: Int32, right: Int32)]

  /// Whether a piece that is a token is taken whole, without merging.
  let ignoresMerges: Bool

  /// The id that stands for bytes or characters the vocabulary lacks; nil to leave them out.
  let unknownID: Int32?

  /// Whether neighbouring unknown bytes or characters become one token.
  let fusesUnknown: Bool

  /// Whether characters the vocabulary lacks become one token for each of their bytes.
  let hasByteFallback: Bool

  /// What merging starts from.
  let alphabet: BytePairAlphabet

  /// For each byte, whether a piece can be cut between it and a ``TokenSpelling/space``, no merge reaching across; nil
  /// if there is no cutting.
  ///
  /// SentencePiece gives a whole text as one piece. Its merges stay within words almost always, so that words can be
  /// encoded one by one, and met again in the cache.
  let cutsAfter: [Bool]?

  /// From a pair of ids to the merge's rank in the upper half and the merged token's id in the lower.
  private let table: PairTable

  /// A model over the tokens of `vocabulary`.
  ///
  /// - Parameters:
  ///   - merges: The merges in order of rank.
  ///   - hasByteFallback: Whether characters the vocabulary lacks become one token for each of their bytes.
  init(
    vocabulary: Vocabulary, merges learnt: BytePairMerges, ignoresMerges: Bool = false,
    unknownID: Int32? = nil, fusesUnknown: Bool = false, hasByteFallback: Bool = false
  ) {
    let merges = learnt.pairs
    self.merges = merges
    self.ignoresMerges = ignoresMerges
    self.unknownID = unknownID
    self.fusesUnknown = fusesUnknown
    self.hasByteFallback = hasByteFallback
    alphabet =
      if case .byteLevel = vocabulary.spelling {
        .bytes(vocabulary)
      } else {
        .characters(vocabulary, hasByteFallback: hasByteFallback)
      }
    var table = PairTable(capacity: merges.count)
    for (index, pair) in merges.enumerated() {
      let rank = UInt64(learnt.ranks?[index] ?? UInt32(index))
      let (left, right) = (UInt32(pair.left), UInt32(pair.right))
      // Of two merges of the same pair the last counts, as in `tokenizers`.
      table[left, right] = rank << 32 | UInt64(learnt.merged[index])
    }
    self.table = table
    cutsAfter = ignoresMerges ? nil : alphabet.cuts(vocabulary, merges, unknownID: unknownID)
  }

  /// Appends the ids of `piece` to `result`.
  func encode(
    _ piece: UnsafeBufferPointer<UInt8>, _ vocabulary: Vocabulary, _ scratch: inout MergeScratch,
    appendingTo result: inout [Int32]
  ) {
    if ignoresMerges, let id = vocabulary.modelID(of: piece) {
      result.append(id)
      return
    }
    scratch.symbols.removeAll(keepingCapacity: true)
    alphabet.appendSymbols(
      of: piece, unknownID: unknownID, fusesUnknown: fusesUnknown, to: &scratch.symbols)
    if scratch.symbols.count > Self.heapThreshold {
      mergeByHeap(&scratch)
    } else {
      mergeBySearch(&scratch)
    }
    result.append(contentsOf: scratch.symbols)
  }

  private func merge(_ left: Int32, _ right: Int32) -> UInt64 { table[UInt32(left), UInt32(right)] }

  /// Quadratic in the piece, and the faster way for words.
  private func mergeBySearch(_ scratch: inout MergeScratch) {
    var count = scratch.symbols.count
    guard count > 1 else { return }
    scratch.merges.removeAll(keepingCapacity: true)
    for index in 0..<count - 1 {
      scratch.merges.append(merge(scratch.symbols[index], scratch.symbols[index + 1]))
    }
    scratch.symbols.withUnsafeMutableBufferPointer { symbols in
      scratch.merges.withUnsafeMutableBufferPointer { merges in
        while count > 1 {
          var best = PairTable.absent
          var at = 0
          for index in 0..<count - 1 where merges[index] < best {
            best = merges[index]
            at = index
          }
          guard best != PairTable.absent else { break }
          count -= 1
          symbols[at] = Int32(truncatingIfNeeded: best)
          for index in at + 1..<max(count, at + 1) { symbols[index] = symbols[index + 1] }
          for index in at..<max(count - 1, at) { merges[index] = merges[index + 1] }
          if at > 0 { merges[at - 1] = merge(symbols[at - 1], symbols[at]) }
          if at < count - 1 { merges[at] = merge(symbols[at], symbols[at + 1]) }
        }
      }
    }
    scratch.symbols.removeLast(scratch.symbols.count - count)
  }

  /// Linearithmic in the piece, for long ones.
  ///
  /// The symbols form a linked list, and the heap holds rank and place of every merge seen. An entry whose place
  /// has changed since is recognised by its rank.
  private func mergeByHeap(_ scratch: inout MergeScratch) {
    let count = scratch.symbols.count
    var next = Array(1...count)
    var previous = Array(-1..<count - 1)
    var heap = MinimumHeap()
    var merges = [UInt64](repeating: PairTable.absent, count: count)
    for index in 0..<count - 1 {
      merges[index] = merge(scratch.symbols[index], scratch.symbols[index + 1])
      if merges[index] != PairTable.absent { heap.insert(Self.entry(merges[index], at: index)) }
    }
    while let entry = heap.removeMinimum() {
      let at = Int(entry & 0xFFFF_FFFF)
      guard merges[at] != PairTable.absent, merges[at] >> 32 == entry >> 32 else { continue }
      scratch.symbols[at] = Int32(truncatingIfNeeded: merges[at])
      let gone = next[at]
      merges[gone] = PairTable.absent
      scratch.symbols[gone] = -1
      next[at] = next[gone]
      if next[at] < count { previous[next[at]] = at }
      for index in [previous[at], at] where index >= 0 {
        merges[index] =
          next[index] < count
          ? merge(scratch.symbols[index], scratch.symbols[next[index]]) : PairTable.absent
        if merges[index] != PairTable.absent { heap.insert(Self.entry(merges[index], at: index)) }
      }
    }
    scratch.symbols.removeAll { $0 < 0 }
  }

  private static func entry(_ merge: UInt64, at index: Int) -> UInt64 {
    merge & 0xFFFF_FFFF_0000_0000 | UInt64(index)
  }
}

/// Working memory of merging, kept from piece to piece.
struct MergeScratch: Sendable {
  fileprivate var symbols: [Int32] = []
  fileprivate var merges: [UInt64] = []
}

/// A binary heap that gives back its smallest number first.
struct MinimumHeap: Sendable {
  private var numbers: [UInt64] = []

  /// Adds `number`; logarithmic in the count.
  mutating func insert(_ number: UInt64) {
    numbers.append(number)
    var child = numbers.count - 1
    while child > 0, case let parent = (child - 1) / 2, numbers[child] < numbers[parent] {
      numbers.swapAt(child, parent)
      child = parent
    }
  }

  /// Takes out the smallest number, nil when empty; logarithmic in the count.
  mutating func removeMinimum() -> UInt64? {
    guard let last = numbers.popLast() else { return nil }
    guard let minimum = numbers.first else { return last }
    numbers[0] = last
    var parent = 0
    while case let left = 2 * parent + 1, left < numbers.count {
      let right = left + 1
      let child = right < numbers.count && numbers[right] < numbers[left] ? right : left
      guard numbers[child] < numbers[parent] else { break }
      numbers.swapAt(child, parent)
      parent = child
    }
    return minimum
  }
}
