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

  /// What wrong labels do to the subspace, as a mean over the edited blocks.
  package struct LabelNoise: Sendable, Equatable {
    /// Share of the pairs whose sides were exchanged.
    package let share: Double
    /// Mean squared cosine of the angles to the subspace of the pairs as they are, 1 where it is the same.
    ///
    /// The mean that is projected out was that of the exchanged sides.
    package let overlap: Double
  }

  /// Shares of labels that are tried.
  private static let noiseShares = [0.1, 0.25, 0.5]
  /// Drawings of the pairs that have wrong labels, in each block.
  private static let noiseTrials = 3

  /// Pairs that labels are tried of at least: of fewer, a tenth is one or none.
  private static let leastNoisePairs = 20

  /// The agreement of samples of more and more pairs, up to half of all, where there are enough of them for the rank; and with
  /// pairs whose labels are wrong, where there are 20 or more that span so many directions.
  ///
  /// - Parameter seed: equal seeds draw equal samples.
  package func stability(
    seed: UInt64, progress: ProgressHandler? = nil
  ) throws -> (samples: [Stability], labels: [LabelNoise]) {
    let sizes = [10, 25, 50, 100, 250, 500, 1000, 2500].filter { 2 * $0 < pairs } + [pairs / 2]
    var sums = sizes.map { _ in (overlap: 0.0, chance: 0.0, blocks: 0) }
    let count = recipe.protectedDirections
    var noise: [Double]? = pairs >= Self.leastNoisePairs ? Self.noiseShares.map { _ in 0 } : nil
    try forEachBlock(protecting: count, from: .rows, progress: progress) { _, preferences in
      let preference = try preferences.matrix(protecting: count)
      let rank = try preference.rank(recipe.rank)
      for (index, size) in sizes.enumerated() where size > rank {
        let found = try SubspaceStability(
          of: preference, rank: rank, by: recipe.ranking, pairs: 2 * size, trials: 5, seed: seed)
        sums[index].overlap += found.overlap
        sums[index].chance += found.chanceOverlap
        sums[index].blocks += 1
      }
      do {
        guard var sums = noise else { return }
        let whole = try BlockSubspace(fitting: preference, rank: rank, by: recipe.ranking).directions
        var generator = SplitMix64(seed: seed)
        for (index, share) in Self.noiseShares.enumerated() {
          for _ in 0..<Self.noiseTrials {
            let count = Int((share * Double(pairs)).rounded())
            let other = try directions(preferences, flipping: count, rank, &generator)
            sums[index] += try PrincipalAngles(between: whole, and: other).overlap
          }
        }
        noise = sums
      } catch is SubspaceError {
        // Pairs with equal sides span less than they count.
        noise = nil
      }
    }
    let samples = zip(sizes, sums).compactMap { size, sum -> Stability? in
      guard sum.blocks > 0 else { return nil }
      let blocks = Double(sum.blocks)
      return Stability(pairs: size, overlap: sum.overlap / blocks, chance: sum.chance / blocks)
    }
    let labels = zip(Self.noiseShares, noise ?? []).map {
      LabelNoise(share: $0, overlap: $1 / Double(Self.noiseTrials * recipe.blocks.count))
    }
    return (samples, labels)
  }

  /// The directions of a block where `count` pairs, drawn from `generator`, have their sides exchanged.
  private func directions(
    _ preferences: BlockPreferences, flipping count: Int, _ rank: Int, _ generator: inout SplitMix64
  ) throws -> Embeddings {
    let flipped = Set((0..<pairs).shuffled(using: &generator).prefix(count))
    let preference = try preferences.matrix(
      of: PairSample(pairs: Array(0..<pairs), flipped: flipped), protecting: recipe.protectedDirections,
      centred: true)
    return try BlockSubspace(fitting: preference, rank: rank, by: recipe.ranking).directions
  }
}
