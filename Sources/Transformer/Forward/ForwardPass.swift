package import Kernels
internal import Synchronization

/// How far a long computation has come; `completed` runs from 0 to `total`.
package typealias ProgressHandler = (_ completed: Int, _ total: Int) -> Void

/// Layer-major forward pass: every token goes through a block before the next block is touched, so weights are read
/// once, in order, and memory is one block, one chunk's activations and the residual stream.
package struct ForwardPass {
  private let model: Model
  private let context: ComputeContext
  private let forest: TokenForest
  /// The residual stream, `[tokens, hidden]` f32.
  private let stream: ResidualStream

  /// Tokens of a chunk: enough rows for the matrix products to reach their speed, few enough for a chunk's
  /// activations to stay in a core's cache.
  package static let chunkTokens = 256

  /// How many chunks are worked on at a time: one a thread where there are enough of them to keep every thread busy,
  /// otherwise one by all threads together.
  static func workers(for forest: TokenForest, _ context: ComputeContext) -> Int {
    forest.chunks.count >= 3 * context.threads ? context.threads : 1
  }

  /// Looks up the embeddings of every token.
  ///
  /// - Throws: ``ModelError`` where a token is outside the vocabulary or a text is longer than the model's positions.
  package init(_ model: Model, _ context: ComputeContext, _ forest: TokenForest) throws {
    self.model = model
    self.context = context
    self.forest = forest
    if let longest = forest.positions.max(), Int(longest) >= model.configuration.maximumPositions {
      throw ModelError(
        model.path,
        "a text has \(longest + 1) tokens, but the model has \(model.configuration.maximumPositions) positions; "
          + "use a smaller --max-tokens or --window")
    }
    stream = ResidualStream(rows: forest.tokens.count, width: model.configuration.hidden)
    try stream.embed(forest.tokens, positions: forest.positions, model, context)
  }

  /// Runs blocks 1…`lastBlock`.
  ///
  /// - Parameters:
  ///   - progress: told of tokens done in all blocks.
  ///   - afterBlock: called with the block's number and the residual stream after it.
  package func run(
    throughBlock lastBlock: Int, progress: ProgressHandler? = nil,
    afterBlock: (_ block: Int, ResidualStream) throws -> Void = { _, _ in }
  ) throws {
    try run(throughBlock: lastBlock, progress: progress, keysAndValues: nil, afterBlock: afterBlock)
  }

  /// The same, with a look at keys and values.
  ///
  /// - Parameter keysAndValues: called for each block and chunk before attention.
  func run(
    throughBlock lastBlock: Int, progress: ProgressHandler?, keysAndValues: KeyValueSink?,
    afterBlock: (_ block: Int, ResidualStream) throws -> Void
  ) throws {
    let configuration = model.configuration
    guard !forest.tokens.isEmpty else { return }
    let workers = Self.workers(for: forest, context)
    let weights = try BlockWeights(model, context, rows: forest.tokens.count)
    let rotary = model.rotaryTables(positions: Int(forest.positions.max() ?? 0) + 1)
    let passes = (0..<workers).map { _ in
      BlockPass(
        configuration: configuration, context: workers > 1 ? context.onOneThread : context, rotary: rotary,
        weights: weights, scratch: BlockScratch(configuration, context.precision, rows: forest.largestChunk))
    }
    let plans = forest.chunks.indices.map { ChunkPlan(forest, chunk: $0, isCausal: configuration.isCausal) }
    let total = forest.tokens.count * lastBlock
    let completed = Mutex(0)
    for block in 1...max(1, lastBlock) where block <= lastBlock {
      try weights.load(block)
      try stream.withRows { rows in
        try forest.positions.withUnsafeBufferPointer { positions in
          func run(_ plan: ChunkPlan, _ pass: BlockPass) throws {
            try pass(
              rows + plan.tokens.lowerBound * configuration.hidden,
              positions: UnsafeBufferPointer(rebasing: positions[plan.tokens])
            ) { qkv, output in
              keysAndValues?(block, plan.tokens, qkv)
              return plan.attention(qkv, output, outputStride: configuration.queryWidth)
            }
            completed.withLock {
              $0 += plan.tokens.count
              progress?($0, total)
            }
          }
          if workers > 1 {
            try context.parallelForEach(
              plans.count, onWorkers: { item, worker in try run(plans[item], passes[worker]) })
          } else {
            for plan in plans { try run(plan, passes[0]) }
          }
        }
      }
      try afterBlock(block, stream)
    }
  }

  /// Receives a chunk's queries, keys and values in a block; several chunks may come at once, on different threads.
  typealias KeyValueSink = (_ block: Int, _ tokens: Range<Int>, _ rows: BlockPass.QueryKeyValue) -> Void
}

/// Which rows of a chunk attend to which: the forest's segments as runs of rows, worked out once for all blocks.
private struct ChunkPlan {
  let tokens: Range<Int>
  private var queries: [(rows: Range<Int>, isCausal: Bool)] = []
  private var ranges: [Range<Int>] = []
  private var keys: [Range<Int>] = []

  init(_ forest: TokenForest, chunk: Int, isCausal: Bool) {
    tokens = forest.tokenRange(ofChunk: chunk)
    for segment in forest.chunks[chunk] {
      let first = keys.count
      for ancestor in forest.path(to: segment) {
        let range = forest.segments[ancestor].tokens
        keys.append(range.lowerBound - tokens.lowerBound..<range.upperBound - tokens.lowerBound)
      }
      let own = forest.segments[segment]
      queries.append(
        (
          own.tokens.lowerBound - tokens.lowerBound..<own.tokens.upperBound - tokens.lowerBound,
          isCausal && !own.isPadding
        ))
      if own.isPadding { keys.removeLast() }
      ranges.append(first..<keys.count)
    }
  }

  func attention(
    _ qkv: BlockPass.QueryKeyValue, _ output: UnsafeMutablePointer<Float>, outputStride: Int
  ) -> BlockPass.AttentionPlan {
    let keyRanges = keys.map { rows in
      KeyRange(
        keys: qkv.base + rows.lowerBound * qkv.stride + qkv.keys,
        values: qkv.base + rows.lowerBound * qkv.stride + qkv.values, stride: qkv.stride,
        headStep: qkv.headStep,
        count: rows.count)
    }
    let jobs = zip(queries, ranges).map { queries, ranges in
      AttentionJob(
        queries: qkv.base + queries.rows.lowerBound * qkv.stride, queryStride: qkv.stride,
        headStep: qkv.headStep,
        output: output + queries.rows.lowerBound * outputStride, outputStride: outputStride,
        count: queries.rows.count,
        ranges: ranges, isCausal: queries.isCausal)
    }
    return BlockPass.AttentionPlan(jobs: jobs, keyRanges: keyRanges)
  }
}

extension Model {
  /// Cosines and sines for positions `0..<positions`; `nil` where positions are learned.
  func rotaryTables(positions: Int) -> RotaryTables? {
    guard configuration.positions == .rotary else { return nil }
    let full = rotaryTable(configuration.rotary, positions)
    let windowed = configuration.windowedRotary.map { rotaryTable($0, positions) }
    return RotaryTables(full: full, windowed: windowed ?? full)
  }

  private func rotaryTable(_ settings: RotarySettings, _ positions: Int) -> RotaryTable {
    let (frequencies, factor) = settings.frequencies(
      headDimension: configuration.headDimension, positions: positions)
    return RotaryTable(
      frequencies: frequencies, positions: positions, pairing: rotaryPairing, attentionScale: factor)
  }
}
