internal import ArgumentParser
internal import Training
internal import Transformer

/// Which form the loss of a pair has.
enum LossForm: String, ExpressibleByArgument, CaseIterable {
  case dpo, ipo
}

/// How gradients become steps.
enum OptimizerName: String, ExpressibleByArgument, CaseIterable {
  case rmsprop, adamw
}

/// Which weights are trained.
enum TrainedWeights: String, ExpressibleByArgument, CaseIterable {
  case all
  /// The matrices of the MLPs.
  case mlp
  /// The matrices that an edit projects.
  case mlpValue = "mlp-value"

  /// The selection in chosen blocks.
  func selection(blocks: ClosedRange<Int>?) -> ParameterLayout.Selection {
    let perBlock = Set(WeightRole.allCases.filter(\.isPerBlock))
    return switch self {
    case .all: .init(roles: blocks == nil ? Set(WeightRole.allCases) : perBlock, blocks: blocks)
    case .mlp: .init(roles: [.mlpGateUp, .mlpGate, .mlpUp, .mlpValue], blocks: blocks, biases: false)
    case .mlpValue: .init(roles: [.mlpValue], blocks: blocks, biases: false)
    }
  }
}

/// What is minimised and how; the defaults are the paper's.
struct TrainingOptions: ParsableArguments {
  @Option(help: "The loss: dpo, or ipo, which takes the same beta for its regularisation.")
  var loss: LossForm = .dpo
  @Option(help: ArgumentHelp("How closely the model is held to the reference.", valueName: "b"))
  var beta = 0.1
  @Option(
    help: ArgumentHelp(
      "DPO: the probability with which a pair's label is taken to be wrong (cDPO).", valueName: "p"))
  var labelSmoothing = 0.0
  @Option(help: "How gradients become steps.") var optimizer: OptimizerName = .rmsprop
  @Option(help: ArgumentHelp("AdamW: weight decay.", valueName: "d")) var weightDecay = 0.0
  @Option(help: ArgumentHelp("Learning rate after the warm-up.", valueName: "r")) var learningRate = 1e-6
  @Option(help: ArgumentHelp("Steps over which the learning rate rises.", valueName: "n")) var warmup = 150
  @Option(
    help: ArgumentHelp(
      "A gradient with a larger norm is scaled down to this one; 0 for no bound.", valueName: "n"))
  var clip = 10.0
  @Option(help: ArgumentHelp("Pairs that are computed together.", valueName: "n")) var batch = 4
  @Option(help: ArgumentHelp("Batches of a step.", valueName: "n")) var accumulate = 1
  @Option(help: ArgumentHelp("How often every pair is seen.", valueName: "n")) var epochs = 1
  @Option(help: ArgumentHelp("End after this many steps.", valueName: "n")) var steps: Int?
  @Option(help: ArgumentHelp("Steps between looks at the validation pairs.", valueName: "n"))
  var validateEvery = 25
  @Option(
    help: ArgumentHelp(
      "End after this many looks without a lower validation loss; the best weights are written.",
      valueName: "n"))
  var patience = 10
  @Option(help: "Which weights are trained.") var train: TrainedWeights = .all
  @Option(help: ArgumentHelp("Train these blocks alone.", valueName: "a-b")) var layers: LayerRange?

  func validate() throws {
    for (name, value) in [
      ("--batch", batch), ("--accumulate", accumulate), ("--epochs", epochs), ("--steps", steps ?? 1),
      ("--validate-every", validateEvery), ("--patience", patience), ("--warmup", warmup + 1),
    ] where value < 1 {
      throw ValidationError("\(name) is too small.")
    }
    for (name, value) in [("--beta", beta), ("--learning-rate", learningRate)]
    where !value.isFinite || value <= 0 {
      throw ValidationError("\(name) must be above 0.")
    }
    guard (0..<0.5).contains(labelSmoothing) else {
      throw ValidationError("--label-smoothing must be from 0 to below 0.5.")
    }
    guard loss == .dpo || labelSmoothing == 0 else {
      throw ValidationError("--label-smoothing belongs to --loss dpo.")
    }
    guard optimizer == .adamw || weightDecay == 0 else {
      throw ValidationError("--weight-decay belongs to --optimizer adamw.")
    }
    guard clip.isFinite, clip >= 0, weightDecay.isFinite, weightDecay >= 0 else {
      throw ValidationError("--clip and --weight-decay must be numbers not below 0.")
    }
  }

  /// The same as the trainer takes it.
  var recipe: TrainingRecipe {
    var recipe = TrainingRecipe()
    recipe.loss = PreferenceLoss(
      form: loss == .ipo ? .squared : .logistic(smoothing: labelSmoothing), beta: beta)
    recipe.optimizer =
      optimizer == .adamw
      ? .adamW(betas: [0.9, 0.999], epsilon: 1e-8, decay: weightDecay) : .standardRMSProp
    recipe.learningRate = learningRate
    recipe.warmup = warmup
    recipe.clip = clip > 0 ? clip : nil
    recipe.batch = batch
    recipe.accumulation = accumulate
    recipe.epochs = epochs
    recipe.maximumSteps = steps
    recipe.validationInterval = validateEvery
    recipe.patience = patience
    return recipe
  }
}
