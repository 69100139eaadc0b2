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
  private let variants: [ModelVariant]
  /// The base's residual stream, `[tokens, hidden]` f32; `nil` where only variants run.
  let stream: ResidualStream?
  /// What each variant begins with where the base does not run: the base's stream before the variant's first block.
  private let beginnings: [ResidualStream]
  /// The rows that are needed after the model's last block, ascending; all where `nil`.
  private let outputRows: [Int]?

  /// Tokens of a chunk: enough rows for the matrix products to reach their speed, few enough for a chunk's
  /// activations to stay in a core's cache.
  package static let chunkTokens = 256

  /// How many chunks are worked on at a time: one a thread where there are enough of them to keep every thread busy most of
  /// the time, otherwise one by all threads together.
  static func workers(for forest: TokenForest, _ context: ComputeContext) -> Int {
    forest.chunks.count >= 3 * context.threads ? context.threads : 1
  }

  /// Looks up the embeddings of every token.
  ///
  /// - Parameters:
  ///   - variants: models to run beside the base; each costs its own arithmetic from its first edited block on.
  ///   - outputRows: the rows that are needed after the model's last block, which then computes attention alone for the
  ///     others; all where `nil`.
  /// - Throws: ``ModelError`` where a token is outside the vocabulary or a text is longer than the model's positions.
  package init(
    _ model: Model, _ context: ComputeContext, _ forest: TokenForest, variants: [ModelVariant] = [],
    outputRows: [Int]? = nil
  ) throws {
    self.model = model
    self.context = context
    self.forest = forest
    self.variants = variants
    try Self.requirePositions(Int(forest.positions.max() ?? -1) + 1, model)
    let stream = ResidualStream(rows: forest.tokens.count, width: model.configuration.hidden)
    try stream.embed(forest.tokens, positions: forest.positions, model, context)
    stream.sharedKeys = SharedKeys(model.configuration, rows: stream.rows)
    (self.stream, beginnings) = (stream, [])
    self.outputRows = outputRows.map { Set($0).sorted() }
  }

  /// Runs variants alone, from where the base has come to.
  ///
  /// - Parameters:
  ///   - variants: of `model`.
  ///   - beginnings: the base's residual stream before each variant's first block.
  ///   - outputRows: the rows that are needed after the model's last block; all where `nil`.
  init(
    _ model: Model, _ context: ComputeContext, _ forest: TokenForest, variants: [ModelVariant],
    from beginnings: [ResidualStream], outputRows: [Int]? = nil
  ) {
    precondition(beginnings.count == variants.count, "every variant begins somewhere")
    (self.model, self.context, self.forest) = (model, context, forest)
    (self.variants, self.beginnings, stream) = (variants, beginnings, nil)
    self.outputRows = outputRows.map { Set($0).sorted() }
  }

  /// Throws where texts of `tokens` tokens are longer than the model's positions.
  package static func requirePositions(_ tokens: Int, _ model: Model) throws {
    guard tokens > model.configuration.maximumPositions else { return }
    throw ModelError(
      model.path,
      "a text has \(tokens) tokens, but the model has \(model.configuration.maximumPositions) positions; "
        + "use a smaller --max-tokens or --window")
  }

  /// Runs blocks 1…`lastBlock` of the base alone.
  ///
  /// - Parameters:
  ///   - progress: told of tokens done in all blocks.
  ///   - mlpOutputs: gets what each block's MLP-value matrix writes before its bias, `[tokens, hidden]`.
  ///   - afterBlock: called with the block's number and the residual stream after it.
  package func run(
    throughBlock lastBlock: Int, progress: ProgressHandler? = nil, mlpOutputs: ResidualStream? = nil,
    afterBlock: (_ block: Int, ResidualStream) throws -> Void = { _, _ in }
  ) throws {
    try run(throughBlock: lastBlock, progress: progress, mlpOutputs: mlpOutputs, keysAndValues: nil) {
      try afterBlock($0, $1[0])
    }
  }

  /// Runs all blocks of the base and its variants.
  ///
  /// - Parameter progress: told of tokens done in all blocks.
  /// - Returns: the residual streams after the last block, the base's first where it runs.
  package func finalStreams(progress: ProgressHandler? = nil) throws -> [ResidualStream] {
    var final = [stream].compactMap(\.self)
    try run(throughBlock: model.configuration.blocks, progress: progress, keysAndValues: nil) { final = $1 }
    return final
  }

  /// Runs all blocks of the base and keeps what some of them begin with.
  ///
  /// Where they are larger than `limit` together, the system may write them to disk.
  ///
  /// - Parameter recording: computes the blocks that it keeps.
  /// - Returns: the residual stream before `firstBlock`, after it, and so on to the last.
  package func streams(
    fromBlock firstBlock: Int, inMemory limit: Int = Self.keptInMemory, recording: BlockRecording? = nil
  ) throws -> [ResidualStream] {
    let spills = Self.keptBytes(tokens: forest.tokens.count, fromBlock: firstBlock, model) > limit
    func kept(_ stream: ResidualStream) throws -> ResidualStream {
      spills ? try stream.spilledCopy() : stream.copy()
    }
    guard let stream, outputRows == nil else { preconditionFailure("all rows of the base are kept") }
    let blocks = model.configuration.blocks
    let firstRecorded = recording?.firstKeptBlock ?? blocks + 1
    var streams = firstBlock <= 1 ? [try kept(stream)] : []
    try run(
      throughBlock: firstRecorded - 1,
      afterBlock: { if $0 + 1 >= firstBlock { streams.append(try kept($1)) } })
    for block in firstRecorded..<blocks + 1 {
      try recording?.run(block: block, on: stream)
      streams.append(try kept(stream))
    }
    return streams
  }

  /// Bytes of streams that are kept in memory.
  package static let keptInMemory = 256 << 20

  /// Bytes of what ``streams(fromBlock:)`` returns.
  package static func keptBytes(tokens: Int, fromBlock firstBlock: Int, _ model: Model) -> Int {
    (model.configuration.blocks - firstBlock + 2) * tokens * model.configuration.hidden * 4
  }

  /// Runs blocks 1…`lastBlock`, with a look at keys and values.
  ///
  /// - Parameters:
  ///   - shelf: where each block's weights are found; they are loaded one block after another where `nil`.
  ///   - keysAndValues: called for each block, chunk and stream before attention.
  ///   - finalStates: asked for each block with a gated delta net, stream and segment.
  ///   - afterBlock: called with the block's number and all streams, the base's first where it runs; a variant that has not
  ///     begun to differ shares the base's.
  func run(
    throughBlock lastBlock: Int, progress: ProgressHandler?, mlpOutputs: ResidualStream? = nil,
    shelf: BlockShelf? = nil, keysAndValues: KeyValueSink?, finalStates: FinalStates? = nil,
    afterBlock: (_ block: Int, [ResidualStream]) throws -> Void
  ) throws {
    let configuration = model.configuration
    let firstBlock = stream == nil ? variants.map(\.firstBlock).min() ?? 1 : 1
    precondition(outputRows == nil || mlpOutputs == nil, "what is written is noted of all rows")
    guard !forest.tokens.isEmpty, lastBlock >= firstBlock else { return }
    let workers = Self.workers(for: forest, context)
    let shelf = try shelf ?? BlockShelf(ofOneBlock: model, context, rows: forest.tokens.count)
    let variantWeights = try variants.map { try VariantWeights($0, context, rows: forest.tokens.count) }
    let rotary = model.rotaryTables(positions: Int(forest.positions.max() ?? 0) + 1)
    let projecting = variants.contains(where: \.needsProjection)
    let scratches = (0..<workers).map { _ in
      BlockScratch(
        configuration.largestBlock, context.precision, rows: forest.largestChunk, projecting: projecting)
    }
    let plans = forest.chunks.indices.map { ChunkPlan(forest, chunk: $0, isCausal: configuration.isCausal) }
    // Those of the variants, behind the base's.
    let base = stream.map { _ in 1 } ?? 0
    var streams = stream.map { stream in [stream] + variants.map { _ in stream } } ?? beginnings
    let total = forest.tokens.count * work(throughBlock: lastBlock)
    let completed = Mutex(0)
    for block in firstBlock...lastBlock {
      let weights = try shelf.weights(block)
      func pass(_ worker: Int, _ context: ComputeContext) -> BlockPass {
        BlockPass(context: context, rotary: rotary, weights: weights, scratch: scratches[worker])
      }
      let (passes, together) = (scratches.indices.map { pass($0, context.onOneThread) }, pass(0, context))
      let outputs = block == configuration.blocks ? outputs(of: plans) : nil
      for (index, variant) in variants.enumerated() {
        if block == variant.firstBlock {
          let own = streams[base + index].copy()
          own.sharedKeys = own.sharedKeys?.branch(from: block)
          streams[base + index] = own
        }
        try variantWeights[index].load(block)
      }
      // A variant that has not begun yet goes along with the base.
      let active = (0..<base) + variants.indices.filter { variants[$0].firstBlock <= block }.map { $0 + base }
      let rows = streams.map(\.base)
      try forest.withRows { positions, tokens in
        func compute(_ item: Int, _ pass: BlockPass) throws {
          let plan = plans[item % plans.count]
          let needed = outputs?[item % plans.count]
          let index = active[item / plans.count]
          let firstElement = plan.tokens.lowerBound * configuration.hidden
          var edits = index < base ? BlockEdits.none : variantWeights[index - base].edits
          if index < base { edits.mlpOutput = mlpOutputs.map { $0.base + firstElement } }
          try pass(
            rows[index] + firstElement,
            of: ChunkRows(
              positions: UnsafeBufferPointer(rebasing: positions[plan.tokens]),
              tokens: UnsafeBufferPointer(rebasing: tokens[plan.tokens]),
              sharedKeys: streams[index].sharedKeys, firstRow: plan.tokens.lowerBound),
            outputs: needed,
            edits: [RowEdits(rows: 0..<(needed?.count ?? plan.tokens.count), edits: edits)],
            attention: { qkv, output in
              keysAndValues?(block, index, plan.tokens, qkv)
              return plan.attention(qkv, output, outputStride: weights.configuration.queryWidth)
            },
            recurrence: { plan.recurrence { finalStates?(block, index, $0) ?? [] } })
          completed.withLock {
            $0 += plan.tokens.count
            progress?($0, total)
          }
        }
        // What would keep some threads waiting for the others is computed by all of them together.
        let items = active.count * plans.count
        let apart = workers > 1 ? items / workers * workers : 0
        try context.parallelForEach(apart) { try compute($0, passes[$1]) }
        for item in apart..<items { try compute(item, together) }
      }
      try withExtendedLifetime((streams, mlpOutputs)) { try afterBlock(block, streams) }
    }
  }

  /// The needed rows of each chunk, from its first row; `nil` where all are.
  private func outputs(of plans: [ChunkPlan]) -> [[Int]]? {
    guard let outputRows else { return nil }
    var result = plans.map { _ in [Int]() }
    var chunk = 0
    for row in outputRows {
      while !plans[chunk].tokens.contains(row) { chunk += 1 }
      result[chunk].append(row - plans[chunk].tokens.lowerBound)
    }
    return result
  }

  /// Blocks that are computed for the base, where it runs, and the variants together.
  private func work(throughBlock lastBlock: Int) -> Int {
    variants.reduce(stream == nil ? 0 : lastBlock) { $0 + max(0, lastBlock - $1.firstBlock + 1) }
  }

  /// Receives a chunk's queries, keys and values in a block of the base (stream 0) or of a variant (from 1); several
  /// chunks may come at once, on different threads.
  typealias KeyValueSink = (
    _ block: Int, _ stream: Int, _ tokens: Range<Int>, _ rows: BlockPass.QueryKeyValue
  ) -> Void

  /// Says where what the last token of a segment carries over goes, in a block of the base (stream 0) or of a variant (from 1).
  typealias FinalStates = (_ block: Int, _ stream: Int, _ segment: Int) -> [UnsafeMutablePointer<Float>]
}

extension Model {
  /// Cosines and sines for positions `0..<positions`; `nil` where positions are learned.
  func rotaryTables(positions: Int) -> RotaryTables? {
    guard configuration.positions == .rotary else { return nil }
    let head = configuration.headDimension(hasWindow: false)
    let full = rotaryTable(configuration.rotary, positions, head: head)
    let windowed = configuration.windowedRotary.map {
      rotaryTable($0, positions, head: configuration.headDimension(hasWindow: true))
    }
    let grown = configuration.queryGrowth.map { growth in
      rotaryTable(configuration.rotary, positions, head: head) { growth.factor(position: $0) }
    }
    return RotaryTables(full: full, windowed: windowed ?? full, queries: grown)
  }

  private func rotaryTable(
    _ settings: RotarySettings, _ positions: Int, head: Int,
    factor: (_ position: Int) -> Double = { _ in 1 }
  ) -> RotaryTable {
    let (frequencies, scale) = settings.frequencies(headDimension: head, positions: positions)
    return RotaryTable(frequencies: frequencies, positions: positions, pairing: rotaryPairing) {
      scale * factor($0)
    }
  }
}
