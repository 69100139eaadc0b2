internal import Kernels
internal import SubspaceEditing
package import Transformer

extension SubspaceFitting {
  /// A fit to some of the pass's pairs.
  package struct SampledFit: Sendable, Hashable {
    /// How the subspace is found; of the pass's method, and within its blocks.
    package var recipe: EditRecipe
    /// The pairs it is found from.
    package var sample: PairSample
    /// Whether the mean of the chosen side is projected out; without effect on ``EditRecipe/Method/oblique`` and
    /// ``EditRecipe/Method/natural``.
    package var centred: Bool

    /// A fit from its parts.
    package init(recipe: EditRecipe, sample: PairSample, centred: Bool = true) {
      (self.recipe, self.sample, self.centred) = (recipe, sample, centred)
    }
  }

  /// Runs the pass over all pairs once, and fits every sample to its own rows of the embeddings.
  ///
  /// A text's embedding does not depend on the other texts, so a sample has the subspace that a pass over its pairs alone
  /// would find, but for rounding; ``EditRecipe/Method/detoxEdit``, whose padding depends on them, is not for this. Steps are
  /// computed from sums over a sample's gradients: one pass over the pairs of as many samples as there is room for.
  package func run(_ fits: [SampledFit], progress: ProgressHandler? = nil) throws -> [EditSubspace] {
    precondition(recipe.method != .detoxEdit, "padding depends on the sample")
    precondition(fits.allSatisfy { $0.recipe.method == recipe.method }, "one pass serves one method")
    if recipe.method == .natural { return try sampledSteps(fits, progress: progress) }
    let most = fits.map(\.recipe.protectedDirections).max() ?? 0
    let found = try mapBlocks(protecting: most, from: .rows, progress: progress) { block, preferences in
      try fits.map { fit -> BlockSubspace? in
        guard fit.recipe.blocks.contains(block) else { return nil }
        let preference = try preferences.matrix(
          of: fit.sample, protecting: fit.recipe.protectedDirections, centred: fit.centred)
        let subspace = try BlockSubspace(
          fitting: preference, rank: try preference.rank(fit.recipe.rank), by: fit.recipe.ranking)
        return try preferences.whitening?.oblique(subspace) ?? subspace
      }
    }
    return try fits.enumerated().map { index, fit in
      EditSubspace(
        blocks: Self.blocks(index, of: found),
        provenance: try provenance(fit.recipe, pairs: fit.sample.pairs.count))
    }
  }

  /// The samples of `fits`, each once, in their order: the same in all processes, which add up sums by it.
  static func samples(of fits: [SampledFit]) -> [PairSample] {
    var seen: Set<PairSample> = []
    return fits.map(\.sample).filter { seen.insert($0).inserted }
  }

  /// The steps of `fits`, those of ``samplesPerPass`` samples from one pass.
  private func sampledSteps(_ fits: [SampledFit], progress: ProgressHandler?) throws -> [EditSubspace] {
    let order = Self.samples(of: fits)
    var found: [SampledFit: EditSubspace] = [:]
    let starts = Array(stride(from: 0, to: order.count, by: samplesPerPass))
    for (index, start) in starts.enumerated() {
      let samples = Set(order[start..<min(start + samplesPerPass, order.count)])
      let some = fits.filter { samples.contains($0.sample) }
      let steps = try naturalSteps(some) { done, total in
        progress?(1000 * index + 1000 * done / max(1, total), 1000 * starts.count)
      }
      found.merge(zip(some, steps)) { $1 }
    }
    return fits.compactMap { found[$0] }
  }
}
