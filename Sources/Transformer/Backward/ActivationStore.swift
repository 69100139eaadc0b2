internal import Storage

/// Memory in which passes, one after another, keep what their blocks compute until the way back, which then need not compute
/// it again.
///
/// It belongs to the pass that took it last; others then find nothing kept and compute their blocks once more.
package final class ActivationStore {
  /// The most bytes that are kept.
  package let limit: Int
  private var memory = AlignedBuffer<UInt8>(count: 0)
  private var lease = 0

  /// Pieces in which the memory grows.
  private static let growth = 32 << 20

  /// Takes no memory before it is needed.
  package init(limit: Int) { self.limit = limit }

  /// Makes `byteCount` bytes, at most ``limit``, the caller's; answers the number that it is known by.
  func take(_ byteCount: Int) -> Int {
    precondition(byteCount <= limit, "more than may be kept")
    if byteCount > memory.count {
      let pieces = (byteCount + Self.growth - 1) / Self.growth
      // The old memory goes before the new one comes.
      memory = AlignedBuffer(count: 0)
      memory = unsafe AlignedBuffer(uninitializedCount: min(limit, pieces * Self.growth))
    }
    lease += 1
    return lease
  }

  /// Whether the memory is still that of the caller with this number.
  func belongs(to lease: Int) -> Bool { self.lease == lease }

  /// The first byte; valid while the store lives and takes no more memory.
  var base: UnsafeMutableRawPointer {
    memory.withUnsafeBufferPointer { memory in
      guard let base = memory.baseAddress else { preconditionFailure("an allocation has an address") }
      return UnsafeMutableRawPointer(mutating: base)
    }
  }
}

/// What a pass keeps in an ``ActivationStore``, and where.
final class KeptActivations {
  /// The lowest block whose inside is kept; after the last where none is.
  let firstBlock: Int
  /// Where each kept block's chunks begin, from ``firstBlock`` on.
  private let chunks: [[Int]]
  /// Where the logits are; `nil` where they are not kept.
  private let logitsOffset: Int?
  private let store: ActivationStore
  private let lease: Int
  private var used: Set<Int> = []
  private var logitsAreUsed = false

  /// Takes what is needed of `store`, as much of it as there is room for: logits first, then blocks from the last down, which
  /// are the first on the way back.
  ///
  /// - Parameters:
  ///   - logits: how many there are.
  ///   - chunkBytes: what each chunk takes inside a block.
  ///   - blocks: the blocks that the way back leads through.
  init(_ store: ActivationStore, logits: Int, chunkBytes: [Int], blocks: Range<Int>) {
    let blockBytes = chunkBytes.reduce(0, +)
    let (logitBytes, count) = Self.room(
      limit: store.limit, logits: logits, blockBytes: blockBytes, blocks: blocks.count)
    logitsOffset = logitBytes.map { _ in 0 }
    firstBlock = blocks.upperBound - count
    var next = logitBytes ?? 0
    chunks = (0..<count).map { _ in
      chunkBytes.map { bytes in
        defer { next += bytes }
        return next
      }
    }
    self.store = store
    lease = store.take(next)
  }

  /// Bytes that ``init(_:logits:chunkBytes:blocks:)`` takes.
  static func byteCount(limit: Int, logits: Int, chunkBytes: [Int], blocks: Int) -> Int {
    let blockBytes = chunkBytes.reduce(0, +)
    let (logitBytes, count) = room(limit: limit, logits: logits, blockBytes: blockBytes, blocks: blocks)
    return (logitBytes ?? 0) + count * blockBytes
  }

  /// What there is room for: the logits, in bytes, and a number of blocks.
  private static func room(limit: Int, logits: Int, blockBytes: Int, blocks: Int) -> (Int?, blocks: Int) {
    let wanted = (logits * MemoryLayout<Float>.size + 63) / 64 * 64
    let logitBytes = wanted <= limit ? wanted : nil
    return (logitBytes, min(blocks, (limit - (logitBytes ?? 0)) / max(1, blockBytes)))
  }

  /// Memory for a chunk of a block; `nil` where the block is not kept, or what was kept of it is used up.
  func scratch(_ layout: BlockScratchLayout, block: Int, chunk: Int) -> BlockScratch? {
    guard block >= firstBlock, store.belongs(to: lease), !used.contains(block) else { return nil }
    return BlockScratch(layout, at: store.base + chunks[block - firstBlock][chunk])
  }

  /// Says that the way back has overwritten what was kept of a block.
  func use(block: Int) { used.insert(block) }

  /// The logits, `[rows, vocabulary]` a slice of the vocabulary after another; `nil` where they are not kept or used up.
  var logits: UnsafeMutablePointer<Float>? {
    guard let logitsOffset, store.belongs(to: lease), !logitsAreUsed else { return nil }
    return (store.base + logitsOffset).assumingMemoryBound(to: Float.self)
  }

  /// Says that the way back has overwritten the logits.
  func useLogits() { logitsAreUsed = true }
}
