internal import Kernels
internal import Storage

/// Keys and values of every block for several texts that grow, each with room of its own: no padding.
///
/// Layout: block by block, text by text, position by position, the keys of all heads and then the values.
final class KeyValueCache {
  private let width: Int
  private let blocks: Int
  /// First row of each text within a block, and one past the last text's.
  private let firstRows: [Int]
  private let memory: AlignedBuffer<Float>

  /// - Parameters:
  ///   - capacities: the most tokens each text will have.
  ///   - width: columns of the keys (and of the values).
  init(blocks: Int, width: Int, capacities: [Int]) {
    self.blocks = blocks
    self.width = width
    var firstRows = [0]
    for capacity in capacities { firstRows.append((firstRows.last ?? 0) + capacity) }
    self.firstRows = firstRows
    memory = unsafe AlignedBuffer(uninitializedCount: blocks * (firstRows.last ?? 0) * 2 * width)
  }

  /// Bytes that a cache of these texts takes.
  static func byteCount(blocks: Int, width: Int, tokens: Int) -> Int { blocks * tokens * 2 * width * 4 }

  /// Stores the keys and values of consecutive positions of a text: `count` rows from row `first` of `rows`.
  func store(
    block: Int, text: Int, position: Int, count: Int, first: Int, of rows: BlockPass.QueryKeyValue,
    headDimension: Int
  ) {
    precondition(firstRows[text] + position + count <= firstRows[text + 1], "the text has outgrown its room")
    withRow(block, text, position) { target in
      for index in 0..<count {
        let source = rows.base + (first + index) * rows.stride
        for head in 0..<width / headDimension {
          let to = target + index * 2 * width + head * headDimension
          to.update(from: source + rows.keys + head * rows.headStep, count: headDimension)
          (to + width).update(from: source + rows.values + head * rows.headStep, count: headDimension)
        }
      }
    }
  }

  /// The first `count` keys and values of a text in a block.
  ///
  /// The range is valid while the cache lives.
  func keyRange(block: Int, text: Int, count: Int) -> KeyRange {
    withRow(block, text, 0) { row in
      KeyRange(keys: row, values: row + width, stride: 2 * width, count: count)
    }
  }

  private func withRow<R>(
    _ block: Int, _ text: Int, _ position: Int, _ body: (UnsafeMutablePointer<Float>) -> R
  ) -> R {
    let rowsPerBlock = firstRows.last ?? 0
    let row = (block - 1) * rowsPerBlock + firstRows[text] + position
    // Lent for reading: chunks store their own texts' rows at the same time, and a writer would have to be alone.
    return memory.withUnsafeBufferPointer { memory in
      guard let base = memory.baseAddress else { preconditionFailure("an allocation has an address") }
      return body(UnsafeMutablePointer(mutating: base) + row * 2 * width)
    }
  }
}
