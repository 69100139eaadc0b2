internal import Foundation

extension Bootstrap {
  /// The mean over units.
  package func mean(_ values: [Double]) -> Estimate {
    estimate([values]) { $0[0] / $1 }
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
  /// Cohen's d for paired samples: the mean of edited − base in units of its standard deviation; NaN without spread.
  ///
  /// Source: Cohen 1988; Lakens 2013, "d_z".
  package static func cohenDz(base: [Double], edited: [Double]) -> Double {
    precondition(base.count == edited.count, "pairs have two sides")
    let differences = zip(base, edited).map { $1 - $0 }
    let count = Double(differences.count)
    guard count > 1 else { return .nan }
    let mean = differences.reduce(0, +) / count
    let squares = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return squares > 0 ? mean / (squares / (count - 1)).squareRoot() : .nan
  }
}
