package import Kernels
internal import Storage

/// Blocks with everything inside them, a chunk at a time: what a backward pass goes by.
///
/// What the forward pass has kept is lent; the other blocks are computed once more.
package final class BlockRecording {
  /// What a block computed for a chunk, f32 but for the operands of products; valid until the next chunk is recorded.
  package struct Record {
    /// Number of rows.
    package let rows: Int
    /// Each row's position.
    package let positions: ArraySlice<Int32>
    /// Each row's token; the slice begins with the chunk's first row.
    let tokens: ArraySlice<Int32>
    /// `[rows, hidden]`: the residual stream that the block was given.
    package let input: UnsafePointer<Float>
    /// `[rows, hidden]` operand: what queries, keys and values were computed from.
    ///
    /// What follows, up to `attendedOperand`, is of blocks with attention alone.
    package let attentionInput: ActivationMatrix
    /// `[rows, queries + keys + values]`: before their norms; only of families that have those.
    package let projected: UnsafePointer<Float>
    /// The same as attention took them.
    package let queryKeyValue: QueryKeyValueRows
    /// What attention computed, and from where.
    package let attention: AttentionPlan
    /// `[rows, queries]`: what attention answered.
    package let attended: UnsafePointer<Float>
    /// `[rows, queries]` operand: the same as attention's matrix was given it.
    package let attendedOperand: ActivationMatrix
    /// `[rows, hidden]`: the input of the norm behind attention, of what it adds or of the sum; only where there is one.
    package let attentionSum: UnsafePointer<Float>
    /// `[rows, hidden]`: the residual stream between attention and MLP; only of sequential blocks.
    package let middle: UnsafePointer<Float>
    /// `[rows, hidden]` operand: what the MLP was computed from.
    package let mlpInput: ActivationMatrix
    /// `[rows, intermediate]`, or twice as wide, gate first: what the activation was given; may be overwritten.
    package let inner: UnsafeMutablePointer<Float>
    /// `[rows, intermediate]` operand: what the MLP-value matrix was given.
    package let mlpOperand: ActivationMatrix
    /// `[rows, hidden]`: like `attentionSum`, of the MLP.
    package let mlpSum: UnsafePointer<Float>
    /// What the tokens brought in; only of models whose tokens do.
    let tokenBranch: TokenBranchRecord?
    /// What a gated delta net computed; only of blocks with one.
    let deltaNet: DeltaNetRecord?
  }

  /// What a gated delta net computed in place of attention.
  struct DeltaNetRecord {
    /// Which rows follow which.
    let runs: [RecurrentRun]
    /// `[rows, GatedDeltaNet.rowWidth]`: what the matrices made.
    let projected: UnsafePointer<Float>
    /// `[rows, channels]`: what the delta rule was given.
    let convolved: UnsafePointer<Float>
    /// `[rows, 2 · valueHeads]`: the heads' gates.
    let gates: UnsafePointer<Float>
    /// `[rows, valueWidth]`: what was read out of the state.
    let answers: UnsafePointer<Float>
    /// `[rows, valueWidth]` operand: what its last matrix was given.
    let operand: ActivationMatrix
  }

  /// What tokens brought into a block.
  struct TokenBranchRecord {
    /// `[rows, hidden]` operand: the residual stream that gates.
    let stream: ActivationMatrix
    /// `[rows, 2 · width]`: the gate, and what the tokens bring; may be overwritten.
    let inner: UnsafeMutablePointer<Float>
    /// `[rows, width]` operand: what went back to the residual stream.
    let operand: ActivationMatrix
    /// `[rows, hidden]`: the input of the norm of what was added.
    let sum: UnsafePointer<Float>
  }

  /// The block that is loaded.
  package let weights: BlockWeights
  /// Tables of the rotary embedding; `nil` where positions are learned.
  package let rotary: RotaryTables?
  /// How many chunks there are.
  package var chunkCount: Int { plans.count }
  private let configuration: ModelConfiguration
  private let context: ComputeContext
  private let forest: TokenForest
  private let plans: [ChunkPlan]
  private let layouts: [BlockScratchLayout]
  private let kept: KeptActivations?
  /// Memory of the blocks that are computed once more.
  private lazy var scratch = BlockScratch(
    BlockScratchLayout(
      configuration.largestBlock, context.precision, rows: forest.largestChunk,
      recording: .init(normsHeads: weights.normsHeads)))
  private lazy var output = ResidualStream(rows: forest.largestChunk, width: configuration.hidden)

  /// Takes the memory.
  ///
  /// In bf16 each block's matrices are rounded anew when it is loaded, from the weights as they are then: nothing rounded
  /// outlives a step of training.
  ///
  /// - Parameter store: where what is computed is kept until the way back, which leads through `blocks` and needs `logits`;
  ///   nothing is where `nil`.
  package init(
    _ model: Model, _ context: ComputeContext, _ forest: TokenForest, keepingIn store: ActivationStore? = nil,
    blocks: Range<Int> = 0..<0, logits: Int = 0
  ) throws {
    self.forest = forest
    self.context = context
    configuration = model.configuration
    // Unpacked: the same matrices are multiplied with in both directions.
    weights = try BlockWeights(model, context, rows: 0, joinsNeighbours: true)
    rotary = model.rotaryTables(positions: Int(forest.positions.max() ?? 0) + 1)
    plans = forest.chunks.indices.map {
      ChunkPlan(forest, chunk: $0, isCausal: model.configuration.isCausal)
    }
    let layouts = Self.layouts(model, context.precision, chunks: plans.map(\.tokens.count))
    kept = store.map {
      KeptActivations($0, logits: logits, chunkBytes: layouts.map(\.byteCount), blocks: blocks)
    }
    self.layouts = layouts
  }

  /// Where the activations of chunks of so many tokens lie.
  private static func layouts(
    _ model: Model, _ precision: ComputePrecision, chunks: [Int]
  ) -> [BlockScratchLayout] {
    let recording = BlockScratchLayout.Recording(normsHeads: model.normsHeads)
    return chunks.map {
      BlockScratchLayout(model.configuration.largestBlock, precision, rows: $0, recording: recording)
    }
  }

  /// Bytes that a pass over `tokens` tokens, `scored` of them scored, keeps in a store of `limit` bytes.
  package static func keptBytes(
    _ model: Model, _ precision: ComputePrecision, tokens: Int, scored: Int, limit: Int
  ) -> Int {
    KeptActivations.byteCount(
      limit: limit, logits: scored * model.configuration.vocabulary,
      chunkBytes: layouts(model, precision, chunks: [tokens]).map(\.byteCount),
      blocks: model.configuration.blocks)
  }

  /// The tokens of a chunk.
  package func tokens(ofChunk chunk: Int) -> Range<Int> { plans[chunk].tokens }

  /// The lowest block whose inside is kept, after the last where there is no room for any; `nil` where nothing is kept.
  var firstKeptBlock: Int? { kept?.firstBlock }

  /// Where the logits are kept; `nil` where they are not.
  var logits: UnsafeMutablePointer<Float>? { kept?.logits }

  /// Says that the logits were overwritten.
  func useLogits() { kept?.useLogits() }

  /// Computes a kept block for the rows of `stream`, which become those after it.
  func run(block: Int, on stream: ResidualStream) throws {
    try weights.load(block)
    for (chunk, plan) in plans.enumerated() {
      guard let scratch = kept?.scratch(layouts[chunk], block: block, chunk: chunk) else {
        preconditionFailure("the block is kept")
      }
      try stream.withRows { rows in
        try compute(plan, rows + plan.tokens.lowerBound * configuration.hidden, scratch, stream.sharedKeys)
      }
    }
  }

  /// Lends what `block`, which must be loaded, computes for a chunk of `stream`, which stays as it is.
  package func record<R>(
    block: Int, chunk: Int, of stream: ResidualStream, _ body: (Record) throws -> R
  ) throws -> R? {
    precondition(weights.block == block, "the block's weights come first")
    let plan = plans[chunk]
    let width = configuration.hidden
    return try stream.withRows { rows in
      let input = rows + plan.tokens.lowerBound * width
      if let scratch = kept?.scratch(layouts[chunk], block: block, chunk: chunk) {
        if chunk == plans.count - 1 { kept?.use(block: block) }
        return try lend(plan, input, scratch, body)
      }
      try output.withRows { output in
        output.update(from: input, count: plan.tokens.count * width)
        try compute(plan, output, scratch, stream.sharedKeys)
      }
      return try lend(plan, input, scratch, body)
    }
  }

  /// Applies the loaded block to a chunk's rows, with all that it computes in `scratch`.
  private func compute(
    _ plan: ChunkPlan, _ rows: UnsafeMutablePointer<Float>, _ scratch: BlockScratch, _ sharedKeys: SharedKeys?
  ) throws {
    let pass = BlockPass(context: context, rotary: rotary, weights: weights, scratch: scratch)
    try forest.withRows { positions, tokens in
      let chunk = ChunkRows(
        positions: UnsafeBufferPointer(rebasing: positions[plan.tokens]),
        tokens: UnsafeBufferPointer(rebasing: tokens[plan.tokens]), sharedKeys: sharedKeys,
        firstRow: plan.tokens.lowerBound)
      try pass(
        rows, of: chunk,
        attention: { plan.attention($0, $1, outputStride: pass.configuration.queryWidth) },
        recurrence: { plan.recurrence() })
    }
  }

  /// Lends what a chunk left in `scratch`.
  private func lend<R>(
    _ plan: ChunkPlan, _ input: UnsafePointer<Float>, _ scratch: BlockScratch, _ body: (Record) throws -> R
  ) throws -> R? {
    guard let layout = scratch.layout.record else { return nil }
    let configuration = weights.configuration
    return try scratch.lend { base in
      func region(_ offset: Int) -> UnsafeMutablePointer<Float> {
        (base + offset).assumingMemoryBound(to: Float.self)
      }
      func operand(_ offset: Int, _ columns: Int) -> ActivationMatrix {
        ActivationMatrix(base + offset, context.precision, rows: plan.tokens.count, columns: columns)
      }
      let qkv = QueryKeyValueRows(
        configuration, isFused: weights.has(.queryKeyValue), region(scratch.layout.queryKeyValue))
      let attended = region(scratch.layout.attended)
      let hidden = configuration.hidden
      let sharesNorm = configuration.arrangement == .parallelWithSharedNorm
      return try body(
        Record(
          rows: plan.tokens.count, positions: forest.positions[plan.tokens],
          tokens: forest.tokens[plan.tokens], input: input,
          attentionInput: operand(scratch.layout.normed, hidden), projected: region(layout.projected),
          queryKeyValue: qkv,
          attention: plan.attention(qkv, attended, outputStride: configuration.queryWidth),
          attended: attended,
          attendedOperand: operand(scratch.layout.attendedOperand, configuration.queryWidth),
          attentionSum: region(layout.attentionSum), middle: region(layout.middle),
          mlpInput: operand(sharesNorm ? scratch.layout.normed : layout.mlpNormed, hidden),
          inner: region(scratch.layout.gateAndUp),
          mlpOperand: operand(scratch.layout.mlpOperand, configuration.intermediate),
          mlpSum: region(layout.mlpSum),
          tokenBranch: scratch.layout.tokenBranch.map { branch in
            let width = configuration.tokenBranchWidth ?? 0
            return TokenBranchRecord(
              stream: operand(branch.stream, hidden), inner: region(branch.inner),
              operand: operand(branch.operand, width), sum: region(branch.sum))
          },
          deltaNet: weights.deltaNet.flatMap { vectors in
            scratch.layout.deltaNet.map { layout in
              DeltaNetRecord(
                runs: plan.recurrence(), projected: region(layout.projected),
                convolved: region(layout.convolved), gates: region(layout.gates),
                answers: region(layout.answers),
                operand: operand(layout.operand, vectors.net.valueWidth))
            }
          }))
    }
  }
}

extension BlockWeights {
  /// Whether queries, keys or values have norms.
  var normsHeads: Bool { has(.queryNorm) || has(.keyNorm) || configuration.normsValues }

  /// What the residual stream is multiplied by behind the block; `nil` where it stays.
  var blockScale: Float? { vector(.blockScale)?.first.flatMap { $0 == 1 ? nil : $0 } }
}

extension Model {
  /// Whether queries, keys or values have norms.
  fileprivate var normsHeads: Bool {
    blockRoles.contains(.queryNorm) || blockRoles.contains(.keyNorm) || configuration.normsValues
  }
}
