internal import Kernels
internal import SubspaceEditing
package import Transformer

extension SubspaceFitting {
  /// How far two samples of some number of pairs agree on the subspace, as a mean over the edited blocks.
  package struct Stability: Sendable, Equatable {
    /// Pairs of each sample.
    package let pairs: Int
    /// Mean squared cosine of the angles between both samples' subspaces, 1 where they are the same.
    package let overlap: Double
    /// What two random subspaces would have.
    package let chance: Double
  }

  /// The agreement of samples of more and more pairs, up to half of all; none where there are too few for the rank.
  ///
  /// - Parameter seed: equal seeds draw equal samples.
  package func stability(seed: UInt64, progress: ProgressHandler? = nil) throws -> [Stability] {
    let sizes = [10, 25, 50, 100, 250, 500, 1000, 2500].filter { 2 * $0 < pairs } + [pairs / 2]
    var sums = sizes.map { _ in (overlap: 0.0, chance: 0.0, blocks: 0) }
    let count = recipe.protectedDirections
    try forEachPreference(protecting: [count], from: .rows, progress: progress) { _, preferences, _ in
      guard let preference = preferences[count] else { return }
      let rank = try preference.rank(recipe.rank)
      for (index, size) in sizes.enumerated() where size > rank {
        let found = try SubspaceStability(
          of: preference, rank: rank, by: recipe.ranking, pairs: 2 * size, trials: 5, seed: seed)
        sums[index].overlap += found.overlap
        sums[index].chance += found.chanceOverlap
        sums[index].blocks += 1
      }
    }
    return zip(sizes, sums).compactMap { size, sum in
      guard sum.blocks > 0 else { return nil }
      let blocks = Double(sum.blocks)
      return Stability(pairs: size, overlap: sum.overlap / blocks, chance: sum.chance / blocks)
    }
  }
}
