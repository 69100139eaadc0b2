internal import Foundation
internal import Kernels

/// The weights of all blocks, for steps that go through them again and again: all kept where they fit in memory, else
/// loaded anew for every step.
final class BlockShelf {
  private var kept: [BlockWeights?]
  private let shared: BlockWeights?
  private let make: () throws -> BlockWeights

  /// Share of the machine's memory that kept weights may take.
  private static let memoryShare = 4

  /// - Parameters:
  ///   - rows: how many tokens a step multiplies with each block.
  ///   - roles: which of the block's weights are needed; all where `nil`.
  init(_ model: Model, _ context: ComputeContext, rows: Int, roles: [WeightRole]? = nil) throws {
    // Kept weights are packed once for all steps, however few rows a step has.
    let packed = try BlockWeightLayout(model, context.precision, rows: .max, roles: roles).byteCount
    let budget = Int(clamping: ProcessInfo.processInfo.physicalMemory) / Self.memoryShare
    let isKept = packed <= budget / model.configuration.blocks
    kept = Array(repeating: nil, count: isKept ? model.configuration.blocks : 0)
    make = { try BlockWeights(model, context, rows: isKept ? .max : rows, roles: roles) }
    shared = isKept ? nil : try make()
  }

  /// The weights of `block` (from 1), valid until the next call.
  func weights(_ block: Int) throws -> BlockWeights {
    if let shared {
      try shared.load(block)
      return shared
    }
    if let weights = kept[block - 1] { return weights }
    let weights = try make()
    try weights.load(block)
    kept[block - 1] = weights
    return weights
  }
}
