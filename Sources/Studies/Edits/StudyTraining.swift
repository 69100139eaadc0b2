internal import Editing
internal import Kernels
internal import Training
internal import Transformer

/// The model of a point that trains: DPO with the paper's hyper-parameters, in memory.
struct StudyTraining {
  /// What is trained on which pairs.
  let inputs: StudyInputs

  /// Trains on the point's pairs until its steps are taken, or the pairs kept for validation tell to end.
  ///
  /// The pairs come again, in another order, until then. With pairs for validation the weights are those of the best look.
  func model(_ point: StudyPoint) throws -> Model {
    let settings = point.settings
    let (used, kept) = point.sample(of: inputs.pairs.count, seed: inputs.context.seed)
    let scored = inputs.pairs.scored
    let pairs = used.pairs.map { pair in
      used.flipped.contains(pair)
        ? ScoredPair(chosen: scored[pair].rejected, rejected: scored[pair].chosen) : scored[pair]
    }
    var recipe = TrainingRecipe.paper
    recipe.learningRate = settings.learningRate
    recipe.warmup = settings.warmup
    recipe.maximumSteps = settings.steps
    recipe.epochs = settings.steps
    let context = ComputeContext(
      threads: inputs.context.threads, precision: inputs.context.precision,
      seed: inputs.context.seed.stream(point.subset + 1))
    let training = try PreferenceTraining(
      inputs.model, context, recipe, training: .all, pairs: pairs, validation: kept.map { scored[$0] })
    try training.computeReference()
    if !kept.isEmpty { _ = try training.validate() }
    while !training.isFinished {
      _ = try training.step()
      if training.validationIsDue { _ = try training.validate() }
    }
    try training.restoreBest()
    return training.working.model
  }
}
