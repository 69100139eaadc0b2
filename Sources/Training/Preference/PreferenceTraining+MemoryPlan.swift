internal import Checkpoints
package import Kernels
package import Transformer

extension PreferenceTraining {
  /// What training holds for the weights of `model`, all of them trained: each in single precision, its gradient and what the
  /// optimiser keeps of that, and with pairs for validation the best so far; and what a step keeps until its way back.
  ///
  /// - Parameters:
  ///   - precision: of the products.
  ///   - pairs: what is trained on, in steps of the recipe's size.
  package static func memoryPlan(
    _ model: Model, _ recipe: TrainingRecipe, _ precision: ComputePrecision, pairs: [ScoredPair],
    validates: Bool
  ) -> MemoryPlan {
    let weights = model.tensors.entries.reduce(0) { $0 + $1.elementCount }
    let copies = validates ? 4 : 3
    // No step is larger than that of the longest pairs.
    let longest = pairs.sorted { $0.tokenCount > $1.tokenCount }.prefix(recipe.batch)
    let activations = BlockRecording.keptBytes(
      model, precision, tokens: longest.reduce(0) { $0 + $1.tokenCount },
      scored: longest.reduce(0) { $0 + $1.chosen.scored.count + $1.rejected.scored.count },
      limit: keptInMemory)
    return MemoryPlan([
      .init("training of \(weights) weights in single precision", copies * 4 * weights),
      .init("activations of a training step", activations),
    ])
  }
}
