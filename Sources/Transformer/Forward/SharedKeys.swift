internal import Storage

/// Keys and values of blocks from which later blocks take theirs over, of all rows of a pass; or their gradients.
package final class SharedKeys {
  /// `[rows, 2 · width]` of each such block, from 1: the keys of all heads and then the values.
  private let memory: AlignedBuffer<Float>
  /// Where those of each block begin.
  private let starts: [Int: Int]
  private let configuration: ModelConfiguration
  private let rows: Int
  /// Those of the model that this one's pass has branched off from, for the blocks before it did.
  private var trunk: SharedKeys?

  /// Zeros; `nil` where no block takes over another's keys.
  package convenience init?(_ configuration: ModelConfiguration, rows: Int) {
    self.init(configuration, rows: rows, from: 1)
  }

  private init?(_ configuration: ModelConfiguration, rows: Int, from firstBlock: Int) {
    let sources = configuration.keySources
    guard !sources.isEmpty else { return nil }
    self.configuration = configuration
    self.rows = rows
    var (starts, end) = ([Int: Int](), 0)
    for block in sources where block >= firstBlock {
      starts[block] = end
      end += rows * 2 * configuration.block(block).keyValueWidth
    }
    self.starts = starts
    memory = AlignedBuffer(count: end)
  }

  /// For a pass that goes its own way from `block` on.
  func branch(from block: Int) -> SharedKeys? {
    let branch = SharedKeys(configuration, rows: rows, from: block)
    branch?.trunk = self
    return branch
  }

  /// Bytes that the keys and values of `rows` rows take.
  static func byteCount(_ configuration: ModelConfiguration, rows: Int) -> Int {
    configuration.keySources.reduce(0) { $0 + rows * 2 * configuration.block($1).keyValueWidth * 4 }
  }

  /// Where those of `block`, from row `row`, are; `nil` where no block takes them over.
  ///
  /// Valid while this lives.
  func base(block: Int, row: Int) -> UnsafeMutablePointer<Float>? {
    guard let start = starts[block] else { return trunk?.base(block: block, row: row) }
    let width = 2 * configuration.block(block).keyValueWidth
    return memory.withUnsafeBufferPointer { memory in
      memory.baseAddress.map { UnsafeMutablePointer(mutating: $0) + start + row * width }
    }
  }
}

extension QueryKeyValueRows {
  /// Goes through the keys and values of `rows` rows and those at `other`, `[rows, 2 · width]`, a head at a time.
  func forEachHead(
    _ configuration: ModelConfiguration, rows: Int, with other: UnsafeMutablePointer<Float>,
    _ body: (_ own: UnsafeMutablePointer<Float>, _ other: UnsafeMutablePointer<Float>, _ count: Int) -> Void
  ) {
    let (head, width) = (configuration.headDimension, configuration.keyValueWidth)
    for row in 0..<rows {
      for (start, first) in [(keys, 0), (values, width)] {
        for index in 0..<configuration.keyValueHeads {
          body(
            base + row * stride + start + index * headStep, other + row * 2 * width + first + index * head,
            head)
        }
      }
    }
  }
}
