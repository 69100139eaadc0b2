internal import Editing
internal import Kernels
internal import SubspaceEditing
internal import Transformer

/// The subspaces of many points, from one pass over all pairs for each recipe.
struct StudySubspaces {
  /// What is fitted to which pairs.
  let inputs: StudyInputs

  /// The fit of a point.
  private func fit(_ point: StudyPoint) throws -> SubspaceFitting.SampledFit {
    let configuration = inputs.model.configuration
    let sample = point.sample(of: inputs.pairs.count, seed: inputs.context.seed).used
    return SubspaceFitting.SampledFit(
      recipe: try point.settings.editRecipe(
        blocks: configuration.blocks, hidden: configuration.hidden, pairs: sample.pairs.count),
      sample: sample, centred: point.settings.centring)
  }

  /// The subspaces of `points`, in their order.
  func fitted(_ points: [StudyPoint], progress: ProgressHandler?) throws -> [StudyPoint: EditSubspace] {
    var subspaces: [StudyPoint: EditSubspace] = [:]
    for method in EditRecipe.Method.allCases {
      let some = points.filter { $0.settings.recipe == method }
      guard !some.isEmpty else { continue }
      let fits = try some.map { try fit($0) }
      // The pass serves the widest of them.
      var recipe = fits[0].recipe
      let blocks = fits.map(\.recipe.blocks)
      recipe.blocks =
        (blocks.map(\.lowerBound).min() ?? 1)...(blocks.map(\.upperBound).max() ?? recipe.blocks.upperBound)
      recipe.protectedDirections = fits.map(\.recipe.protectedDirections).max() ?? 0
      recipe.rank = .fixed(1)
      let found = try SubspaceFitting(
        inputs.model, inputs.context, recipe, chosen: inputs.pairs.chosen, rejected: inputs.pairs.rejected,
        neutral: method.usesNeutralText ? inputs.neutral : []
      ).run(fits, progress: progress)
      for (point, subspace) in zip(some, found) { subspaces[point] = subspace }
    }
    return subspaces
  }

  /// The subspace of one point from a pass over its own pairs, as `profs fit` finds it.
  func alone(_ point: StudyPoint) throws -> EditSubspace {
    let fit = try fit(point)
    let sides = fit.sample.sides(chosen: inputs.pairs.chosen, rejected: inputs.pairs.rejected)
    return try SubspaceFitting(
      inputs.model, inputs.context, fit.recipe, chosen: sides.chosen, rejected: sides.rejected,
      neutral: fit.recipe.method.usesNeutralText ? inputs.neutral : []
    ).run()
  }
}
