internal import Foundation

/// The number of successes in independent trials of equal probability.
package struct BinomialDistribution: Sendable, Hashable {
  /// Trials.
  package let trials: Int
  /// Probability of success in each.
  package let probability: Double

  /// `trials` of one probability.
  package init(trials: Int, probability: Double) {
    (self.trials, self.probability) = (trials, probability)
  }

  /// P(X ≤ k).
  package func cumulative(_ k: Int) -> Double {
    guard k >= 0 else { return 0 }
    guard k < trials else { return 1 }
    if probability <= 0 { return 1 }
    if probability >= 1 { return 0 }
    var logTerm = Double(trials) * log1p(-probability)
    var sum = exp(logTerm)
    for i in 0..<k {
      logTerm += log(Double(trials - i) / Double(i + 1)) + log(probability) - log1p(-probability)
      sum += exp(logTerm)
    }
    return min(1, sum)
  }

  /// Clopper and Pearson's exact interval of the probability, given `successes` in `trials`.
  package static func interval(successes: Int, trials: Int, confidence: Double) -> (
    lower: Double, upper: Double
  ) {
    let tail = (1 - confidence) / 2
    let lower =
      successes == 0
      ? 0
      : bisection(in: 0...1) {
        1 - BinomialDistribution(trials: trials, probability: $0).cumulative(successes - 1) < tail
      }
    let upper =
      successes == trials
      ? 1
      : bisection(in: 0...1) {
        BinomialDistribution(trials: trials, probability: $0).cumulative(successes) > tail
      }
    return (lower, upper)
  }
}
