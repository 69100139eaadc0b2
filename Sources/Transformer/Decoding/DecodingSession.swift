internal import Kernels

/// The state of one batch of prompts between steps: the keys and values so far, and the memory a step needs.
final class DecodingSession {
  private let model: Model
  private let context: ComputeContext
  private let texts: [[Int32]]
  private let cache: KeyValueCache
  private let head: LanguageModelHead
  private var pass: BlockPass
  /// Tokens of each text that are in the cache.
  private var lengths: [Int]

  /// - Parameter room: the most tokens that are added to each text.
  init(_ model: Model, _ context: ComputeContext, _ texts: [[Int32]], room: Int) throws {
    self.model = model
    self.context = context
    self.texts = texts
    let configuration = model.configuration
    lengths = texts.map(\.count)
    cache = KeyValueCache(
      blocks: configuration.blocks, width: configuration.keyValueWidth,
      capacities: texts.map { $0.count + room })
    head = LanguageModelHead(model, context)
    pass = BlockPass(
      configuration: configuration, context: context,
      rotary: model.rotaryTables(positions: (lengths.max() ?? 0) + room),
      weights: try BlockWeights(model, context, rows: 1),
      scratch: BlockScratch(configuration, context.precision, rows: texts.count))
  }

  /// Runs the prompts; answers the logits after each one's last token, `[texts, vocabulary]`.
  func prefill() throws -> [Float] {
    let forest = TokenForest(texts, chunkTokens: ForwardPass.chunkTokens, sharing: false)
    let textOfRow = textStarts(forest)
    let forward = try ForwardPass(model, context, forest)
    var logits: [Float] = []
    let lastRows = texts.indices.map { (forest.ranges(ofText: $0).last?.upperBound ?? 1) - 1 }
    let last = model.configuration.blocks
    let head = model.configuration.headDimension
    try forward.run(
      throughBlock: last,
      progress: nil,
      keysAndValues: { [cache] block, tokens, rows in
        for (text, range) in textOfRow where tokens.contains(range.lowerBound) {
          cache.store(
            block: block, text: text, position: 0, count: range.count,
            first: range.lowerBound - tokens.lowerBound,
            of: rows, headDimension: head)
        }
      },
      afterBlock: { block, stream in
        if block == last { logits = try self.head.logits(stream, rows: lastRows) }
      })
    return logits
  }

  private func textStarts(_ forest: TokenForest) -> [(text: Int, range: Range<Int>)] {
    texts.indices.compactMap { text in forest.ranges(ofText: text).first.map { (text, $0) } }
  }

  /// Appends a token to some texts; answers the logits after each, `[tokens, vocabulary]`.
  func step(_ tokens: [(text: Int, token: Int32)]) throws -> [Float] {
    let configuration = model.configuration
    let stream = ResidualStream(rows: tokens.count, width: configuration.hidden)
    let positions = tokens.map { Int32(lengths[$0.text]) }
    if configuration.rotary.dependsOnLength {
      pass.rotary = model.rotaryTables(positions: Int(positions.max() ?? 0) + 1)
    }
    try stream.embed(tokens.map(\.token), positions: positions, model, context)
    for block in 1...configuration.blocks {
      try pass.weights.load(block)
      try stream.withRows { rows in
        try positions.withUnsafeBufferPointer { positions in
          try pass(rows, positions: positions) { qkv, output in
            attention(block, tokens.map(\.text), qkv, output)
          }
        }
      }
    }
    for (text, _) in tokens { lengths[text] += 1 }
    return try head.logits(stream, rows: Array(tokens.indices))
  }

  private func attention(
    _ block: Int, _ texts: [Int], _ qkv: BlockPass.QueryKeyValue, _ output: UnsafeMutablePointer<Float>
  ) -> BlockPass.AttentionPlan {
    var plan = BlockPass.AttentionPlan(jobs: [], keyRanges: [])
    for (row, text) in texts.enumerated() {
      let base = qkv.base + row * qkv.stride
      cache.store(
        block: block, text: text, position: lengths[text], count: 1, first: row, of: qkv,
        headDimension: model.configuration.headDimension)
      plan.jobs.append(
        AttentionJob(
          queries: base, queryStride: qkv.stride, headStep: qkv.headStep,
          output: output + row * model.configuration.queryWidth,
          outputStride: model.configuration.queryWidth, count: 1, ranges: row..<row + 1))
      plan.keyRanges.append(cache.keyRange(block: block, text: text, count: lengths[text] + 1))
    }
    return plan
  }
}
