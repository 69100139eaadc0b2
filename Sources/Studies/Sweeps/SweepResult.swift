package import Evaluation
package import Storage

/// What was measured of a sweep.
package struct SweepResult: Sendable {
  /// One point.
  package struct Cell: Sendable {
    /// Its settings, as they were used.
    package let settings: JSON
    /// What was measured on each subset or draw, by name; none where the point was left out.
    package let repeats: [[String: Estimate]]
    /// What its directions raise, of each subset; none where that is not asked for.
    package var tokens: [DirectionTokens] = []
  }

  /// By series, by value of x.
  package let cells: [[Cell]]
  /// The model as it is; `nil` where there is none.
  package let base: [String: Estimate]?

  /// A result from its parts.
  package init(cells: [[Cell]], base: [String: Estimate]?) {
    (self.cells, self.base) = (cells, base)
  }
}

extension SweepResult.Cell {
  /// One measure over all subsets: the mean with Student's interval, or, of a single one, its own estimate.
  ///
  /// `nil` where it was not measured.
  package func summary(_ name: String) -> Estimate? {
    let values = repeats.compactMap { $0[name] }
    guard values.count > 1 else { return values.first }
    return Estimate(meanOf: values.map(\.value))
  }
}

extension SweepResult.Cell {
  /// The standard deviation of one measure over the subsets; `nil` of fewer than two.
  package func deviation(_ name: String) -> Double? {
    let values = repeats.compactMap { $0[name]?.value }
    return values.count > 1 ? values.standardDeviation : nil
  }

  /// What the directions of the first subset raise, and which of it is raised by some direction of each.
  ///
  /// `nil` where directions were not read.
  package var commonTokens: (first: DirectionTokens, common: Set<String>)? {
    guard let first = tokens.first else { return nil }
    let sets = tokens.map { Set($0.directions.joined()) }
    return (first, sets.dropFirst().reduce(sets[0]) { $0.intersection($1) })
  }
}

extension [Double] {
  /// That of the sample: squares over one less than their number.
  fileprivate var standardDeviation: Double {
    let mean = reduce(0, +) / Double(count)
    return (reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count - 1)).squareRoot()
  }
}

extension Estimate {
  /// A number without an interval.
  static func exact(_ value: Double) -> Estimate {
    Estimate(value: value, lower: .nan, upper: .nan, count: 1)
  }

  /// The mean of independent repetitions with its 95 % interval by Student's distribution.
  package init(meanOf values: [Double]) {
    let mean = values.reduce(0, +) / Double(values.count)
    let error = values.standardDeviation / Double(values.count).squareRoot()
    let half = Self.studentQuantile(values.count - 1) * error
    self.init(value: mean, lower: mean - half, upper: mean + half, count: values.count)
  }

  /// The 97.5 % quantile of Student's distribution; of more than 30 degrees of freedom, that of 30, which is on the safe
  /// side by at most 4 %.
  private static func studentQuantile(_ degrees: Int) -> Double {
    let table = [
      12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139,
      2.200985, 2.178813, 2.160369, 2.144787, 2.131450, 2.119905, 2.109816, 2.100922, 2.093024, 2.085963,
      2.079614, 2.073873, 2.068658, 2.063899, 2.059539, 2.055529, 2.051831, 2.048407, 2.045230, 2.042272,
    ]
    return degrees < 1 ? .nan : table[min(degrees, table.count) - 1]
  }

  /// What ``json`` has written; `nil` for anything else.
  init?(_ json: JSON) {
    guard let value = json["value"], let count = json["n"]?.number.flatMap({ Int(exactly: $0) }) else {
      return nil
    }
    self.init(
      value: value.number ?? .nan, lower: json["lower"]?.number ?? .nan, upper: json["upper"]?.number ?? .nan,
      count: count)
  }
}
