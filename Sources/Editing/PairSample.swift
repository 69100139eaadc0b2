/// Some pairs of a list, and which of them have their sides exchanged, as wrong labels do.
package struct PairSample: Sendable, Hashable {
  /// Indices of the pairs, in order.
  package var pairs: [Int]
  /// Those of them whose sides are exchanged.
  package var flipped: Set<Int>

  /// A sample from its parts.
  package init(pairs: [Int], flipped: Set<Int> = []) {
    (self.pairs, self.flipped) = (pairs, flipped)
  }

  /// The sides of the sample's pairs, exchanged where the sample says so.
  package func sides<Side>(chosen: [Side], rejected: [Side]) -> (chosen: [Side], rejected: [Side]) {
    (
      pairs.map { flipped.contains($0) ? rejected[$0] : chosen[$0] },
      pairs.map { flipped.contains($0) ? chosen[$0] : rejected[$0] }
    )
  }
}
