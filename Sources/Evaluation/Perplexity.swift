package import Kernels
package import Transformer

/// Perplexity of a model on one long text or several, by windows that overlap.
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
  /// Scored tokens: all but the first of each text.
  package let tokens: Int
  /// exp of the mean loss.
  package let perplexity: Double

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

  /// Measures one model.
  package init(
    _ model: Model, _ context: ComputeContext, _ text: TextWindows, weighting: Weighting = .tokens,
    progress: ProgressHandler? = nil
  ) throws {
    let scores = try ModelPanel(base: model).windowScores(context, text, progress: progress)
    self.init(scores[0], weighting: weighting)
  }
}
