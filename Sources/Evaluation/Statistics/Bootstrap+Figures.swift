internal import Foundation

extension Bootstrap {
  /// The mean over units.
  package func mean(_ values: [Double]) -> Estimate {
    estimate([values]) { $0[0] / $1 }
  }

  /// The share of ones among zeros and ones, with Clopper and Pearson's exact interval instead of a bootstrap's.
  ///
  /// The interval has a width even where all units are equal: of 20 zeros it is 0…0.168 at 95 %.
  package func share(_ values: [Double]) -> Estimate {
    precondition(values.allSatisfy { $0 == 0 || $0 == 1 }, "a share is of zeros and ones")
    guard !values.isEmpty else { return Estimate(value: .nan, lower: .nan, upper: .nan, count: 0) }
    let ones = values.count { $0 == 1 }
    let interval = BinomialDistribution.interval(
      successes: ones, trials: values.count, confidence: confidence)
    return Estimate(
      value: Double(ones) / Double(values.count), lower: interval.lower, upper: interval.upper,
      count: values.count)
  }

  /// A ratio of sums over units, as of distinct n-grams to all.
  package func ratio(of numerators: [Double], to denominators: [Double]) -> Estimate {
    estimate([numerators, denominators]) { sums, _ in sums[0] / sums[1] }
  }

  /// Perplexity: exp(Σ nll / Σ tokens) over windows or texts, each of which counts by its tokens.
  ///
  /// Windows of one text are not independent; resampling them whole keeps what holds within each.
  package func perplexity(negativeLogLikelihoods: [Double], tokens: [Double]) -> Estimate {
    ratio(of: negativeLogLikelihoods, to: tokens).mapped(exp)
  }

  /// Mean of the paired differences edited − base.
  package func difference(base: [Double], edited: [Double]) -> Estimate {
    precondition(base.count == edited.count, "pairs have two sides")
    return mean(zip(base, edited).map { $1 - $0 })
  }

  /// Relative change of the mean: Σ edited / Σ base − 1, units resampled with both their sides.
  package func relativeChange(base: [Double], edited: [Double]) -> Estimate {
    ratio(of: edited, to: base).mapped { $0 - 1 }
  }

  /// Relative change of perplexity over the same windows: exp((Σ edited − Σ base) / Σ tokens) − 1.
  package func perplexityChange(base: [Double], edited: [Double], tokens: [Double]) -> Estimate {
    ratio(of: zip(base, edited).map { $1 - $0 }, to: tokens).mapped(expm1)
  }
}

/// How large a paired difference is.
package enum EffectSize {
  /// Cohen's d for paired samples: the mean of edited − base in units of its standard deviation.
  ///
  /// NaN for fewer than two pairs, and where the differences spread no more than rounding makes them.
  ///
  /// Source: Cohen 1988; Lakens 2013, "d_z".
  package static func cohenDz(base: [Double], edited: [Double]) -> Double {
    precondition(base.count == edited.count, "pairs have two sides")
    let differences = zip(base, edited).map { $1 - $0 }
    let count = Double(differences.count)
    guard count > 1 else { return .nan }
    let mean = differences.reduce(0, +) / count
    let squares = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let deviation = (squares / (count - 1)).squareRoot()
    let largest = zip(base, edited).reduce(0) { max($0, abs($1.0), abs($1.1)) }
    return deviation > 4 * largest.ulp ? mean / deviation : .nan
  }
}
