package import Kernels
internal import Storage

/// Blocks computed once more, a chunk at a time, with everything inside them kept: what a backward pass goes by.
package final class BlockRecording {
  /// What a block computed for a chunk, f32; valid until the next chunk is recorded.
  package struct Record {
    /// Number of rows.
    package let rows: Int
    /// Each row's position.
    package let positions: ArraySlice<Int32>
    /// `[rows, hidden]`: the residual stream that the block was given.
    package let input: UnsafePointer<Float>
    /// `[rows, hidden]`: what queries, keys and values were computed from.
    package let attentionInput: UnsafePointer<Float>
    /// `[rows, queries + keys + values]`: before their norms; only of families that have those.
    package let projected: UnsafePointer<Float>
    /// The same as attention took them.
    package let queryKeyValue: QueryKeyValueRows
    /// What attention computed, and from where.
    package let attention: AttentionPlan
    /// `[rows, queries]`: what attention answered.
    package let attended: UnsafePointer<Float>
    /// `[rows, hidden]`: the input of the norm behind attention, of what it adds or of the sum; only where there is one.
    package let attentionSum: UnsafePointer<Float>
    /// `[rows, hidden]`: the residual stream between attention and MLP; only of sequential blocks.
    package let middle: UnsafePointer<Float>
    /// `[rows, hidden]`: what the MLP was computed from.
    package let mlpInput: UnsafePointer<Float>
    /// `[rows, intermediate]`, or twice as wide, gate first: what the activation was given; may be overwritten.
    package let inner: UnsafeMutablePointer<Float>
    /// `[rows, intermediate]`: what the MLP-value matrix was given.
    package let mlpOperand: UnsafePointer<Float>
    /// `[rows, hidden]`: like `attentionSum`, of the MLP.
    package let mlpSum: UnsafePointer<Float>
  }

  /// The block that is loaded.
  package let weights: BlockWeights
  /// Tables of the rotary embedding; `nil` where positions are learned.
  package let rotary: RotaryTables?
  /// How many chunks there are.
  package var chunkCount: Int { plans.count }
  private let configuration: ModelConfiguration
  private let forest: TokenForest
  private let plans: [ChunkPlan]
  private let pass: BlockPass
  private let output: ResidualStream

  /// Takes the memory; `context` must compute in f32.
  package init(_ model: Model, _ context: ComputeContext, _ forest: TokenForest) throws {
    precondition(context.precision == .f32, "gradients are f32")
    self.forest = forest
    configuration = model.configuration
    // Unpacked: the same matrices are multiplied with in both directions.
    weights = try BlockWeights(model, context, rows: 0)
    rotary = model.rotaryTables(positions: Int(forest.positions.max() ?? 0) + 1)
    plans = forest.chunks.indices.map {
      ChunkPlan(forest, chunk: $0, isCausal: model.configuration.isCausal)
    }
    pass = BlockPass(
      configuration: configuration, context: context, rotary: rotary, weights: weights,
      scratch: BlockScratch(configuration, .f32, rows: forest.largestChunk, recording: true))
    output = ResidualStream(rows: forest.largestChunk, width: configuration.hidden)
  }

  /// The tokens of a chunk.
  package func tokens(ofChunk chunk: Int) -> Range<Int> { plans[chunk].tokens }

  /// Computes the loaded block for a chunk of `stream`, which stays as it is, and lends what was computed.
  package func record<R>(chunk: Int, of stream: ResidualStream, _ body: (Record) throws -> R) throws -> R? {
    let plan = plans[chunk]
    let width = configuration.hidden
    return try stream.withRows { rows in
      try output.withRows { output in
        let input = rows + plan.tokens.lowerBound * width
        output.update(from: input, count: plan.tokens.count * width)
        var found: (QueryKeyValueRows, AttentionPlan)?
        try forest.positions.withUnsafeBufferPointer { positions in
          try pass(output, positions: UnsafeBufferPointer(rebasing: positions[plan.tokens])) {
            qkv, attended in
            let jobs = plan.attention(qkv, attended, outputStride: configuration.queryWidth)
            found = (qkv, jobs)
            return jobs
          }
        }
        guard let (qkv, jobs) = found, let layout = pass.scratch.layout.record else { return nil }
        return try pass.scratch.lend { base in
          func region(_ offset: Int) -> UnsafeMutablePointer<Float> {
            (base + offset).assumingMemoryBound(to: Float.self)
          }
          let normed = region(pass.scratch.layout.normed)
          return try body(
            Record(
              rows: plan.tokens.count, positions: forest.positions[plan.tokens], input: input,
              attentionInput: normed, projected: region(layout.projected), queryKeyValue: qkv,
              attention: jobs,
              attended: region(pass.scratch.layout.attended), attentionSum: region(layout.attentionSum),
              middle: region(layout.middle),
              mlpInput: configuration.arrangement == .parallelWithSharedNorm
                ? normed : region(layout.mlpNormed),
              inner: region(pass.scratch.layout.gateAndUp),
              mlpOperand: region(pass.scratch.layout.mlpOperand), mlpSum: region(layout.mlpSum)))
        }
      }
    }
  }
}
