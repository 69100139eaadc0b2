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

/// A matrix of every block that an adapter can be trained beside.
enum AdapterTarget: String, ExpressibleByArgument, CaseIterable {
  case query, key, value
  case attentionOutput = "attention-output"
  case mlpGate = "mlp-gate"
  case mlpUp = "mlp-up"
  case mlpValue = "mlp-value"

  /// The roles of which a family has one: its own, or that of a matrix which it shares with others.
  var roles: Set<WeightRole> {
    switch self {
    case .query: [.query, .queryKeyValue, .deltaQueryKeyValue]
    case .key: [.key, .queryKeyValue, .deltaQueryKeyValue]
    case .value: [.value, .queryKeyValue, .deltaQueryKeyValue]
    case .attentionOutput: [.attentionOutput, .deltaOutput]
    case .mlpGate: [.mlpGate, .mlpGateUp]
    case .mlpUp: [.mlpUp, .mlpGateUp]
    case .mlpValue: [.mlpValue]
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
  @Option(
    help: ArgumentHelp(
      "Train low-rank adapters of this rank (LoRA) in place of weights: A as PEFT draws it, B zero, no dropout.",
      valueName: "r"))
  var loraRank: Int?
  @Option(help: ArgumentHelp("LoRA: alpha; B A is multiplied by alpha / r. By default r.", valueName: "a"))
  var loraAlpha: Double?
  @Option(
    help: ArgumentHelp(
      "LoRA: the matrices with adapters, of query, key, value, attention-output, mlp-gate, mlp-up and mlp-value; by default "
        + "all. Where a family has several in one matrix, any of them means that.",
      valueName: "name,…"))
  var target: String?

  func validate() throws {
    for (name, value, least) in [
      ("--batch", batch, 1), ("--accumulate", accumulate, 1), ("--epochs", epochs, 1),
      ("--steps", steps ?? 1, 1), ("--validate-every", validateEvery, 1), ("--patience", patience, 1),
      ("--warmup", warmup, 0),
    ] where value < least {
      throw ValidationError("\(name) must be at least \(least).")
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
    if loraRank == nil, loraAlpha != nil || target != nil {
      throw ValidationError("--lora-alpha and --target belong to --lora-rank.")
    }
    guard loraRank ?? 1 >= 1, loraAlpha ?? 1 > 0, loraAlpha?.isFinite ?? true else {
      throw ValidationError("--lora-rank must be at least 1, --lora-alpha above 0.")
    }
    guard loraRank == nil || train == .all else {
      throw ValidationError("--train is for weights themselves; with --lora-rank give --target.")
    }
    _ = try targets()
    guard clip.isFinite, clip >= 0, weightDecay.isFinite, weightDecay >= 0 else {
      throw ValidationError("--clip and --weight-decay must be numbers not below 0.")
    }
  }

  /// The matrices that adapters are trained beside.
  func targets() throws -> [AdapterTarget] {
    guard let target else { return AdapterTarget.allCases }
    return try target.split(separator: ",", omittingEmptySubsequences: false).map { name in
      guard let target = AdapterTarget(rawValue: String(name)) else {
        throw ValidationError(
          "--target \(name): expected names among \(AdapterTarget.allValueStrings.joined(separator: ", ")).")
      }
      return target
    }
  }

  /// What is trained.
  func selection() throws -> ParameterLayout.Selection {
    guard let loraRank else { return train.selection(blocks: layers?.blocks) }
    return ParameterLayout.Selection(
      roles: try targets().reduce(into: []) { $0.formUnion($1.roles) }, blocks: layers?.blocks, biases: false,
      adapter: .init(rank: loraRank, alpha: loraAlpha ?? Double(loraRank)))
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
