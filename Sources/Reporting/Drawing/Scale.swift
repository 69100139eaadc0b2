internal import Foundation

/// The way from values to positions in a drawing.
package struct Scale: Sendable {
  /// How values are spread.
  package let kind: Axis.Kind
  /// The values at both ends.
  package let domain: ClosedRange<Double>
  /// The positions of both ends, which may run downward.
  package let range: (from: Double, to: Double)

  /// A scale from `domain` to `range`.
  package init(kind: Axis.Kind, domain: ClosedRange<Double>, range: (from: Double, to: Double)) {
    (self.kind, self.domain, self.range) = (kind, domain, range)
  }

  /// The position of `value`, within the range's ends where it lies beyond the domain.
  package func position(_ value: Double) -> Double {
    let share =
      switch kind {
      case .linear, .categories: (value - domain.lowerBound) / (domain.upperBound - domain.lowerBound)
      case .logarithmic: log(value / domain.lowerBound) / log(domain.upperBound / domain.lowerBound)
      }
    guard share.isFinite else { return range.from }
    return range.from + min(1, max(0, share)) * (range.to - range.from)
  }
}
