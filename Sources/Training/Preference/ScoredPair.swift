package import Transformer

/// Two responses to one prompt, the preferred one first, as tokens.
package struct ScoredPair: Sendable, Hashable {
  /// What the model should write.
  package var chosen: ScoredSequence
  /// What it should not.
  package var rejected: ScoredSequence

  /// A pair from its sides.
  package init(chosen: ScoredSequence, rejected: ScoredSequence) {
    (self.chosen, self.rejected) = (chosen, rejected)
  }

  /// Tokens of both sides.
  package var tokenCount: Int { chosen.tokens.count + rejected.tokens.count }

  /// ln p(chosen) − ln p(rejected) of each pair, from the log-probabilities of ``sequences(_:)``.
  static func margins(_ logProbabilities: [Double]) -> [Double] {
    stride(from: 0, to: logProbabilities.count, by: 2).map { logProbabilities[$0] - logProbabilities[$0 + 1] }
  }

  /// The sides of all pairs, a pair's chosen one before its rejected one.
  static func sequences(_ pairs: some Sequence<ScoredPair>) -> [ScoredSequence] {
    pairs.flatMap { [$0.chosen, $0.rejected] }
  }
}
