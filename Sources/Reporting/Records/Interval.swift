/// A figure with its 95 % interval, as records hold it.
package struct Interval: Sendable, Equatable {
  /// The figure; `nil` where it is not defined.
  package var value: Double?
  /// The interval's lower end; `nil` where there is none.
  package var lower: Double?
  /// Its upper end.
  package var upper: Double?
  /// How many units it was computed from.
  package var count: Int?

  /// A figure, and what is known of its interval.
  package init(_ value: Double?, lower: Double? = nil, upper: Double? = nil, count: Int? = nil) {
    (self.value, self.lower, self.upper, self.count) = (value, lower, upper, count)
  }

  /// Reads `{"value", "lower", "upper", "n"}`.
  init(_ field: Field) throws {
    self.init(
      try field.optional("value")?.number, lower: try field.optional("lower")?.number,
      upper: try field.optional("upper")?.number, count: try field.optional("n")?.count)
  }

  /// Both ends, where there are both.
  package var ends: ClosedRange<Double>? {
    guard let lower, let upper, lower <= upper else { return nil }
    return lower...upper
  }

  /// Wilson's interval of a share of `count` units (Wilson 1927), 95 %.
  package static func share(_ share: Double, of count: Int) -> Interval {
    guard count > 0, (0...1).contains(share) else { return Interval(share) }
    let (n, z) = (Double(count), 1.959964)
    let middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    let half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)).squareRoot()
    return Interval(share, lower: max(0, middle - half), upper: min(1, middle + half), count: count)
  }
}
