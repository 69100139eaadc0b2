package import Kernels
internal import Storage
package import Transformer

/// Training on preference pairs: DPO, cDPO or IPO, step by step.
///
/// The reference is the model as it was given; its log-probabilities are computed once. Equal inputs, seed and thread
/// count give equal steps, also where a run is interrupted and resumed.
///
/// In bf16 the weights that are stepped, gradients and the optimiser's memory are f32 all the same: every pass rounds each
/// matrix anew, when its turn comes, and what it multiplies it with. Sums, norms, attention, softmax and loss stay f32.
package final class PreferenceTraining {
  /// The model as it is now.
  package let working: WorkingModel
  /// What is minimised and how.
  package let recipe: TrainingRecipe
  /// How far the run has come.
  package internal(set) var state = TrainingState()
  /// What was found in each step so far, those before an interruption included.
  package internal(set) var steps: [StepRecord] = []
  /// What was found at each look at the validation pairs so far.
  package internal(set) var validations: [ValidationRecord] = []
  /// What is trained on.
  let pairs: [ScoredPair]
  /// What is only looked at.
  let validation: [ScoredPair]
  /// What makes steps of gradients.
  let optimizer: Optimizer
  /// ln p(chosen) − ln p(rejected) under the reference, of the pairs and then of those for validation.
  var reference: [Double] = []
  /// Room for the weights at the best validation so far; none before they are first kept.
  var best = AlignedBuffer<Float>(count: 0)
  /// Whether those weights are there: they are not where there was no validation, nor where they are the base's or those of
  /// now.
  var bestIsKept = false
  let context: ComputeContext
  private let gradients: Gradients
  private let activations = ActivationStore(limit: PreferenceTraining.keptInMemory)

  /// Tokens of one forward pass without a way back.
  private static let passTokens = 4096
  /// Bytes of what passes compute that are kept until the way back.
  static let keptInMemory = 512 << 20

  /// Reads the model into memory; nothing is computed yet.
  ///
  /// - Parameters:
  ///   - context: its precision is that of products, of the reference's too; its seed decides the order of the pairs and
  ///     what adapters begin with.
  ///   - selection: the weights that are trained.
  ///   - validation: pairs that are not trained on; may be empty.
  package init(
    _ base: Model, _ context: ComputeContext, _ recipe: TrainingRecipe,
    training selection: ParameterLayout.Selection, pairs: [ScoredPair], validation: [ScoredPair]
  ) throws {
    try base.requireDecoder()
    guard !pairs.isEmpty else { throw TrainingError(base.path, "there are no pairs to train on") }
    working = try WorkingModel(base, selection, seed: context.seed, context: context)
    guard !working.layout.parameters.isEmpty else {
      throw TrainingError(base.path, "\(base.family.name) has none of the weights that were to be trained")
    }
    let sides = working.layout.parameters.compactMap { parameter in
      parameter.key.factor.map { parameter.shape[$0 == .input ? 1 : 0] }
    }
    if let rank = selection.adapter?.rank, let least = sides.min(), rank > least {
      throw TrainingError(
        "--lora-rank \(rank)", "the smallest of the matrices has \(least) rows or columns; give at most that")
    }
    self.context = context
    self.recipe = recipe
    self.pairs = pairs
    self.validation = validation
    optimizer = Optimizer(recipe.optimizer, count: working.layout.count, context)
    gradients = Gradients(working.layout, adapters: working.adapters)
  }

  /// Steps of the whole run, if nothing stops it early.
  package var totalSteps: Int {
    let all = stepsPerEpoch * recipe.epochs
    return min(all, recipe.maximumSteps ?? all)
  }

  /// Computes the reference's log-probabilities of the pairs that the run will see, unless a resumed run brought them.
  ///
  /// - Parameter progress: told of pairs done.
  package func computeReference(progress: ProgressHandler? = nil) throws {
    guard reference.isEmpty else { return }
    precondition(state.step == 0, "the reference is the model before its first step")
    let seen = pairsOfRun
    let found = try margins(of: seen.map { pairs[$0] } + validation, progress)
    reference = Array(repeating: .nan, count: pairs.count) + found.suffix(validation.count)
    for (index, margin) in zip(seen, found) { reference[index] = margin }
  }

  /// Takes the next step and answers what was found on its way; the figures are those before the step.
  package func step() throws -> StepRecord {
    precondition(reference.count == pairs.count + validation.count, "the reference comes first")
    let chosen = pairsOfStep(state.step)
    gradients.reset()
    var figures = PreferenceFigures(loss: recipe.loss)
    for first in stride(from: 0, to: chosen.count, by: recipe.batch) {
      let batch = chosen[first..<min(first + recipe.batch, chosen.count)]
      let pass = try ResponsePass(
        working.model, context, ScoredPair.sequences(batch.map { pairs[$0] }), working.layout,
        keepingIn: activations)
      let slopes = zip(ScoredPair.margins(pass.logProbabilities), batch).map { margin, index in
        figures.add(margin: margin - reference[index]) / Double(chosen.count)
      }
      try pass.addGradient(weights: slopes.flatMap { [$0, -$0] }, to: gradients)
    }
    let norm = gradients.withElements { elements in
      elements.baseAddress.map { sumOfSquares(context, $0, count: elements.count).squareRoot() } ?? 0
    }
    guard norm.isFinite, figures.meanLoss.isFinite else {
      throw TrainingError(
        "step \(state.step + 1)", "the loss is no longer a number; lower --learning-rate or --clip")
    }
    keepBest()
    let rate = recipe.rate(atStep: state.step)
    let scale = recipe.clip.map { min(1, $0 / (norm + 1e-6)) } ?? 1
    optimizer.step(context, working, gradients, scale: scale, rate: rate)
    try working.mergeAdapters()
    state.step += 1
    let record = StepRecord(
      step: state.step, loss: figures.meanLoss, margin: figures.meanReward, accuracy: figures.accuracy,
      gradientNorm: norm, rate: rate)
    steps.append(record)
    return record
  }

  /// The loss of the validation pairs as the model is now; remembers the weights where it is the lowest so far.
  package func validate() throws -> ValidationRecord {
    var figures = PreferenceFigures(loss: recipe.loss)
    let references = reference[pairs.count...]
    // Before the first step the model is the reference.
    for (margin, reference) in zip(
      state.step == 0 ? Array(references) : try margins(of: validation), references)
    {
      figures.add(margin: margin - reference)
    }
    let record = ValidationRecord(
      step: state.step, loss: figures.meanLoss, margin: figures.meanReward, accuracy: figures.accuracy)
    validations.append(record)
    if figures.meanLoss < state.bestLoss {
      state.bestLoss = figures.meanLoss
      state.bestStep = state.step
      state.validationsSinceBest = 0
      bestIsKept = false
    } else {
      state.validationsSinceBest += 1
    }
    return record
  }

  /// Keeps the weights, where they are the best so far and not the base's, before a step changes them.
  private func keepBest() {
    guard state.step > 0, state.bestStep == state.step else { return }
    if best.count == 0 { best = unsafe AlignedBuffer<Float>(uninitializedCount: working.layout.count) }
    working.withParameters { parameters in
      best.withUnsafeMutableBufferPointer { copy(parameters, to: $0) }
    }
    bestIsKept = true
  }

  /// Copies all weights.
  private func copy(_ source: UnsafeMutableBufferPointer<Float>, to target: UnsafeMutableBufferPointer<Float>)
  {
    guard let from = source.baseAddress, let to = target.baseAddress else { return }
    Kernels.copy(context, from, to: to, count: source.count)
  }

  /// Whether the run is over: all steps taken, or the validation loss has not fallen for long enough.
  package var isFinished: Bool {
    state.step >= totalSteps || state.validationsSinceBest >= recipe.patience ?? .max
  }

  /// Whether validation pairs are due after the step just taken.
  package var validationIsDue: Bool {
    !validation.isEmpty && (state.step % recipe.validationInterval == 0 || state.step == totalSteps)
  }

  /// Goes back to the weights of the best validation, if there was any.
  package func restoreBest() throws {
    guard state.bestLoss < .infinity, state.bestStep != state.step else { return }
    guard bestIsKept else { return try working.reset() }
    working.withParameters { parameters in
      best.withUnsafeMutableBufferPointer { copy($0, to: parameters) }
    }
    try working.mergeAdapters()
  }

  /// Steps in which every pair is seen once.
  private var stepsPerEpoch: Int { (pairs.count + recipe.pairsPerStep - 1) / recipe.pairsPerStep }

  /// The order of an epoch's pairs: every one has its own, drawn from the seed.
  private func order(ofEpoch epoch: Int) -> [Int] {
    var order = Array(pairs.indices)
    if recipe.shuffles {
      var generator = SplitMix64(seed: context.seed &+ UInt64(epoch) &* 0x9E37_79B9)
      order.shuffle(using: &generator)
    }
    return order
  }

  /// Which pairs a step is made of.
  private func pairsOfStep(_ step: Int) -> [Int] {
    let order = order(ofEpoch: step / stepsPerEpoch)
    let first = step % stepsPerEpoch * recipe.pairsPerStep
    return Array(order[first..<min(first + recipe.pairsPerStep, order.count)])
  }

  /// The pairs that some step of the run is made of, in their order: not all of them in a run of less than an epoch.
  private var pairsOfRun: [Int] { order(ofEpoch: 0).prefix(totalSteps * recipe.pairsPerStep).sorted() }

  private func margins(of pairs: [ScoredPair], _ progress: ProgressHandler? = nil) throws -> [Double] {
    let nothing = ParameterLayout(working.model, .init(roles: []))
    var result: [Double] = []
    let batches = pairs.indices.batches(ofAtMost: Self.passTokens) { pairs[$0].tokenCount }
    for batch in batches {
      let pass = try ResponsePass(working.model, context, ScoredPair.sequences(pairs[batch]), nothing)
      result += ScoredPair.margins(pass.logProbabilities)
      progress?(batch.upperBound, pairs.count)
    }
    return result
  }
}

/// Sums over pairs of what is reported.
private struct PreferenceFigures {
  let loss: PreferenceLoss
  private var losses = 0.0
  private var margins = 0.0
  private var correct = 0
  private var count = 0

  init(loss: PreferenceLoss) { self.loss = loss }

  var meanLoss: Double { losses / Double(max(1, count)) }
  /// β times the mean margin: how much more reward the chosen side has.
  var meanReward: Double { loss.beta * margins / Double(max(1, count)) }
  var accuracy: Double { Double(correct) / Double(max(1, count)) }

  /// Takes in a pair and answers the derivative of its loss.
  @discardableResult
  mutating func add(margin: Double) -> Double {
    let (value, slope) = loss(margin: margin)
    losses += value
    margins += margin
    correct += margin > 0 ? 1 : 0
    count += 1
    return slope
  }
}
