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

  /// The measure from what was found in each window.
  package init(_ windows: [WindowScore], weighting: Weighting = .tokens) {
    negativeLogLikelihood = windows.reduce(0) { $0 + $1.negativeLogLikelihood }
    tokens = windows.reduce(0) { $0 + $1.tokens }
    switch weighting {
    case .tokens: meanLoss = negativeLogLikelihood / Double(max(1, tokens))
    case .windows:
      let means = windows.filter { $0.tokens > 0 }.map { $0.negativeLogLikelihood / Double($0.tokens) }
      meanLoss = means.reduce(0, +) / Double(max(1, means.count))
    }
    perplexity = exponential(meanLoss)
  }

  /// Measures one model; see ``ModelPanel/windowScores(_:tokens:length:stride:progress:)``.
  package init(
    _ model: Model, _ context: ComputeContext, tokens: [Int32], length: Int, stride: Int,
    weighting: Weighting = .tokens, progress: ProgressHandler? = nil
  ) throws {
    let scores = try ModelPanel(base: model).windowScores(
      context, tokens: tokens, length: length, stride: stride, progress: progress)
    self.init(scores[0], weighting: weighting)
  }
}

/// What a model made of one window of a text.
package struct WindowScore: Sendable, Equatable {
  /// Scored tokens.
  package var tokens: Int
  /// Σ −ln p over them, in nats.
  package var negativeLogLikelihood: Double
  /// Σ KL(base‖model) over them, in nats; 0 for the base itself.
  package var divergence: Double
  /// How many of them have the base's most probable token as the model's.
  package var agreeing: Int
}

extension ModelPanel {
  /// Tokens that go through the models in one pass; bounds the residual streams in memory.
  private static let tokensPerPass = 16_384

  /// What every model makes of `tokens`, window by window; the base's first.
  ///
  /// - Parameters:
  ///   - length: tokens of a window; at most the models' positions.
  ///   - stride: from 1 to `length`.
  /// - Throws: ``EvaluationError`` for fewer than two tokens or a stride outside its range.
  package func windowScores(
    _ context: ComputeContext, tokens: [Int32], length: Int, stride: Int, progress: ProgressHandler? = nil
  ) throws -> [[WindowScore]] {
    try base.requireDecoder()
    guard tokens.count >= 2 else {
      throw EvaluationError("text", "perplexity needs at least 2 tokens, found \(tokens.count)")
    }
    guard length >= 2, stride >= 1, stride <= length else {
      throw EvaluationError(
        "--window \(length) --stride \(stride)", "need 2 ≤ window and 1 ≤ stride ≤ window")
    }
    let windows = Perplexity.windows(tokens: tokens.count, length: length, stride: stride)
    let total = windows.reduce(0) { $0 + $1.range.count }
    var scores: [[WindowScore]] = Array(repeating: [], count: count)
    var completed = 0
    for batch in batches(of: windows, length: length) {
      let size = windows[batch].reduce(0) { $0 + $1.range.count }
      let part = try windowScores(context, tokens: tokens, windows[batch]) {
        progress?(completed + Int(Double(size) * Double($0) / Double(max(1, $1))), total)
      }
      for (subject, part) in part.enumerated() { scores[subject] += part }
      completed += size
    }
    return scores
  }

  /// The windows of each pass: as many, one after another, as the memory for residual streams allows.
  package func batches(of windows: [Perplexity.Window], length: Int) -> [Range<Int>] {
    let limit = max(length, Self.tokensPerPass / count)
    var batches: [Range<Int>] = []
    var first = 0
    var size = 0
    for (index, window) in windows.enumerated() {
      if index > first, size + window.range.count > limit {
        batches.append(first..<index)
        (first, size) = (index, 0)
      }
      size += window.range.count
    }
    if first < windows.count { batches.append(first..<windows.count) }
    return batches
  }

  /// What every model makes of some windows of `tokens`, in one pass; the base's first.
  package func windowScores(
    _ context: ComputeContext, tokens: [Int32], _ windows: ArraySlice<Perplexity.Window>,
    progress: ProgressHandler? = nil
  ) throws -> [[WindowScore]] {
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
    let scores = try score(context, forest, rows: rows, targets: targets, progress: progress)
    return scores.map { subject in
      var row = 0
      return counts.map { count in
        let range = row..<row + count
        row += count
        return WindowScore(
          tokens: count, negativeLogLikelihood: range.reduce(0) { $0 - subject.logProbabilities[$1] },
          divergence: range.reduce(0) { $0 + subject.divergences[$1] },
          agreeing: range.count { subject.bestTokens[$0] == scores[0].bestTokens[$0] })
      }
    }
  }
}
