internal import Checkpoints
internal import Kernels
internal import Storage

/// One block's weights, ready to multiply with.
///
/// A matrix whose file holds it in the compute precision is used where it is mapped; any other is widened (or
/// narrowed) into memory that is reused from block to block, so that never more than one block is held.
final class BlockWeights {
  private let model: Model
  private let context: ComputeContext
  private let layout: BlockWeightLayout
  private var arena: AlignedBuffer<UInt8>
  private var vectors: [VectorName: [Float]] = [:]
  /// The block that is loaded, from 1; 0 before the first.
  private(set) var block = 0

  private struct VectorName: Hashable {
    var role: WeightRole
    var part: Model.Part
  }

  /// Plans and takes the memory; nothing is loaded yet.
  init(_ model: Model, _ context: ComputeContext) throws {
    self.model = model
    self.context = context
    layout = try BlockWeightLayout(model, context.precision)
    arena = unsafe AlignedBuffer(uninitializedCount: layout.byteCount)
  }

  /// Makes `block` (from 1) the one that is lent.
  func load(_ block: Int) throws {
    self.block = block
    for role in model.blockRoles {
      let entry = try model.weight(role, block: block)
      if entry.shape.count == 1 {
        vectors[VectorName(role: role, part: .weight)] = try model.normWeight(entry, role)
      } else if let offset = layout.offsets[role] {
        try arena.withUnsafeMutableBufferPointer { arena in
          guard let base = arena.baseAddress else { return }
          try model.tensors.convert(
            entry, rows: 0..<entry.rowCount, to: context.precision,
            at: UnsafeMutableRawPointer(base + offset), context)
        }
      }
      vectors[VectorName(role: role, part: .bias)] = try model.entry(role, block: block, part: .bias).map {
        try model.tensors.floats($0)
      }
    }
  }

  /// Lends a matrix of the loaded block.
  func withMatrix(_ role: WeightRole, _ body: (WeightMatrix) -> Void) throws {
    let entry = try model.weight(role, block: block)
    func lend(_ base: UnsafeRawPointer) {
      let shape = model.configuration.shape(of: role)
      body(
        WeightMatrix(
          base, context.precision, outputs: shape[0], inputs: shape[1], layout: model.layout(of: role)))
    }
    if let offset = layout.offsets[role] {
      arena.withUnsafeBufferPointer { arena in
        if let base = arena.baseAddress { lend(UnsafeRawPointer(base + offset)) }
      }
    } else {
      try model.tensors.withBytes(of: entry) { bytes in
        if let base = bytes.baseAddress { lend(base) }
      }
    }
  }

  /// Whether the family has such a weight in its blocks.
  func has(_ role: WeightRole) -> Bool { model.blockRoles.contains(role) }

  /// A vector of the loaded block; `nil` where the checkpoint has none.
  func vector(_ role: WeightRole, _ part: Model.Part = .weight) -> [Float]? {
    vectors[VectorName(role: role, part: part)]
  }
}

/// Where a block's converted matrices lie in the memory that holds them.
struct BlockWeightLayout: Sendable {
  /// Byte offset of each role that needs converting; a role that is used where it is mapped has none.
  private(set) var offsets: [WeightRole: Int] = [:]
  private(set) var byteCount = 0

  /// Plans for the neediest block: types may differ from block to block (GGUF mixes them).
  init(_ model: Model, _ precision: ComputePrecision) throws {
    for role in model.blockRoles {
      let shape = model.configuration.shape(of: role)
      guard shape.count == 2 else { continue }
      let entries = try (1...model.configuration.blocks).map { try model.weight(role, block: $0) }
      guard entries.contains(where: { !precision.isStored(as: $0) }) else { continue }
      offsets[role] = byteCount
      byteCount += (shape[0] * shape[1] * precision.elementBytes + 63) / 64 * 64
    }
  }
}

extension ComputePrecision {
  /// Whether a tensor can be multiplied with where it is mapped: right type, and aligned to its elements.
  func isStored(as entry: TensorEntry) -> Bool {
    switch self {
    case .f32: entry.type == .f32 && entry.bytes.lowerBound % 4 == 0
    case .bf16: entry.type == .bf16 && entry.bytes.lowerBound % 2 == 0
    }
  }
}

extension TensorStore {
  /// Converts rows of a matrix to the compute precision, in parallel.
  ///
  /// - Parameter destination: `[rows.count, rowElements]` in `precision`.
  func convert(
    _ entry: TensorEntry, rows: Range<Int>, to precision: ComputePrecision,
    at destination: UnsafeMutableRawPointer,
    _ context: ComputeContext
  ) throws {
    let width = entry.rowElements
    try withBytes(of: entry, rows: rows) { bytes in
      guard let source = bytes.baseAddress, !rows.isEmpty else { return }
      let rowBytes = bytes.count / rows.count
      // Pieces of about 64k elements: scratch that stays in cache, work that amortises the hand-out.
      let grain = max(1, 65_536 / max(1, width))
      let pieces = (rows.count + grain - 1) / grain
      context.parallelForEach(pieces) { piece in
        let first = piece * grain
        let count = min(grain, rows.count - first) * width
        let from = source + first * rowBytes
        let offset = first * width
        switch precision {
        case .f32:
          Kernels.widen(
            entry.type, from: from, count: count, to: destination.assumingMemoryBound(to: Float.self) + offset
          )
        case .bf16 where entry.type == .bf16:
          destination.advanced(by: offset * 2).copyMemory(from: from, byteCount: count * 2)
        case .bf16:
          withUnsafeTemporaryAllocation(of: Float.self, capacity: count) { wide in
            guard let wide = wide.baseAddress else { return }
            Kernels.widen(entry.type, from: from, count: count, to: wide)
            HalfPrecision.narrowToBF16(
              wide, count: count, to: destination.assumingMemoryBound(to: UInt16.self) + offset)
          }
        }
      }
    }
  }
}
