internal import Kernels
internal import Storage

/// What gated delta nets carry from one token of a text to the next, of every block and several texts.
final class RecurrentStates {
  /// Floats of one block's state of one text.
  private let size: Int
  /// Each block's number among those with a state.
  private let places: [Int?]
  private let texts: Int
  private let memory: AlignedBuffer<Float>

  /// Zeros for `texts` texts; no memory where no block has a state.
  init(_ configuration: ModelConfiguration, texts: Int) {
    let blocks = Self.blocks(configuration)
    size = configuration.deltaNet?.stateCount ?? 0
    places = (1...configuration.blocks).map { blocks.firstIndex(of: $0) }
    self.texts = texts
    memory = AlignedBuffer(count: blocks.count * texts * size)
  }

  /// Bytes of the states of one text.
  static func byteCount(_ configuration: ModelConfiguration) -> Int {
    blocks(configuration).count * (configuration.deltaNet?.stateCount ?? 0) * MemoryLayout<Float>.size
  }

  private static func blocks(_ configuration: ModelConfiguration) -> [Int] {
    (1...configuration.blocks).filter(configuration.isRecurrent)
  }

  /// Where a text's state in a block is; `nil` where the block has none.
  ///
  /// Valid while this lives.
  func base(block: Int, text: Int) -> UnsafeMutablePointer<Float>? {
    guard let place = places[block - 1] else { return nil }
    // Lent for reading: passes write their own texts' states at the same time.
    return memory.withUnsafeBufferPointer { memory in
      memory.baseAddress.map { UnsafeMutablePointer(mutating: $0) + (place * texts + text) * size }
    }
  }
}
