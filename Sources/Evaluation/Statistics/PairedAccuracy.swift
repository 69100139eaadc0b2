internal import Foundation

/// Accuracy of two models on the same items.
package struct PairedAccuracy: Sendable, Equatable {
  /// Items both got right.
  package let bothCorrect: Int
  /// Items that only the base, or only the edited model, got right.
  package let onlyBase: Int
  package let onlyEdited: Int
  /// Items both got wrong.
  package let neitherCorrect: Int

  /// The items, in the same order on both sides.
  package init(base: [Bool], edited: [Bool]) {
    precondition(base.count == edited.count, "pairs have two sides")
    let pairs = Array(zip(base, edited))
    bothCorrect = pairs.count { $0 && $1 }
    onlyBase = pairs.count { $0 && !$1 }
    onlyEdited = pairs.count { !$0 && $1 }
    neitherCorrect = pairs.count - bothCorrect - onlyBase - onlyEdited
  }

  /// Items.
  package var count: Int { bothCorrect + onlyBase + onlyEdited + neitherCorrect }

  /// Probability, if neither model were better, of a split of the discordant items as uneven as this one.
  ///
  /// McNemar's test, exact and two-sided; 1 where no item is discordant.
  package var pValue: Double {
    let discordant = BinomialDistribution(trials: onlyBase + onlyEdited, probability: 0.5)
    return min(1, 2 * discordant.cumulative(min(onlyBase, onlyEdited)))
  }

  /// Accuracy of the edited model minus that of the base, with Tango's score interval.
  ///
  /// The interval is of those differences at which the score statistic, its variance taken at the most likely
  /// probabilities with that difference, stays within the normal quantile.
  /// Source: Tango 1998, "Equivalence test and confidence interval for the difference in proportions for the
  /// paired-sample design", Statistics in Medicine 17:891–908.
  package func difference(confidence: Double = 0.95) -> Estimate {
    guard count > 0 else { return Estimate(value: .nan, lower: .nan, upper: .nan, count: 0) }
    let limit = -NormalDistribution.quantile((1 - confidence) / 2)
    return Estimate(
      value: Double(onlyEdited - onlyBase) / Double(count),
      lower: bisection(in: -1...1) { score($0) > limit },
      upper: bisection(in: -1...1) { score($0) > -limit }, count: count)
  }

  /// Tango's statistic at a supposed difference; falls as the difference rises.
  private func score(_ difference: Double) -> Double {
    let n = Double(count)
    let (b, c) = (Double(onlyEdited), Double(onlyBase))
    let linear = -b - c + (2 * n - b + c) * difference
    let constant = -c * difference * (1 - difference)
    // Most likely probability of an item that only the base gets right.
    let root = max(0, linear * linear - 8 * n * constant).squareRoot()
    let probability = (root - linear) / (4 * n)
    let variance = n * (2 * probability + difference * (1 - difference))
    let distance = b - c - n * difference
    guard variance > 0 else { return distance == 0 ? 0 : distance > 0 ? .infinity : -.infinity }
    return distance / variance.squareRoot()
  }

  /// Whether the exact test tells the two accuracies apart, and which is lower.
  ///
  /// Stricter than the interval of ``difference(confidence:)``, which is not exact: where that just leaves out zero,
  /// this may still say that they are indistinguishable, as for five discordant items that all fell to one side.
  package func verdict(confidence: Double = 0.95) -> Verdict {
    guard count >= Estimate.fewestUnits else { return .tooFew }
    guard pValue < 1 - confidence else { return .indistinguishable }
    return onlyEdited < onlyBase ? .lower : .higher
  }
}
