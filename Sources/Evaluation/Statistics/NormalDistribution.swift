internal import Foundation

/// The standard normal distribution.
package enum NormalDistribution {
  /// Φ(x).
  package static func cumulative(_ x: Double) -> Double { 0.5 * erfc(-x / 2.0.squareRoot()) }

  /// Φ⁻¹(p): −∞ at 0 and ∞ at 1; NaN outside 0…1.
  ///
  /// By bisection on Φ in the lower half, where its relative precision is full; exact to a few units in the last place.
  package static func quantile(_ p: Double) -> Double {
    if p > 0.5 { return -quantile(1 - p) }
    if p == 0.5 { return 0 }
    guard p > 0 else { return p == 0 ? -.infinity : .nan }
    return bisection(in: -40...0) { cumulative($0) < p }
  }
}

/// The point of `range` where `isBelow` changes from true to false, to the precision of `Double`.
func bisection(in range: ClosedRange<Double>, _ isBelow: (Double) -> Bool) -> Double {
  var (low, high) = (range.lowerBound, range.upperBound)
  while true {
    let middle = low + (high - low) / 2
    guard middle > low, middle < high else { return middle }
    if isBelow(middle) { low = middle } else { high = middle }
  }
}
