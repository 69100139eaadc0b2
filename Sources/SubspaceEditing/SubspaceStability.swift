internal import Kernels

/// How much a subspace depends on which pairs it was fitted to.
///
/// The pairs are divided in two at random, each half gives a subspace of its own, and the two are compared: what both
/// halves find is in the data, what only one finds is chance. Equal seeds give equal divisions. The protection is that
/// of the whole preference matrix, the mean of all its chosen sides included. The matrix must have its rows: of sums over
/// pairs no half can be had.
public struct SubspaceStability: Sendable, Equatable {
  /// Pairs that were divided in each trial.
  public let pairs: Int
  /// Directions of each half's subspace.
  public let rank: Int
  /// Mean over the trials of the overlap of both halves' subspaces: the mean squared cosine of their principal angles,
  /// 1 where they are one and the same.
  public let overlap: Double
  /// The principal angles in radians, smallest first, each its mean over the trials.
  public let angles: [Double]
  /// The overlap that two random subspaces have on average: the rank over the number of dimensions left unprotected.
  public let chanceOverlap: Double

  /// Divides `pairs` pairs, drawn anew for each trial; all of them where it is `nil`.
  ///
  /// Throws where a half has fewer pairs than the rank, or does not span so many directions.
  /// - Complexity: two fits of half the pairs for each trial.
  public init(
    of preference: PreferenceMatrix, rank: Int, by ranking: DirectionRanking = .singularValue,
    pairs: Int? = nil, trials: Int = 10, seed: UInt64 = 0
  ) throws(SubspaceError) {
    precondition(trials > 0, "a mean needs a trial")
    let count = min(pairs ?? preference.pairs, preference.pairs)
    guard rank >= 1, rank <= count / 2 else {
      throw SubspaceError(reason: .rankUnavailable(requested: rank, available: count / 2))
    }
    var generator = SplitMix64(seed: seed)
    var overlap = 0.0
    var angles = [Double](repeating: 0, count: rank)
    for _ in 0..<trials {
      let order = (0..<preference.pairs).shuffled(using: &generator)
      let one = preference.selecting(order[..<(count / 2)])
      let other = preference.selecting(order[(count / 2)..<(2 * (count / 2))])
      let found = try PrincipalAngles(
        between: BlockSubspace(fitting: one, rank: rank, by: ranking).directions,
        and: BlockSubspace(fitting: other, rank: rank, by: ranking).directions)
      overlap += found.overlap / Double(trials)
      for (index, angle) in found.angles.enumerated() { angles[index] += angle / Double(trials) }
    }
    (self.pairs, self.rank, self.overlap, self.angles) = (count, rank, overlap, angles)
    chanceOverlap = Double(rank) / Double(max(rank, preference.hidden - preference.protectedRank))
  }
}

extension PreferenceMatrix {
  /// The rows of some pairs.
  fileprivate func selecting(_ pairs: ArraySlice<Int>) -> PreferenceMatrix {
    guard case .rows(let matrix) = form else { preconditionFailure("sums over pairs have no rows") }
    var elements: [Double] = []
    elements.reserveCapacity(pairs.count * hidden)
    for pair in pairs { elements += matrix[row: pair] }
    return PreferenceMatrix(rows: Matrix(rows: pairs.count, columns: hidden, elements: elements), of: self)
  }
}
