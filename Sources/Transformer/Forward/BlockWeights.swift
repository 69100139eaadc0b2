package import Checkpoints
package import Kernels
internal import Storage

/// One block's weights, ready to multiply with.
///
/// For a pass over many tokens, matrices are packed for the product. Otherwise a matrix whose file holds it in the
/// compute precision is used where it is mapped, and any other is widened or narrowed. What is packed or converted goes
/// to memory that is reused from block to block, so that never more than one block is held.
package final class BlockWeights {
  /// The model whose blocks are lent.
  let model: Model
  private let context: ComputeContext
  private let layout: BlockWeightLayout
  private let roles: [WeightRole]
  private let joinsNeighbours: Bool
  private var arena: AlignedBuffer<UInt8>
  /// Room for one matrix on the way from its file to its packed form.
  private var unpacked: AlignedBuffer<UInt8>
  private var vectors: [VectorName: [Float]] = [:]
  /// The block that is loaded, from 1; 0 before the first.
  package private(set) var block = 0
  /// The model's axes as the loaded block has them.
  private(set) var configuration: ModelConfiguration

  /// What the loaded block's gated delta net is made of beside matrices; `nil` where it has attention.
  private(set) var deltaNet: DeltaNetVectors?

  private struct VectorName: Hashable {
    var role: WeightRole
    var part: Model.Part
  }

  /// Plans and takes the memory; nothing is loaded yet.
  ///
  /// - Parameters:
  ///   - rows: how many tokens will be multiplied with each block.
  ///   - roles: which of the block's weights are needed; all where `nil`.
  ///   - joinsNeighbours: whether matrices that are used where they are mapped, one behind another, are lent as one.
  package init(
    _ model: Model, _ context: ComputeContext, rows: Int, roles: [WeightRole]? = nil,
    joinsNeighbours: Bool = false
  ) throws {
    self.model = model
    self.context = context
    configuration = model.configuration
    self.joinsNeighbours = joinsNeighbours
    self.roles = roles ?? model.blockRoles
    layout = try BlockWeightLayout(model, context.precision, rows: rows, roles: self.roles)
    arena = unsafe AlignedBuffer(uninitializedCount: layout.arenaBytes)
    unpacked = unsafe AlignedBuffer(uninitializedCount: layout.unpackedBytes)
  }

  /// Makes `block` (from 1) the one that is lent.
  package func load(_ block: Int) throws {
    self.block = block
    configuration = model.configuration.block(block)
    if configuration.tokenBranchWidth != nil {
      let norm = try model.weight(.tokenContextNorm)
      vectors[VectorName(role: .tokenContextNorm, part: .weight)] = try model.normWeight(
        norm, .tokenContextNorm)
    }
    for role in roles {
      guard model.has(role, block: block) else {
        for part in [Model.Part.weight, .bias] { vectors[VectorName(role: role, part: part)] = nil }
        continue
      }
      let entry = try model.weight(role, block: block)
      if entry.shape.count == 1 || role == .deltaConvolution {
        vectors[VectorName(role: role, part: .weight)] = try model.normWeight(entry, role)
      }
      vectors[VectorName(role: role, part: .bias)] = try model.entry(role, block: block, part: .bias).map {
        try model.tensors.floats($0)
      }
    }
    deltaNet = isRecurrent ? DeltaNetVectors(self) : nil
    for (group, offset) in layout.offsets where isNeeded(group) {
      try arena.withUnsafeMutableBufferPointer { arena in
        guard let base = arena.baseAddress else { return }
        try fill(UnsafeMutableRawPointer(base + offset), with: group)
      }
    }
  }

  /// Whether the loaded block multiplies with the matrices of `group` together: queries alone where it makes no keys.
  private func isNeeded(_ group: [WeightRole]) -> Bool {
    if group == [.query], layout.offsets[Self.attentionGroup] != nil { return !makesKeys }
    return group.allSatisfy { model.has($0, block: block) }
  }

  /// Whether the loaded block makes keys and values, instead of taking over those of an earlier one.
  var makesKeys: Bool { model.has(.key, block: block) }

  /// Whether the loaded block has a gated delta net in place of attention.
  var isRecurrent: Bool { model.configuration.isRecurrent(block: block) }

  /// The matrices of a gated delta net that have one input.
  static let deltaGroup: [WeightRole] = [.deltaQueryKeyValue, .deltaGate, .deltaRate, .deltaTime]

  /// The matrices of attention that have one input.
  fileprivate static let attentionGroup: [WeightRole] = [.query, .key, .value]

  /// Converts the matrices of `group` to `destination`, one after another, or packs them there as one.
  private func fill(_ destination: UnsafeMutableRawPointer, with group: [WeightRole]) throws {
    guard layout.isPacked else { return try convert(group, to: destination) }
    if group.count == 1, let role = group.first {
      let entry = try model.weight(role, block: block)
      if context.precision.isStored(as: entry) {
        return try model.tensors.withBytes(of: entry) { bytes in
          guard let base = bytes.baseAddress else { return }
          pack(matrix(group, at: base, model.layout(of: role)), into: destination)
        }
      }
    }
    try unpacked.withUnsafeMutableBufferPointer { unpacked in
      guard let base = unpacked.baseAddress, let first = group.first else { return }
      try convert(group, to: UnsafeMutableRawPointer(base))
      pack(matrix(group, at: base, model.layout(of: first)), into: destination)
    }
  }

  private func convert(_ group: [WeightRole], to destination: UnsafeMutableRawPointer) throws {
    var target = destination
    for role in group {
      let entry = try model.weight(role, block: block)
      try model.tensors.convert(entry, rows: 0..<entry.rowCount, to: context.precision, at: target, context)
      target += entry.rowCount * entry.rowElements * context.precision.elementBytes
    }
  }

  /// The matrices of `group`, stacked along their outputs.
  private func matrix(
    _ group: [WeightRole], at base: UnsafeRawPointer, _ layout: WeightMatrix.Layout
  ) -> WeightMatrix {
    let shapes = group.map { configuration.shape(of: $0) }
    return WeightMatrix(
      base, context.precision, outputs: shapes.reduce(0) { $0 + $1[0] }, inputs: shapes.first?[1] ?? 0,
      layout: layout)
  }

  /// Lends the matrices that map one input to the outputs of `roles` side by side: all in one where they are packed,
  /// else one by one.
  package func forEachMatrix(of roles: [WeightRole], _ body: (WeightMatrix, _ firstOutput: Int) -> Void)
    throws
  {
    if layout.isPacked, let offset = layout.offsets[roles] {
      return arena.withUnsafeBufferPointer { arena in
        if let base = arena.baseAddress { body(matrix(roles, at: base + offset, .packed), 0) }
      }
    }
    if joinsNeighbours, let joined = try joinedBytes(roles) {
      return try model.tensors.files[joined.file].withBytes(joined.bytes) { bytes in
        if let base = bytes.baseAddress { body(matrix(roles, at: base, .outputMajor), 0) }
      }
    }
    var firstOutput = 0
    for role in roles {
      let stored = layout.isPacked ? .packed : model.layout(of: role)
      if let offset = layout.offsets[[role]] {
        arena.withUnsafeBufferPointer { arena in
          if let base = arena.baseAddress { body(matrix([role], at: base + offset, stored), firstOutput) }
        }
      } else {
        try model.tensors.withBytes(of: try model.weight(role, block: block)) { bytes in
          if let base = bytes.baseAddress { body(matrix([role], at: base, stored), firstOutput) }
        }
      }
      firstOutput += configuration.shape(of: role)[0]
    }
  }

  /// Where the matrices of `roles` are mapped as one; `nil` where they are not.
  private func joinedBytes(_ roles: [WeightRole]) throws -> (file: Int, bytes: Range<Int>)? {
    guard roles.count > 1, !layout.isPacked else { return nil }
    var joined: (file: Int, bytes: Range<Int>)?
    for role in roles {
      let entry = try model.weight(role, block: block)
      guard layout.offsets[[role]] == nil, model.layout(of: role) == .outputMajor, entry.strides == nil else {
        return nil
      }
      guard let before = joined else {
        joined = (entry.file, entry.bytes)
        continue
      }
      guard before.file == entry.file, before.bytes.upperBound == entry.bytes.lowerBound else { return nil }
      joined = (entry.file, before.bytes.lowerBound..<entry.bytes.upperBound)
    }
    return joined
  }

  /// How the checkpoint stores a role's matrices.
  func layout(of role: WeightRole) -> WeightMatrix.Layout { model.layout(of: role) }

  /// Whether the blocks have such a weight.
  package func has(_ role: WeightRole) -> Bool { roles.contains(role) }

  /// A vector of the loaded block; `nil` where the checkpoint has none.
  package func vector(_ role: WeightRole, _ part: Model.Part = .weight) -> [Float]? {
    vectors[VectorName(role: role, part: part)]
  }
}

/// Where a block's converted or packed matrices lie in the memory that holds them.
struct BlockWeightLayout: Sendable {
  /// Whether every matrix is packed, those with the same input in one.
  let isPacked: Bool
  /// Byte offset of what is packed or converted; a matrix that is used where it is mapped has none.
  private(set) var offsets: [[WeightRole]: Int] = [:]
  private(set) var arenaBytes = 0
  /// Bytes of the largest group that is converted before it is packed.
  private(set) var unpackedBytes = 0

  /// Rows from which packing, which touches every weight once more, saves more than it costs.
  private static let rowsWorthPacking = 512

  /// Plans for the neediest block: types may differ from block to block (GGUF mixes them), and so may shapes.
  init(_ model: Model, _ precision: ComputePrecision, rows: Int, roles: [WeightRole]? = nil) throws {
    let groups = model.inputGroups(of: roles ?? model.blockRoles).sorted { $0.mixer < $1.mixer }
    let kinds = model.configuration.blockKinds
    let packed = groups.map { group -> Int? in
      guard rows >= Self.rowsWorthPacking else { return nil }
      let sizes = kinds.map { kind in
        let shapes = group.map { kind.shape(of: $0) }
        return precision.packedByteCount(
          outputs: shapes.reduce(0) { $0 + $1[0] }, inputs: shapes.first?[1] ?? 0)
      }
      return sizes.contains(nil) ? nil : sizes.compactMap(\.self).max()
    }
    isPacked = packed.allSatisfy { $0 != nil }
    var (mixer, mixersStart, mixersEnd) = (0, 0, 0)
    for (group, packed) in zip(groups, packed) {
      // A block has attention or a gated delta net: they share their memory.
      if group.mixer != mixer {
        if mixer == 0 { mixersStart = arenaBytes }
        mixersEnd = max(mixersEnd, arenaBytes)
        (mixer, arenaBytes) = (group.mixer, mixersStart)
      }
      let mapped = try group.map { try model.isMapped($0, precision) }
      let sizes = group.map { role in
        kinds.map { $0.shape(of: role).reduce(precision.elementBytes, *) }.max() ?? 0
      }
      if let packed, isPacked {
        reserve(packed, for: group)
        if group.count > 1 || mapped == [false] { unpackedBytes = max(unpackedBytes, sizes.reduce(0, +)) }
      } else {
        for (index, role) in group.enumerated() where !mapped[index] { reserve(sizes[index], for: [role]) }
      }
    }
    arenaBytes = max(arenaBytes, mixersEnd)
    shareAttention(model)
  }

  /// Puts queries alone where queries, keys and values together are: a block has the one or the other.
  private mutating func shareAttention(_ model: Model) {
    guard isPacked, !model.configuration.keySources.isEmpty else { return }
    offsets[[.query]] = offsets[BlockWeights.attentionGroup]
  }

  private mutating func reserve(_ bytes: Int, for group: [WeightRole]) {
    offsets[group] = arenaBytes
    arenaBytes += (bytes + 63) / 64 * 64
  }

  /// Bytes held for a block's weights.
  var byteCount: Int { arenaBytes + unpackedBytes }
}

extension [WeightRole] {
  /// What these matrices mix tokens with: 1 for attention, 2 for a gated delta net, 0 for those that do not.
  fileprivate var mixer: Int {
    if contains(where: \.isOfDeltaNet) { return 2 }
    return contains(where: \.isOfAttention) ? 1 : 0
  }
}

extension Model {
  /// The matrices among `roles`, those that multiply the same input together.
  fileprivate func inputGroups(of roles: [WeightRole]) -> [[WeightRole]] {
    var groups: [[WeightRole]] = [
      BlockWeights.attentionGroup, BlockWeights.deltaGroup, [.mlpGate, .mlpUp],
    ].filter { group in
      group.allSatisfy { roles.contains($0) && layout(of: $0) == .outputMajor }
    }
    let grouped = Set(groups.joined())
    for role in roles where configuration.shape(of: role).count == 2 && !grouped.contains(role) {
      groups.append([role])
    }
    return groups
  }

  /// Whether a role can be multiplied with where it is mapped, in every block.
  fileprivate func isMapped(_ role: WeightRole, _ precision: ComputePrecision) throws -> Bool {
    try (1...configuration.blocks).allSatisfy {
      try !has(role, block: $0) || precision.isStored(as: try weight(role, block: $0))
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
  package func convert(
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
