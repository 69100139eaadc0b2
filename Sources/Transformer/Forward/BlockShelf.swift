internal import Foundation
internal import Kernels

/// The weights of all blocks, for passes and steps that go through them: all kept where they are used again and fit in memory,
/// else loaded one after another.
final class BlockShelf {
  private var kept: [BlockWeights?]
  private let shared: BlockWeights?
  /// The block that is in `shared`, from 1; 0 for none.
  private var loaded = 0
  private let make: () throws -> BlockWeights

  /// Share of the machine's memory that kept weights may take.
  private static let memoryShare = 4

  /// - Parameters:
  ///   - rows: how many tokens a step multiplies with each block.
  ///   - roles: which of the block's weights are needed; all where `nil`.
  init(_ model: Model, _ context: ComputeContext, rows: Int, roles: [WeightRole]? = nil) throws {
    let isKept = try Self.keptBytes(model, context, roles: roles) > 0
    kept = Array(repeating: nil, count: isKept ? model.configuration.blocks : 0)
    make = { try BlockWeights(model, context, rows: isKept ? .max : rows, roles: roles) }
    shared = isKept ? nil : try make()
  }

  /// A shelf for a pass that meets each block once: nothing is kept.
  ///
  /// - Parameter rows: how many tokens are multiplied with each block.
  init(ofOneBlock model: Model, _ context: ComputeContext, rows: Int) throws {
    kept = []
    make = { try BlockWeights(model, context, rows: rows) }
    shared = try make()
  }

  /// Bytes of the weights of all blocks, packed once for all steps, however few rows a step has; 0 where they are not kept.
  static func keptBytes(_ model: Model, _ context: ComputeContext, roles: [WeightRole]? = nil) throws -> Int {
    let packed = try BlockWeightLayout(model, context.precision, rows: .max, roles: roles).byteCount
    let budget = Int(clamping: ProcessInfo.processInfo.physicalMemory) / memoryShare
    let blocks = model.configuration.blocks
    // A block that is used where it is mapped takes none, and is kept.
    return packed <= budget / blocks ? max(1, packed * blocks) : 0
  }

  /// Whether a block that has been loaded stays.
  var keepsBlocks: Bool { shared == nil }

  /// The weights of `block` (from 1), valid until the next call.
  func weights(_ block: Int) throws -> BlockWeights {
    if let shared {
      if loaded != block {
        loaded = 0
        try shared.load(block)
        loaded = block
      }
      return shared
    }
    if let weights = kept[block - 1] { return weights }
    let weights = try make()
    try weights.load(block)
    kept[block - 1] = weights
    return weights
  }
}
