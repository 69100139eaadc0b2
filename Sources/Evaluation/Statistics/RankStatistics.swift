/// Statistics that depend on the order of numbers alone.
package enum RankStatistics {
  /// Area under the ROC curve: probability that a positive scores higher than a negative, ties counting half.
  ///
  /// NaN where there are only positives or only negatives, or a score is NaN.
  package static func areaUnderROC(scores: [Double], isPositive: [Bool]) -> Double {
    precondition(scores.count == isPositive.count, "every score has a label")
    let positives = Double(isPositive.count { $0 })
    let rankSum = zip(ranks(scores), isPositive).reduce(0) { $0 + ($1.1 ? $1.0 : 0) }
    let pairs = positives * (Double(scores.count) - positives)
    return (rankSum - positives * (positives + 1) / 2) / pairs
  }

  /// Spearman's rank correlation, ties sharing their mean rank; NaN where either side is constant or
  /// holds NaN.
  package static func spearman(_ first: [Double], _ second: [Double]) -> Double {
    precondition(first.count == second.count, "pairs have two sides")
    let middle = Double(first.count + 1) / 2
    let pairs = zip(ranks(first), ranks(second)).map { ($0 - middle, $1 - middle) }
    let products = pairs.reduce(0) { $0 + $1.0 * $1.1 }
    return products
      / (pairs.reduce(0) { $0 + $1.0 * $1.0 } * pairs.reduce(0) { $0 + $1.1 * $1.1 }).squareRoot()
  }

  /// Ranks from 1; equal numbers share the mean of theirs.
  ///
  /// All are NaN where a number is, which has no place.
  private static func ranks(_ values: [Double]) -> [Double] {
    guard !values.contains(where: \.isNaN) else { return values.map { _ in .nan } }
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = [Double](repeating: 0, count: values.count)
    var first = 0
    while first < order.count {
      var end = first
      while end < order.count, values[order[end]] == values[order[first]] { end += 1 }
      for place in first..<end { ranks[order[place]] = Double(first + end + 1) / 2 }
      first = end
    }
    return ranks
  }
}
