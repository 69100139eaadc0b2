internal import Kernels

/// The state of one batch of prompts between steps, for a model and its variants: the keys, values and states so far, and the
/// memory a step needs.
final class DecodingSession {
  private let model: Model
  private let context: ComputeContext
  private let variants: [ModelVariant]
  private let texts: [[Int32]]
  /// One for each stream: the base's, then the variants'.
  private let caches: [KeyValueCache]
  /// The same of blocks with a gated delta net.
  private let states: [RecurrentStates]
  private let shelf: BlockShelf
  private let variantWeights: [VariantWeights]
  private var passes: [BlockPass]
  /// The most rows that one of them takes.
  private let rowsPerPass: Int
  /// Tokens of each stream's texts that are in its cache.
  private var lengths: [[Int]]

  /// A text that is to go on, and with which token.
  typealias Step = (text: Int, token: Int32)
  /// Chooses the tokens after all rows of a residual stream, which are those of all streams' texts, one stream after another,
  /// the base's first.
  typealias Choice = (ResidualStream) throws -> [Int32]

  /// Rows at least of a pass: fewer go faster when all threads share them.
  private static let leastRows = 16

  /// - Parameters:
  ///   - shelf: the weights of the model's blocks, for this session and others.
  ///   - room: the most tokens that are added to each text.
  init(
    _ model: Model, _ context: ComputeContext, _ shelf: BlockShelf, variants: [ModelVariant] = [],
    _ texts: [[Int32]], room: Int
  ) throws {
    self.model = model
    self.context = context
    self.variants = variants
    self.texts = texts
    let configuration = model.configuration
    lengths = Array(repeating: texts.map(\.count), count: variants.count + 1)
    caches = (0...variants.count).map { _ in
      KeyValueCache(configuration, capacities: texts.map { $0.count + room })
    }
    states = (0...variants.count).map { _ in RecurrentStates(configuration, texts: texts.count) }
    self.shelf = shelf
    variantWeights = try variants.map { try VariantWeights($0, context, rows: texts.count) }
    let rows = texts.count * caches.count
    let workers = rows > Self.leastRows ? context.threads : 1
    let share = max(Self.leastRows, (rows + workers - 1) / workers)
    rowsPerPass = min(share, ForwardPass.chunkTokens)
    let rotary = model.rotaryTables(positions: (texts.map(\.count).max() ?? 0) + room)
    let weights = try shelf.weights(1)
    passes = (0..<workers).map { [rowsPerPass] _ in
      BlockPass(
        context: workers > 1 ? context.onOneThread : context, rotary: rotary, weights: weights,
        scratch: BlockScratch(
          configuration.largestBlock, context.precision, rows: rowsPerPass,
          projecting: variants.contains(where: \.needsProjection)))
    }
  }

  /// Runs the prompts; answers with the tokens that `choose` puts after each stream's texts.
  func prefill(_ choose: Choice) throws -> [Int32] {
    let forest = TokenForest(texts, chunkTokens: ForwardPass.chunkTokens)
    let parts = parts(of: forest)
    let lastRows = texts.indices.map { (forest.ranges(ofText: $0).last?.upperBound ?? 1) - 1 }
    let forward = try ForwardPass(model, context, forest, variants: variants, outputRows: lastRows)
    var chosen: [Int32] = []
    var textsOfSegment: [Int: [Int]] = [:]
    for (text, segment) in forest.lastSegment.enumerated() {
      if let segment { textsOfSegment[segment, default: []].append(text) }
    }
    /// The stream itself and the variants that are still its own.
    func sharing(_ block: Int, _ stream: Int) -> [Int] {
      // Until a variant begins to differ, the base's keys and values are its own.
      [stream]
        + (stream > 0 ? [] : variants.indices.filter { block < variants[$0].firstBlock }.map { $0 + 1 })
    }
    let last = model.configuration.blocks
    try forward.run(
      throughBlock: last,
      // What is not kept is loaded in the form that suits the prompts' number of rows.
      progress: nil, shelf: shelf.keepsBlocks ? shelf : nil,
      keysAndValues: { [caches] block, stream, tokens, rows in
        let sharing = sharing(block, stream)
        for (text, position, range) in parts where tokens.contains(range.lowerBound) {
          for stream in sharing {
            caches[stream].store(
              block: block, text: text, position: position, count: range.count,
              first: range.lowerBound - tokens.lowerBound, of: rows)
          }
        }
      },
      finalStates: { [states, textsOfSegment] block, stream, segment in
        (textsOfSegment[segment] ?? []).flatMap { text in
          sharing(block, stream).compactMap { states[$0].base(block: block, text: text) }
        }
      },
      afterBlock: { block, streams in
        guard block == last else { return }
        chosen = try choose(try ResidualStream(gathering: lastRows, of: streams))
      })
    return chosen
  }

  /// Where the tokens of each text are: beginnings that texts share are computed once, and belong to all of them.
  private func parts(of forest: TokenForest) -> [(text: Int, position: Int, range: Range<Int>)] {
    texts.indices.flatMap { text in
      var position = 0
      return forest.ranges(ofText: text).map { range in
        defer { position += range.count }
        return (text, position, range)
      }
    }
  }

  /// Appends a token to some texts of each stream; answers with the tokens that `choose` puts after them.
  ///
  /// All streams' rows go through a block together: they share most of its matrices.
  func step(_ steps: [[Step]], _ choose: Choice) throws -> [Int32] {
    let configuration = model.configuration
    let rows = steps.indices.flatMap { stream in steps[stream].map { (stream: stream, text: $0.text) } }
    let positions = rows.map { Int32(lengths[$0.stream][$0.text]) }
    if configuration.rotary.dependsOnLength || configuration.windowedRotary?.dependsOnLength ?? false {
      let rotary = model.rotaryTables(positions: Int(positions.max() ?? 0) + 1)
      for index in passes.indices { passes[index].rotary = rotary }
    }
    let residual = ResidualStream(rows: rows.count, width: configuration.hidden)
    let tokens = steps.flatMap { $0.map(\.token) }
    try residual.embed(tokens, positions: positions, model, context)
    let sharedKeys = SharedKeys(configuration, rows: rows.count)
    let parts = parts(ofRows: rows.count)
    for block in 1...configuration.blocks {
      let weights = try shelf.weights(block)
      for index in passes.indices { passes[index].take(weights) }
      for weights in variantWeights { try weights.load(block) }
      try positions.withUnsafeBufferPointer { positions in
        try tokens.withUnsafeBufferPointer { tokens in
          try forEach(parts.count) { [passes] item, worker in
            let part = parts[item]
            try passes[worker](
              residual.base + part.lowerBound * configuration.hidden,
              of: ChunkRows(
                positions: UnsafeBufferPointer(rebasing: positions[part]),
                tokens: UnsafeBufferPointer(rebasing: tokens[part]), sharedKeys: sharedKeys,
                firstRow: part.lowerBound),
              edits: edits(of: rows[part]),
              attention: { qkv, output in
                attention(block, rows[part], qkv, output, outputStride: weights.configuration.queryWidth)
              },
              recurrence: { recurrence(block, rows[part]) })
          }
        }
      }
    }
    for row in rows { lengths[row.stream][row.text] += 1 }
    return try choose(residual)
  }

  /// A row of a step.
  private typealias Row = (stream: Int, text: Int)

  /// Rows as the passes take them: of about equal number, as many parts as keep every pass busy to the end.
  private func parts(ofRows count: Int) -> [Range<Int>] {
    let needed = max(
      (count + rowsPerPass - 1) / rowsPerPass,
      min(passes.count, (count + Self.leastRows - 1) / Self.leastRows))
    return (0..<needed).map { $0 * count / needed..<($0 + 1) * count / needed }
  }

  /// What is different for each run of rows of a stream; nothing where all are the base's.
  private func edits(of rows: ArraySlice<Row>) -> [RowEdits] {
    guard rows.last.map({ $0.stream > 0 }) ?? false else { return [] }
    var runs: [RowEdits] = []
    var first = rows.startIndex
    while first < rows.endIndex {
      let stream = rows[first].stream
      let end = rows[first...].firstIndex { $0.stream != stream } ?? rows.endIndex
      runs.append(
        RowEdits(
          rows: first - rows.startIndex..<end - rows.startIndex,
          edits: stream == 0 ? .none : variantWeights[stream - 1].edits))
      first = end
    }
    return runs
  }

  private func forEach(_ count: Int, _ body: (_ item: Int, _ worker: Int) throws -> Void) throws {
    if passes.count > 1 { return try context.parallelForEach(count, onWorkers: body) }
    for item in 0..<count { try body(item, 0) }
  }

  /// A run of one token for each row, which goes on from its text's state and leaves it there.
  private func recurrence(_ block: Int, _ rows: ArraySlice<Row>) -> [RecurrentRun] {
    rows.enumerated().map { index, row in
      var run = RecurrentRun(rows: index..<index + 1)
      let state = states[row.stream].base(block: block, text: row.text)
      run.initial = state.map { UnsafePointer($0) }
      run.finals = [state].compactMap(\.self)
      return run
    }
  }

  private func attention(
    _ block: Int, _ rows: ArraySlice<Row>, _ qkv: BlockPass.QueryKeyValue,
    _ output: UnsafeMutablePointer<Float>, outputStride: Int
  ) -> BlockPass.AttentionPlan {
    var plan = BlockPass.AttentionPlan(jobs: [], keyRanges: [])
    for (row, (stream, text)) in rows.enumerated() {
      let base = qkv.base + row * qkv.stride
      let cache = caches[stream]
      cache.store(
        block: block, text: text, position: lengths[stream][text], count: 1, first: row, of: qkv)
      plan.jobs.append(
        AttentionJob(
          queries: base, queryStride: qkv.stride, headStep: qkv.queryStep,
          output: output + row * outputStride, outputStride: outputStride, count: 1, ranges: row..<row + 1))
      plan.keyRanges.append(cache.keyRange(block: block, text: text, count: lengths[stream][text] + 1))
    }
    return plan
  }
}
