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
    let found = try mapBlocks(protecting: recipe.protectedDirections, from: .rows, progress: progress) {
      _, preferences in
      let preference = try preferences.matrix(protecting: recipe.protectedDirections)
      let rank = try preference.rank(recipe.rank)
      let samples = try sizes.map { size in
        size <= rank
          ? nil
          : try SubspaceStability(
            of: preference, rank: rank, by: recipe.ranking, pairs: 2 * size, trials: 5, seed: seed)
      }
      return (samples: samples, noise: try labelNoise(preferences, preference, rank, seed: seed))
    }
    let samples = sizes.enumerated().compactMap { index, size -> Stability? in
      let agreed = found.compactMap { $0.result.samples[index] }
      guard !agreed.isEmpty else { return nil }
      let blocks = Double(agreed.count)
      return Stability(
        pairs: size, overlap: agreed.reduce(0) { $0 + $1.overlap } / blocks,
        chance: agreed.reduce(0) { $0 + $1.chanceOverlap } / blocks)
    }
    let noise = found.compactMap(\.result.noise)
    guard noise.count == found.count else { return (samples, []) }
    let labels = Self.noiseShares.enumerated().map { index, share in
      LabelNoise(share: share, overlap: noise.reduce(0) { $0 + $1[index] } / Double(noise.count))
    }
    return (samples, labels)
  }

  /// The overlap of a block's subspace with those of wrong labels, a mean over the drawings for each of ``noiseShares``; `nil`
  /// where there are too few pairs, or they span less than they count because of equal sides.
  private func labelNoise(
    _ preferences: BlockPreferences, _ preference: PreferenceMatrix, _ rank: Int, seed: UInt64
  ) throws -> [Double]? {
    guard pairs >= Self.leastNoisePairs else { return nil }
    do {
      let whole = try BlockSubspace(fitting: preference, rank: rank, by: recipe.ranking).directions
      var generator = SplitMix64(seed: seed)
      return try Self.noiseShares.map { share in
        var sum = 0.0
        for _ in 0..<Self.noiseTrials {
          let count = Int((share * Double(pairs)).rounded())
          let other = try directions(preferences, flipping: count, rank, &generator)
          sum += try PrincipalAngles(between: whole, and: other).overlap
        }
        return sum / Double(Self.noiseTrials)
      }
    } catch is SubspaceError {
      return nil
    }
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
