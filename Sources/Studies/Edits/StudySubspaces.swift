internal import Editing
internal import Kernels
internal import SubspaceEditing
internal import Tokenization
internal import Transformer

/// The subspaces of many points, from one pass over all pairs for each recipe whose part of a pair does not depend on the others.
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
    let others = points.filter { !$0.settings.recipe.sharesPasses }
    let apart = Dictionary(grouping: others) { $0.sampled }
    let total = apart.count + (others.count < points.count ? 1 : 0)
    var done = 0
    func part() -> ProgressHandler {
      let first = done
      done += 1
      return { progress?(1000 * first + 1000 * $0 / max(1, $1), 1000 * total) }
    }
    for point in others where subspaces[point] == nil {
      let some = apart[point.sampled] ?? []
      for (point, subspace) in zip(some, try alone(some, progress: part())) { subspaces[point] = subspace }
    }
    for method in EditRecipe.Method.allCases where method.sharesPasses {
      let some = points.filter { $0.settings.recipe == method }
      guard !some.isEmpty else { continue }
      let fits = try some.map { try fit($0) }
      let found = try sharedPass(fits).run(fits, progress: part())
      for (point, subspace) in zip(some, found) { subspaces[point] = subspace }
    }
    return subspaces
  }

  /// One pass over all pairs that serves `fits`, all of one method.
  private func sharedPass(_ fits: [SubspaceFitting.SampledFit]) throws -> SubspaceFitting {
    // It serves the widest of them.
    var recipe = fits[0].recipe
    recipe.blocks = .enclosing(fits.map(\.recipe.blocks))
    recipe.protectedDirections = fits.map(\.recipe.protectedDirections).max() ?? 0
    recipe.rank = .fixed(1)
    return try SubspaceFitting(
      inputs.model, inputs.context, recipe, chosen: inputs.pairs.chosen, rejected: inputs.pairs.rejected,
      neutral: recipe.method.usesNeutralText ? inputs.neutral : [])
  }

  /// What the fits will hold, those that stand for the neediest of each method.
  ///
  /// - Parameters:
  ///   - together: points that ``fitted(_:progress:)`` is to serve.
  ///   - alone: points of ``alone(_:)``.
  func memoryPlans(together: [StudyPoint], alone: [StudyPoint]) throws -> [MemoryPlan] {
    var plans: [MemoryPlan] = []
    for method in EditRecipe.Method.allCases {
      func ofMethod(_ points: [StudyPoint]) -> [StudyPoint] {
        points.filter { $0.settings.recipe == method }
      }
      let shared = try method.sharesPasses ? ofMethod(together).map { try fit($0) } : []
      if !shared.isEmpty {
        let most = shared.map(\.sample.pairs.count).max() ?? 0
        let pass = try sharedPass(shared)
        plans.append(
          try method.isProjection
            ? pass.rowMemoryPlan(decomposing: most)
            : pass.stepMemoryPlan(samples: Set(shared.map(\.sample)).count))
      }
      let apart = try (ofMethod(alone) + (method.sharesPasses ? [] : ofMethod(together))).map { try fit($0) }
      if let largest = apart.max(by: {
        ($0.sample.pairs.count, $0.recipe.blocks.count) < ($1.sample.pairs.count, $1.recipe.blocks.count)
      }) {
        plans.append(try ownPass(largest).memoryPlan())
      }
    }
    return plans
  }

  /// The subspace of one point from a pass over its own pairs, as `profs fit` finds it.
  func alone(_ point: StudyPoint) throws -> EditSubspace { try alone([point], progress: nil)[0] }

  /// The subspaces of points of one recipe, blocks and sample, from a pass over their own pairs.
  private func alone(_ points: [StudyPoint], progress: ProgressHandler?) throws -> [EditSubspace] {
    let fits = try points.map { try fit($0) }
    return try ownPass(fits[0]).run(fits.map(\.recipe), progress: progress)
  }

  /// A pass over the pairs of `fit` alone.
  private func ownPass(_ fit: SubspaceFitting.SampledFit) throws -> SubspaceFitting {
    let sides = fit.sample.sides(chosen: inputs.pairs.chosen, rejected: inputs.pairs.rejected)
    return try SubspaceFitting(
      inputs.model, inputs.context, fit.recipe, chosen: sides.chosen, rejected: sides.rejected,
      neutral: fit.recipe.method.usesNeutralText ? inputs.neutral : [],
      padding: inputs.tokenizer.eosID ?? 0)
  }
}

extension EditRecipe.Method {
  /// Whether one pass over all pairs serves every sample of them: what a pair adds does not depend on the others.
  ///
  /// Padding goes by the longest of the sample.
  fileprivate var sharesPasses: Bool { self != .detoxEdit }
}

extension StudyPoint {
  /// What points have in common that one pass over their own pairs serves.
  fileprivate var sampled: StudyPoint {
    var settings = settings
    (settings.rank, settings.strength, settings.weights) = (nil, 1, .values)
    return StudyPoint(settings, subset: subset)
  }
}
