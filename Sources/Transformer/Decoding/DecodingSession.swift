internal import Kernels

/// The state of one batch of prompts between steps, for a model and its variants: the keys and values so far, and the
/// memory a step needs.
final class DecodingSession {
  private let model: Model
  private let context: ComputeContext
  private let variants: [ModelVariant]
  private let texts: [[Int32]]
  /// One for each stream: the base's, then the variants'.
  private let caches: [KeyValueCache]
  private let shelf: BlockShelf
  private let variantWeights: [VariantWeights]
  private var passes: [BlockPass]
  private let rowsPerPass: Int
  /// Tokens of each stream's texts that are in its cache.
  private var lengths: [[Int]]

  /// A text that is to go on, and with which token.
  typealias Step = (text: Int, token: Int32)
  /// Chooses the tokens after rows of a stream, counted from the base's.
  typealias Choice = (_ stream: Int, _ rows: [Int], _ of: ResidualStream) throws -> [Int32]

  /// - Parameter room: the most tokens that are added to each text.
  init(
    _ model: Model, _ context: ComputeContext, variants: [ModelVariant] = [], _ texts: [[Int32]], room: Int
  ) throws {
    self.model = model
    self.context = context
    self.variants = variants
    self.texts = texts
    let configuration = model.configuration
    lengths = Array(repeating: texts.map(\.count), count: variants.count + 1)
    caches = (0...variants.count).map { _ in
      KeyValueCache(
        blocks: configuration.blocks, width: configuration.keyValueWidth,
        capacities: texts.map { $0.count + room })
    }
    shelf = try BlockShelf(model, context, rows: texts.count * caches.count)
    variantWeights = try variants.map { try VariantWeights($0, context, rows: texts.count) }
    // Few rows go faster when all threads share them.
    rowsPerPass = max(16, (texts.count + context.threads - 1) / context.threads)
    let rotary = model.rotaryTables(positions: (texts.map(\.count).max() ?? 0) + room)
    let weights = try shelf.weights(1)
    let workers = texts.count * caches.count > rowsPerPass ? context.threads : 1
    passes = (0..<workers).map { [rowsPerPass] _ in
      BlockPass(
        configuration: configuration, context: workers > 1 ? context.onOneThread : context, rotary: rotary,
        weights: weights,
        scratch: BlockScratch(
          configuration, context.precision, rows: rowsPerPass,
          projecting: variants.contains(where: \.needsProjection)))
    }
  }

  /// Runs the prompts; answers for each stream the token that `choose` puts after each prompt's last one.
  func prefill(_ choose: Choice) throws -> [[Int32]] {
    let forest = TokenForest(texts, chunkTokens: ForwardPass.chunkTokens)
    let parts = parts(of: forest)
    let forward = try ForwardPass(model, context, forest, variants: variants)
    var chosen: [[Int32]] = []
    let lastRows = texts.indices.map { (forest.ranges(ofText: $0).last?.upperBound ?? 1) - 1 }
    let last = model.configuration.blocks
    let headDimension = model.configuration.headDimension
    try forward.run(
      throughBlock: last,
      progress: nil,
      keysAndValues: { [caches, variants] block, stream, tokens, rows in
        // Until a variant begins to differ, the base's keys and values are its own.
        let sharing =
          stream > 0 ? [] : variants.indices.filter { block < variants[$0].firstBlock }.map { $0 + 1 }
        for (text, position, range) in parts where tokens.contains(range.lowerBound) {
          for stream in [stream] + sharing {
            caches[stream].store(
              block: block, text: text, position: position, count: range.count,
              first: range.lowerBound - tokens.lowerBound, of: rows, headDimension: headDimension)
          }
        }
      },
      afterBlock: { block, streams in
        guard block == last else { return }
        chosen = try streams.enumerated().map { try choose($0, lastRows, $1) }
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

  /// Appends a token to some texts of each stream; answers for each stream the tokens that `choose` puts after them.
  func step(_ steps: [[Step]], _ choose: Choice) throws -> [[Int32]] {
    let configuration = model.configuration
    let streams = steps.map { ResidualStream(rows: $0.count, width: configuration.hidden) }
    let positions = steps.indices.map { stream in steps[stream].map { Int32(lengths[stream][$0.text]) } }
    if configuration.rotary.dependsOnLength {
      let rotary = model.rotaryTables(positions: Int(positions.joined().max() ?? 0) + 1)
      for index in passes.indices { passes[index].rotary = rotary }
    }
    for (index, stream) in streams.enumerated() where !steps[index].isEmpty {
      try stream.embed(steps[index].map(\.token), positions: positions[index], model, context)
    }
    let parts = steps.indices.flatMap { stream in
      stride(from: 0, to: steps[stream].count, by: rowsPerPass).map { first in
        (stream: stream, rows: first..<min(first + rowsPerPass, steps[stream].count))
      }
    }
    for block in 1...configuration.blocks {
      let weights = try shelf.weights(block)
      for index in passes.indices { passes[index].weights = weights }
      for weights in variantWeights { try weights.load(block) }
      try forEach(parts.count) { [passes] item, worker in
        let (stream, rows) = parts[item]
        try positions[stream].withUnsafeBufferPointer { positions in
          try passes[worker](
            streams[stream].base + rows.lowerBound * configuration.hidden,
            positions: UnsafeBufferPointer(rebasing: positions[rows]),
            edits: stream == 0 ? .none : variantWeights[stream - 1].edits
          ) { qkv, output in
            attention(block, stream, steps[stream][rows].map(\.text), qkv, output)
          }
        }
      }
    }
    for (stream, steps) in steps.enumerated() {
      for (text, _) in steps { lengths[stream][text] += 1 }
    }
    return try streams.enumerated().map { try choose($0, Array(steps[$0].indices), $1) }
  }

  private func forEach(_ count: Int, _ body: (_ item: Int, _ worker: Int) throws -> Void) throws {
    if passes.count > 1 { return try context.parallelForEach(count, onWorkers: body) }
    for item in 0..<count { try body(item, 0) }
  }

  private func attention(
    _ block: Int, _ stream: Int, _ texts: [Int], _ qkv: BlockPass.QueryKeyValue,
    _ output: UnsafeMutablePointer<Float>
  ) -> BlockPass.AttentionPlan {
    var plan = BlockPass.AttentionPlan(jobs: [], keyRanges: [])
    let cache = caches[stream]
    for (row, text) in texts.enumerated() {
      let base = qkv.base + row * qkv.stride
      cache.store(
        block: block, text: text, position: lengths[stream][text], count: 1, first: row, of: qkv,
        headDimension: model.configuration.headDimension)
      plan.jobs.append(
        AttentionJob(
          queries: base, queryStride: qkv.stride, headStep: qkv.headStep,
          output: output + row * model.configuration.queryWidth,
          outputStride: model.configuration.queryWidth, count: 1, ranges: row..<row + 1))
      plan.keyRanges.append(cache.keyRange(block: block, text: text, count: lengths[stream][text] + 1))
    }
    return plan
  }
}
