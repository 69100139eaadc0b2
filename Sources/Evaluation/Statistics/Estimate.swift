package import Storage

/// A figure with its confidence interval.
package struct Estimate: Sendable, Equatable {
  /// The figure itself.
  package var value: Double
  /// Ends of the interval; NaN where it is not defined, as for the mean of a single unit.
  package var lower: Double
  package var upper: Double
  /// Units that it was taken over: prompts, items, windows.
  package var count: Int

  /// A figure with the ends of its interval.
  package init(value: Double, lower: Double, upper: Double, count: Int) {
    (self.value, self.lower, self.upper, self.count) = (value, lower, upper, count)
  }

  /// The same figure on another scale: `transform` must be increasing.
  package func mapped(_ transform: (Double) -> Double) -> Estimate {
    Estimate(value: transform(value), lower: transform(lower), upper: transform(upper), count: count)
  }

  /// Fewest units whose differences allow a verdict: with one less, all of one sign is a matter of chance
  /// (2 · 2⁻⁵ > 0.05), however narrow an interval they make.
  package static let fewestUnits = 6

  /// Where the interval of a difference, or of a relative change, lies with respect to zero.
  package var verdict: Verdict {
    count < Self.fewestUnits ? .tooFew : Verdict(lower: lower, upper: upper)
  }

  /// `{"value", "lower", "upper", "n"}`, `null` where a number is not defined.
  package var json: JSON {
    ["value": .double(value), "lower": .double(lower), "upper": .double(upper), "n": .int(count)]
  }
}

/// What a comparison of edited with base allows to be said.
package enum Verdict: String, Sendable {
  /// Edited is lower: the whole interval of the difference is below zero.
  case lower
  /// Edited is higher: the whole interval of the difference is above zero.
  case higher
  /// The interval holds zero, or is not defined.
  case indistinguishable
  /// Fewer units than ``Estimate/fewestUnits``. The text is what tables, records and reports say.
  case tooFew = "too few to tell"

  /// Whether edited is lower or higher.
  package var isChange: Bool { self == .lower || self == .higher }

  /// The verdict on a difference whose interval ends at `lower` and `upper`.
  package init(lower: Double, upper: Double) {
    self = upper < 0 ? .lower : lower > 0 ? .higher : .indistinguishable
  }
}
