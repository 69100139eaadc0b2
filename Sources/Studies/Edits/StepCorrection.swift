package import Editing
package import Kernels
internal import SubspaceEditing
package import Transformer

/// A natural step with a second one behind it, towards the most probable harmless texts: see ``CorrectionPairs``.
package struct StepCorrection: Sendable {
  /// Strength of the first step in the model that pairs are made from and the second step is fitted on.
  package static let strength = 0.5
  /// How many times the second step counts beside the first: see Documentation/Recipes.md for what others do.
  package static let standardWeight = 1.0

  private let step: EditSubspace
  private let second: EditSubspace

  /// Fits the second step.
  ///
  /// - Parameters:
  ///   - step: what was fitted on the base.
  ///   - recipe: how; of the second step too.
  ///   - pairs: what the second step is fitted to.
  ///   - neutral: token ids of the passages of neutral text.
  /// - Throws: as ``SubspaceFitting`` does.
  package init(
    _ step: EditSubspace, _ recipe: EditRecipe, of model: Model, _ context: ComputeContext,
    pairs: [CorrectionPairs.Pair], neutral: [[Int32]], progress: ProgressHandler? = nil
  ) throws {
    self.step = step
    let fitting = try SubspaceFitting(
      step.edited(model, strength: Self.strength), context, recipe, chosen: pairs.map(\.chosen),
      rejected: pairs.map(\.rejected), neutral: neutral)
    try fitting.memoryPlan().requireRoom(for: model.path)
    second = try fitting.run(progress: progress)
  }

  /// Both steps as one.
  ///
  /// - Parameter weight: how many times the second counts.
  package func subspace(weight: Double = Self.standardWeight) throws -> EditSubspace {
    try EditSubspace(step, correctedBy: second, weight: weight)
  }
}
