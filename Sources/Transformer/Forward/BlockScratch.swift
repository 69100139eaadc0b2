internal import Kernels
internal import Storage

/// Where the activations inside a block lie in one piece of memory that is reused for every chunk and block.
struct BlockScratchLayout: Sendable {
  /// `[rows, hidden]` operand: the normed residual stream.
  let normed: Int
  /// `[rows, hidden]` f32: what a branch adds to the residual stream, where a norm or another branch comes first.
  let branch: Int
  /// `[rows, hidden]` f32: what a matrix writes before a variant's subspace is removed from it.
  let edited: Int
  /// `[rows, queries + keys + values]` f32, the queries' gates among them.
  let queryKeyValue: Int
  /// `[rows, queries]` f32: what attention answers.
  let attended: Int
  /// `[rows, queries]` operand: the same, narrowed; itself where what is recorded is f32.
  let attendedOperand: Int
  /// What a gated delta net computes in place of attention; `nil` where no block has one.
  let deltaNet: DeltaNetLayout?
  /// `[rows, 2 · intermediate]` f32.
  let gateAndUp: Int
  /// `[rows, intermediate]` operand.
  let mlpOperand: Int
  /// What tokens bring into the block; `nil` where they bring nothing.
  let tokenBranch: TokenBranchLayout?
  /// What is kept beyond its use by a pass that records; `nil` for others.
  let record: BlockRecordLayout?
  let byteCount: Int

  /// What a pass that records must know of the blocks.
  struct Recording: Sendable {
    /// Whether queries or keys have norms.
    let normsHeads: Bool
  }

  /// - Parameters:
  ///   - rows: the most rows a chunk has.
  ///   - projecting: whether there are variants that remove a subspace.
  ///   - recording: whether everything computed inside the block is to be there when it is done.
  init(
    _ configuration: ModelConfiguration, _ precision: ComputePrecision, rows: Int, projecting: Bool = false,
    recording: Recording? = nil
  ) {
    let needsBranch =
      configuration.arrangement != .sequential || configuration.normsBranches
      || configuration.residualScale != nil || configuration.tokenBranchWidth != nil
    var size = 0
    func region(_ columns: Int, _ elementBytes: Int) -> Int {
      defer { size += (rows * columns * elementBytes + 63) / 64 * 64 }
      return size
    }
    let operand = precision.elementBytes
    normed = region(configuration.hidden, operand)
    branch = needsBranch ? region(configuration.hidden, 4) : size
    edited = projecting ? region(configuration.hidden, 4) : size
    // Attention is over when the MLP begins, so the two share their memory.
    let shared = size
    queryKeyValue = region(configuration.queryRowWidth + 2 * configuration.keyValueWidth, 4)
    attended = region(configuration.queryWidth, 4)
    attendedOperand =
      recording == nil || precision != .f32 || configuration.gatesAttention
      ? region(configuration.queryWidth, operand) : attended
    var attentionEnd = size
    if configuration.deltaNet != nil { size = shared }
    deltaNet = configuration.deltaNet.map { net in
      DeltaNetLayout(
        projected: region(net.rowWidth, 4), convolved: region(net.channels, 4),
        gates: region(2 * net.valueHeads, 4), answers: region(net.valueWidth, 4),
        operand: region(net.valueWidth, operand))
    }
    attentionEnd = max(attentionEnd, size)
    size = attentionEnd
    if recording == nil { size = shared }
    let mlpStart = size
    gateAndUp = region(2 * configuration.intermediate, 4)
    mlpOperand = region(configuration.intermediate, operand)
    let mlpEnd = size
    record = recording.map { recording in
      let normsSums = configuration.normsBranches || configuration.normsFollowResidual
      return BlockRecordLayout(
        projected: recording.normsHeads
          ? region(configuration.queryRowWidth + 2 * configuration.keyValueWidth, 4) : size,
        middle: region(configuration.hidden, 4), mlpNormed: region(configuration.hidden, operand),
        attentionSum: normsSums ? region(configuration.hidden, 4) : size,
        mlpSum: normsSums ? region(configuration.hidden, 4) : size)
    }
    // The branch of the tokens comes last.
    if recording == nil, configuration.tokenBranchWidth != nil { size = mlpStart }
    tokenBranch = configuration.tokenBranchWidth.map { width in
      TokenBranchLayout(
        embedded: region(configuration.hidden, 4), embeddedOperand: region(configuration.hidden, operand),
        stream: region(configuration.hidden, operand), inner: region(2 * width, 4),
        operand: region(width, operand), sum: recording == nil ? size : region(configuration.hidden, 4))
    }
    byteCount = max(size, attentionEnd, mlpEnd)
  }
}

/// Where the activations of a gated delta net are.
struct DeltaNetLayout: Sendable {
  /// `[rows, GatedDeltaNet.rowWidth]` f32: what the matrices make.
  let projected: Int
  /// `[rows, channels]` f32: queries, keys and values as the delta rule takes them.
  let convolved: Int
  /// `[rows, 2 · valueHeads]` f32: how fast each head forgets and how much it takes in.
  let gates: Int
  /// `[rows, valueWidth]` f32: what is read out of the state.
  let answers: Int
  /// `[rows, valueWidth]` operand: the answers, normed and gated.
  let operand: Int
}

/// Where the activations of what tokens bring into a block are.
struct TokenBranchLayout: Sendable {
  /// `[rows, hidden]` f32: the tokens' embeddings.
  let embedded: Int
  /// `[rows, hidden]` operand: the same.
  let embeddedOperand: Int
  /// `[rows, hidden]` operand: the residual stream that gates.
  let stream: Int
  /// `[rows, 2 · width]` f32: the gate, and what the token brings.
  let inner: Int
  /// `[rows, width]` operand: what goes back to the residual stream.
  let operand: Int
  /// `[rows, hidden]` f32: the input of the norm of what is added; of a pass that records.
  let sum: Int
}

/// Where a pass that records keeps what others overwrite.
struct BlockRecordLayout: Sendable {
  /// `[rows, queries + keys + values]` f32: before the norms of queries and keys and before they are turned.
  let projected: Int
  /// `[rows, hidden]` f32: the residual stream between attention and MLP.
  let middle: Int
  /// `[rows, hidden]` operand: the MLP's input.
  let mlpNormed: Int
  /// `[rows, hidden]` f32: the input of the norm that follows attention's matrix or its sum.
  let attentionSum: Int
  /// `[rows, hidden]` f32: the same for the MLP.
  let mlpSum: Int
}

/// Memory laid out by ``BlockScratchLayout``.
final class BlockScratch {
  /// Where the regions are.
  let layout: BlockScratchLayout
  private let memory: AlignedBuffer<UInt8>
  /// Where the memory is instead, if it is another's.
  private let borrowed: UnsafeMutableRawPointer?

  /// Memory for chunks of at most `rows` tokens.
  convenience init(
    _ configuration: ModelConfiguration, _ precision: ComputePrecision, rows: Int, projecting: Bool = false
  ) {
    self.init(BlockScratchLayout(configuration, precision, rows: rows, projecting: projecting))
  }

  /// Memory of its own.
  init(_ layout: BlockScratchLayout) {
    self.layout = layout
    memory = unsafe AlignedBuffer(uninitializedCount: layout.byteCount)
    borrowed = nil
  }

  /// Memory at `base`, of which the layout's bytes must stay there.
  init(_ layout: BlockScratchLayout, at base: UnsafeMutableRawPointer) {
    self.layout = layout
    memory = AlignedBuffer(count: 0)
    borrowed = base
  }

  /// Lends the memory; `body` finds its regions by the layout's offsets.
  func lend<R>(_ body: (UnsafeMutableRawPointer) throws -> R) rethrows -> R? {
    if let borrowed { return try body(borrowed) }
    return try memory.withUnsafeBufferPointer { memory in
      try memory.baseAddress.map { try body(UnsafeMutableRawPointer(mutating: $0)) }
    }
  }
}
