package import Kernels
package import Transformer

/// Perplexity of a model on one long text, by windows that overlap.
package struct Perplexity: Sendable, Equatable {
  /// How the windows' losses are averaged.
  package enum Weighting: Sendable, Hashable {
    /// Every scored token counts the same: exp(Σ nll / tokens).
    case tokens
    /// Every window counts the same, however few tokens it scores: what the paper's published code does.
    case windows
  }

  /// Mean negative log-likelihood, in nats, under the weighting.
  package let meanLoss: Double
  /// Σ −ln p over the scored tokens, in nats.
  package let negativeLogLikelihood: Double
  /// Scored tokens: all but the first of the text.
  package let tokens: Int
  /// exp of the mean loss.
  package let perplexity: Double

  /// A stretch of the text and how many of its last tokens are scored in it.
  package struct Window: Sendable, Equatable {
    /// Its tokens, as positions in the text.
    package var range: Range<Int>
    /// How many of its last tokens no earlier window held, the text's first included.
    package var scored: Int
  }

  /// The windows over a text: one every `stride` tokens, `length` long; each scores what none before it did, the more
  /// context the smaller the stride.
  package static func windows(tokens: Int, length: Int, stride: Int) -> [Window] {
    var windows: [Window] = []
    var scoredUpTo = 0
    for start in Swift.stride(from: 0, to: tokens, by: stride) {
      let end = min(start + length, tokens)
      windows.append(Window(range: start..<end, scored: end - scoredUpTo))
      scoredUpTo = end
      if end == tokens { break }
    }
    return windows
  }

  /// Tokens that go through the model in one pass; bounds the residual stream in memory.
  private static let tokensPerPass = 16_384

  /// Measures `model` on `tokens`.
  ///
  /// - Parameters:
  ///   - length: tokens of a window; at most the model's positions.
  ///   - stride: from 1 to `length`.
  /// - Throws: ``EvaluationError`` for fewer than two tokens or a stride outside its range.
  package init(
    _ model: Model, _ context: ComputeContext, tokens: [Int32], length: Int, stride: Int,
    weighting: Weighting = .tokens, progress: ProgressHandler? = nil
  ) throws {
    try model.requireDecoder()
    guard tokens.count >= 2 else {
      throw EvaluationError("text", "perplexity needs at least 2 tokens, found \(tokens.count)")
    }
    guard length >= 2, stride >= 1, stride <= length else {
      throw EvaluationError(
        "--window \(length) --stride \(stride)", "need 2 ≤ window and 1 ≤ stride ≤ window")
    }
    let windows = Self.windows(tokens: tokens.count, length: length, stride: stride)
    let blocks = model.configuration.blocks
    let total = windows.reduce(0) { $0 + $1.range.count } * (blocks + 1)
    var completed = 0
    var losses: [(sum: Double, count: Int)] = []
    var first = 0
    while first < windows.count {
      var end = first
      var size = 0
      while end < windows.count, end == first || size + windows[end].range.count <= Self.tokensPerPass {
        size += windows[end].range.count
        end += 1
      }
      let start = completed
      losses += try Self.losses(model, context, tokens, windows[first..<end]) { done, of in
        // The head counts as one more block.
        completed = start + Int(Double(size * (blocks + 1)) * Double(done) / Double(of))
        progress?(completed, total)
      }
      completed = start + size * (blocks + 1)
      first = end
    }
    negativeLogLikelihood = losses.reduce(0) { $0 + $1.sum }
    self.tokens = losses.reduce(0) { $0 + $1.count }
    switch weighting {
    case .tokens: meanLoss = negativeLogLikelihood / Double(self.tokens)
    case .windows:
      let means = losses.filter { $0.count > 0 }.map { $0.sum / Double($0.count) }
      meanLoss = means.reduce(0, +) / Double(means.count)
    }
    perplexity = exponential(meanLoss)
  }

  /// Sum of losses and number of scored tokens of each window.
  private static func losses(
    _ model: Model, _ context: ComputeContext, _ tokens: [Int32], _ windows: ArraySlice<Window>,
    _ progress: @escaping (_ done: Int, _ of: Int) -> Void
  ) throws -> [(sum: Double, count: Int)] {
    let texts = windows.map { Array(tokens[$0.range]) }
    let forest = TokenForest(texts, chunkTokens: ForwardPass.chunkTokens, sharing: false)
    var rows: [Int] = []
    var targets: [Int32] = []
    var counts: [Int] = []
    for (text, window) in zip(texts.indices, windows) {
      guard let range = forest.ranges(ofText: text).first else { continue }
      // A token is scored in the row before it, so a window's first has none.
      let firstScored = max(1, window.range.count - window.scored)
      rows += (firstScored..<max(firstScored, range.count)).map { range.lowerBound + $0 - 1 }
      targets += texts[text].dropFirst(firstScored)
      counts.append(range.count - firstScored)
    }
    let blocks = model.configuration.blocks
    let unit = max(1, forest.tokens.count)
    let pass = try ForwardPass(model, context, forest)
    var losses: [(sum: Double, count: Int)] = []
    try pass.run(
      throughBlock: blocks,
      progress: { done, _ in progress(done, unit * (blocks + 1)) },
      afterBlock: { block, stream in
        guard block == blocks else { return }
        let result = try LanguageModelHead(model, context).logSoftmax(stream, rows: rows, targets: targets) {
          done, of in
          progress(unit * blocks + Int(Double(unit) * Double(done) / Double(max(1, of))), unit * (blocks + 1))
        }
        var row = 0
        for count in counts {
          let sum = (row..<row + count).reduce(0.0) { $0 - result.logProbability($1) }
          losses.append((sum, count))
          row += count
        }
      })
    guard losses.allSatisfy({ $0.sum.isFinite }) else {
      throw try model.explainNonFinite(throughBlock: blocks)
    }
    return losses
  }
}
