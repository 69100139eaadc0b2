internal import Kernels
internal import Storage

/// Keys and values of every block for several texts that grow, each with room of its own: no padding.
///
/// Layout: block by block, text by text, position by position, the keys of all heads and then the values.
final class KeyValueCache {
  /// Width of a head, and columns of the keys (and of the values), in each block.
  private let shapes: [(head: Int, width: Int)]
  /// Where each block's keys and values begin; one that takes over another's has them there, and one without attention none.
  private let starts: [Int]
  /// First row of each text within a block, and one past the last text's.
  private let firstRows: [Int]
  private let memory: AlignedBuffer<Float>

  /// - Parameter capacities: the most tokens each text will have.
  init(_ configuration: ModelConfiguration, capacities: [Int]) {
    shapes = (1...configuration.blocks).map {
      let block = configuration.block($0)
      return (block.headDimension, block.keyValueWidth)
    }
    var firstRows = [0]
    for capacity in capacities { firstRows.append((firstRows.last ?? 0) + capacity) }
    self.firstRows = firstRows
    var (starts, end) = ([Int](), 0)
    for (index, shape) in shapes.enumerated() {
      if configuration.isRecurrent(block: index + 1) {
        starts.append(end)
      } else if let source = configuration.keySource(block: index + 1) {
        starts.append(starts[source - 1])
      } else {
        starts.append(end)
        end += (firstRows.last ?? 0) * 2 * shape.width
      }
    }
    self.starts = starts
    memory = unsafe AlignedBuffer(uninitializedCount: end)
  }

  /// Bytes that a cache of these texts takes.
  static func byteCount(_ configuration: ModelConfiguration, tokens: Int) -> Int {
    let making = (1...configuration.blocks).filter {
      configuration.keySource(block: $0) == nil && !configuration.isRecurrent(block: $0)
    }
    return making.reduce(0) { $0 + configuration.block($1).keyValueWidth } * tokens * 2 * 4
  }

  /// Stores the keys and values of consecutive positions of a text: `count` rows from row `first` of `rows`.
  func store(
    block: Int, text: Int, position: Int, count: Int, first: Int, of rows: BlockPass.QueryKeyValue
  ) {
    precondition(firstRows[text] + position + count <= firstRows[text + 1], "the text has outgrown its room")
    let (headDimension, width) = shapes[block - 1]
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
    let width = shapes[block - 1].width
    return withRow(block, text, 0) { row in
      KeyRange(keys: row, values: row + width, stride: 2 * width, count: count)
    }
  }

  private func withRow<R>(
    _ block: Int, _ text: Int, _ position: Int, _ body: (UnsafeMutablePointer<Float>) -> R
  ) -> R {
    let offset = starts[block - 1] + (firstRows[text] + position) * 2 * shapes[block - 1].width
    // Lent for reading: chunks store their own texts' rows at the same time, and a writer would have to be alone.
    return memory.withUnsafeBufferPointer { memory in
      guard let base = memory.baseAddress else { preconditionFailure("an allocation has an address") }
      return body(UnsafeMutablePointer(mutating: base) + offset)
    }
  }
}
