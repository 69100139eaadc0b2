internal import Editing
internal import Foundation
internal import Kernels
internal import Storage
internal import Training
internal import Transformer

/// What `profs dpo` does, stage by stage.
struct DPOJob {
  private let command: DPOCommand
  private let base: Model
  private let training: PreferenceTraining
  private let pairs: [ScoredPair]
  private let validation: [ScoredPair]
  private let isQuiet: Bool

  /// Opens the model and reads the pairs; nothing is computed yet.
  init(_ command: DPOCommand) throws {
    self.command = command
    isQuiet = command.output.quiet || command.output.json
    try NewOutput.claim(command.out)
    try NewOutput.check(command.out, isOutside: command.model)
    if let state = command.state { try NewOutput.hold(state) }
    let model = try Model(path: command.model)
    base = model
    // Whether the output can be written is known before anything is computed.
    let selection = try command.training.selection()
    _ = try TrainedModel(base, trained: base, changed: [])
    if command.writesAdapter {
      _ = try TrainedModel(base, adapters: AdapterValues(ParameterLayout(base, selection), seed: 0))
    }
    var (pairs, _) = try ProgressBar.run("reading pairs", quiet: isQuiet) { _ in
      try command.responses.scoredPairs(model)
    }
    var validation: [ScoredPair] = []
    if let path = command.validation {
      validation = try command.responses.scoredPairs(base, from: path)
    } else {
      let count = command.holdOut ?? min(64, pairs.count / 5)
      guard count < pairs.count else {
        throw TrainingError("--hold-out \(count)", "there are \(pairs.count) pairs, and none would be left")
      }
      validation = Array(pairs.suffix(count))
      pairs.removeLast(count)
    }
    (self.pairs, self.validation) = (pairs, validation)
    training = try PreferenceTraining(
      base,
      ComputeOptions.context(command.compute, threads: command.threads, seed: command.seed),
      command.training.recipe, training: selection, pairs: pairs, validation: validation)
  }

  /// Trains and writes.
  func run() throws {
    let meter = MemoryMeter()
    if let state = command.state, FileSystem.exists(state) {
      try training.resume(from: state)
      say("going on after step \(training.state.step), from \(state)")
    }
    announce()
    _ = try ProgressBar.run("reading the reference", quiet: isQuiet) {
      try training.computeReference(progress: $0)
    }
    let (_, seconds) = try ProgressBar.run("training", quiet: isQuiet) { progress in
      if training.state.step == 0, !validation.isEmpty { try validate() }
      while !training.isFinished {
        let record = try training.step()
        progress(record.step, training.totalSteps)
        if record.step % command.reportEvery == 0 || record.step == training.totalSteps { report(record) }
        if training.validationIsDue { try validate() }
        if let state = command.state, record.step % command.saveEvery == 0 { try training.save(to: state) }
      }
    }
    if training.state.step < training.totalSteps {
      say("the validation loss was lowest after step \(training.state.bestStep): stopped")
    }
    try training.restoreBest()
    _ = try ProgressBar.run("writing", quiet: isQuiet) {
      try writer().write(
        to: command.out, provenance, record: .object(settings + record), progress: $0)
    }
    let peak = meter.stop()
    if command.output.json {
      Console.json(
        .object(
          [("out", .string(command.out))] + settings + record + [
            ("seconds", .double(seconds)), ("peak_memory_bytes", .int(peak)),
          ]))
    } else {
      Console.result("written to \(command.out)")
    }
  }

  private func announce() {
    let trained = training.working.layout.parameters.reduce(0) { $0 + $1.elements.count }
    say(
      "\(base.family.name); \(pairs.count) pairs, \(validation.count) for validation; "
        + "\(trained) \(training.working.adapters == nil ? "weights" : "numbers of adapters") trained in \(training.totalSteps) steps of \(training.recipe.pairsPerStep) pairs"
    )
  }

  private func validate() throws {
    let record = try training.validate()
    say(
      "step \(record.step)".leftPadded(10)
        + String(
          format: "  validation loss %.4f  margin %+.4f  accuracy %.2f", record.loss, record.margin,
          record.accuracy))
  }

  private func report(_ record: StepRecord) {
    say(
      "step \(record.step)".leftPadded(10)
        + String(
          format: "  loss %.4f  margin %+.4f  accuracy %.2f  gradient %.3g", record.loss, record.margin,
          record.accuracy, record.gradientNorm))
  }

  private func say(_ line: String) {
    guard !isQuiet else { return }
    Console.clearProgress()
    Console.message(line)
  }

  /// The output as it is written.
  private func writer() throws -> TrainedModel {
    if command.writesAdapter, let adapters = training.working.adapters {
      return try TrainedModel(base, adapters: adapters)
    }
    let changed = Set(training.working.layout.parameters.map(\.name))
    return try TrainedModel(base, trained: training.working.model, changed: changed)
  }

  /// What the receipt says.
  private var provenance: TrainingReceipt.Provenance {
    func tokens(_ pairs: [ScoredPair]) -> TrainingReceipt.Pairs {
      .init(
        count: pairs.count,
        texts: pairs.flatMap { pair in
          [pair.chosen, pair.rejected].map { [Int32(clamping: $0.responseStart)] + $0.tokens }
        })
    }
    return .init(
      method: command.training.loss.rawValue, trained: whatWasTrained,
      steps: validation.isEmpty ? training.state.step : training.state.bestStep, settings: settings,
      pairs: tokens(pairs), validation: tokens(validation))
  }

  private var whatWasTrained: String {
    let blocks =
      command.training.layers.map { " of blocks \($0.blocks.lowerBound) to \($0.blocks.upperBound)" } ?? ""
    if let adapter = training.working.layout.adapter {
      let matrices = training.working.layout.parameters.count / 2
      return "Adapters of rank \(adapter.rank) were trained beside \(matrices) matrices\(blocks)"
        + (command.writesAdapter ? "" : " and added to them")
    }
    return switch command.training.train {
    case .all: "All weights\(blocks) were trained"
    case .mlp: "The MLPs' matrices\(blocks) were trained"
    case .mlpValue: "The MLP-value matrices\(blocks) were trained"
    }
  }

  /// How the run was set.
  private var settings: [(key: String, value: JSON)] {
    let (recipe, options) = (training.recipe, command.training)
    var settings: [(key: String, value: JSON)] = [
      ("method", .string(options.loss.rawValue)), ("version", .string(profsVersion)),
      ("beta", .double(recipe.loss.beta)), ("label_smoothing", .double(options.labelSmoothing)),
      ("optimizer", .string(recipe.optimizer.name)), ("learning_rate", .double(recipe.learningRate)),
      ("warmup", .int(recipe.warmup)), ("clip", recipe.clip.map { .double($0) } ?? .null),
      ("pairs_per_step", .int(recipe.pairsPerStep)), ("compute", .string(command.compute.rawValue)),
      ("train", .string(options.loraRank == nil ? options.train.rawValue : "lora")),
    ]
    if let adapter = training.working.layout.adapter {
      settings += [
        ("lora_rank", .int(adapter.rank)), ("lora_alpha", .double(adapter.alpha)),
        ("target", .string(options.target ?? "all")),
      ]
    }
    if let blocks = options.layers?.blocks {
      settings.append(("layers", [.int(blocks.lowerBound), .int(blocks.upperBound)]))
    }
    return settings + [
      ("pairs", .int(pairs.count)), ("validation_pairs", .int(validation.count)),
      ("seed", .string(String(command.seed))),
    ]
  }

  /// What the output's record and the `--json` document say of the training itself.
  private var record: [(key: String, value: JSON)] {
    [
      ("steps", .int(training.state.step)), ("best_step", .int(training.state.bestStep)),
      (
        "training",
        .array(
          training.steps.map {
            [
              "step": .int($0.step), "loss": .double($0.loss), "margin": .double($0.margin),
              "accuracy": .double($0.accuracy), "gradient_norm": .double($0.gradientNorm),
              "learning_rate": .double($0.rate),
            ]
          })
      ),
      (
        "validation",
        .array(
          training.validations.map {
            [
              "step": .int($0.step), "loss": .double($0.loss), "margin": .double($0.margin),
              "accuracy": .double($0.accuracy),
            ]
          })
      ),
    ]
  }
}
