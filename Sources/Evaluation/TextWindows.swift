package import Kernels
package import Transformer

/// One text or several as overlapping windows that a model reads, each of which scores what none before it did.
package struct TextWindows: Sendable, Equatable {
  /// A stretch of a text and how many of its last tokens are scored in it.
  package struct Window: Sendable, Equatable {
    /// Its tokens, as positions in ``TextWindows/tokens``.
    package var range: Range<Int>
    /// How many of its last tokens no earlier window held, the text's first, which nothing predicts, included.
    package var scored: Int
  }

  /// The tokens of all texts, one after another.
  package let tokens: [Int32]
  /// The windows, in the order of the texts; none crosses from one text into the next.
  package let windows: [Window]
  /// Tokens of a window, where its text has as many.
  package let length: Int
  /// Tokens from the beginning of a window to that of the next.
  package let stride: Int

  /// One window every `stride` tokens, `length` long: the more context the smaller the stride.
  ///
  /// - Parameters:
  ///   - texts: token ids; a text of fewer than two has nothing to score and is left out.
  ///   - length: tokens of a window; at most the model's positions.
  ///   - stride: from 1 to `length`.
  /// - Throws: ``EvaluationError`` where no text has two tokens, or the stride is outside its range.
  package init(_ texts: [[Int32]], length: Int, stride: Int) throws {
    guard length >= 2, stride >= 1, stride <= length else {
      throw EvaluationError(
        "--window \(length) --stride \(stride)", "need 2 ≤ window and 1 ≤ stride ≤ window")
    }
    let usable = texts.filter { $0.count >= 2 }
    guard !usable.isEmpty else {
      throw EvaluationError(
        "text", "perplexity needs at least 2 tokens, found \(texts.map(\.count).max() ?? 0)")
    }
    var windows: [Window] = []
    var offset = 0
    for text in usable {
      var scoredUpTo = 0
      for start in Swift.stride(from: 0, to: text.count, by: stride) {
        let end = min(start + length, text.count)
        windows.append(Window(range: offset + start..<offset + end, scored: end - scoredUpTo))
        scoredUpTo = end
        if end == text.count { break }
      }
      offset += text.count
    }
    tokens = usable.flatMap(\.self)
    (self.windows, self.length, self.stride) = (windows, length, stride)
  }
}

extension TextWindows {
  /// Some of the windows.
  package subscript(range: Range<Int>) -> TextWindows {
    TextWindows(tokens: tokens, windows: Array(windows[range]), length: length, stride: stride)
  }

  private init(tokens: [Int32], windows: [Window], length: Int, stride: Int) {
    (self.tokens, self.windows, self.length, self.stride) = (tokens, windows, length, stride)
  }
}

/// What a model made of one window of a text.
package struct WindowScore: Sendable, Equatable, BitwiseCopyable {
  /// Scored tokens.
  package var tokens: Int
  /// Σ −ln p over them, in nats.
  package var negativeLogLikelihood: Double
  /// Σ KL(base‖model) over them, in nats; 0 for the base itself.
  package var divergence: Double
  /// How many of them have the base's most probable token as the model's.
  package var agreeing: Int

  /// A score from its parts.
  package init(tokens: Int, negativeLogLikelihood: Double, divergence: Double, agreeing: Int) {
    (self.tokens, self.negativeLogLikelihood) = (tokens, negativeLogLikelihood)
    (self.divergence, self.agreeing) = (divergence, agreeing)
  }
}

extension ModelPanel {
  /// Tokens that go through the models in one pass; bounds the residual streams in memory.
  private static let tokensPerPass = 16_384

  /// What every model makes of the windows of `text`; the base's first.
  package func windowScores(
    _ context: ComputeContext, _ text: TextWindows, progress: ProgressHandler? = nil
  ) throws -> [[WindowScore]] {
    try base.requireDecoder()
    let total = text.windows.reduce(0) { $0 + $1.range.count }
    var scores: [[WindowScore]] = Array(repeating: [], count: count)
    var completed = 0
    for batch in batches(of: text) {
      let size = text.windows[batch].reduce(0) { $0 + $1.range.count }
      let part = try windowScores(context, text, batch) {
        progress?(completed + Int(Double(size) * Double($0) / Double(max(1, $1))), total)
      }
      for (subject, part) in part.enumerated() { scores[subject] += part }
      completed += size
    }
    return scores
  }

  /// The windows of each pass: as many, one after another, as the memory for residual streams allows.
  package func batches(of text: TextWindows) -> [Range<Int>] {
    text.windows.indices.batches(ofAtMost: Self.tokensPerPass / count) { text.windows[$0].range.count }
  }

  /// What every model makes of some of the windows, in one pass; the base's first.
  ///
  /// Where the context has several processes, each reads a run of the windows, and all get the scores of all.
  package func windowScores(
    _ context: ComputeContext, _ text: TextWindows, _ batch: Range<Int>, progress: ProgressHandler? = nil
  ) throws -> [[WindowScore]] {
    let share = context.ranks.share(of: text.windows[batch].map(\.range.count))
    let own = batch.lowerBound + share.lowerBound..<batch.lowerBound + share.upperBound
    let scores =
      own.isEmpty
      ? Array(repeating: [], count: count) : try ownScores(context, text, own, progress: progress)
    return scores.map { context.ranks.gathered($0) }
  }

  private func ownScores(
    _ context: ComputeContext, _ text: TextWindows, _ batch: Range<Int>, progress: ProgressHandler?
  ) throws -> [[WindowScore]] {
    let windows = text.windows[batch]
    let texts = windows.map { Array(text.tokens[$0.range]) }
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
