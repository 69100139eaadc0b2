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
  private let pairs: Int
  private let validationPairs: Int
  private let isQuiet: Bool

  /// Opens the model and reads the pairs; nothing is computed yet.
  init(_ command: DPOCommand) throws {
    self.command = command
    isQuiet = command.output.quiet || command.output.json
    try NewOutput.claim(command.out)
    if let state = command.state { try NewOutput.hold(state) }
    let model = try Model(path: command.model)
    base = model
    // Whether the output can be written is known before anything is computed.
    _ = try TrainedModel(base, trained: base, changed: [])
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
    self.pairs = pairs.count
    validationPairs = validation.count
    training = try PreferenceTraining(
      base, ComputeOptions.f32(threads: command.threads, seed: command.seed), command.training.recipe,
      training: command.training.train.selection(blocks: command.training.layers?.blocks), pairs: pairs,
      validation: validation)
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
    var steps: [StepRecord] = []
    var validations: [ValidationRecord] = []
    let (_, seconds) = try ProgressBar.run("training", quiet: isQuiet) { progress in
      if training.state.step == 0, validationPairs > 0 { validations.append(try validate()) }
      while !training.isFinished {
        let record = try training.step()
        steps.append(record)
        progress(record.step, training.totalSteps)
        if record.step % command.reportEvery == 0 || record.step == training.totalSteps { report(record) }
        if training.validationIsDue { validations.append(try validate()) }
        if let state = command.state, record.step % command.saveEvery == 0 { try training.save(to: state) }
      }
    }
    if training.state.step < training.totalSteps {
      say("the validation loss was lowest after step \(training.state.bestStep): stopped")
    }
    training.restoreBest()
    let changed = Set(training.working.layout.parameters.map(\.name))
    let writer = try TrainedModel(base, trained: training.working.model, changed: changed)
    let record = record(steps, validations)
    _ = try ProgressBar.run("writing", quiet: isQuiet) {
      try writer.write(to: command.out, record: .object(record), progress: $0)
    }
    let peak = meter.stop()
    if command.output.json {
      Console.json(
        .object(
          [("out", .string(command.out))] + record + [
            ("seconds", .double(seconds)), ("peak_memory_bytes", .int(peak)),
          ]))
    } else {
      Console.result("written to \(command.out)")
    }
  }

  private func announce() {
    let trained = training.working.layout.parameters.reduce(0) { $0 + $1.elements.count }
    say(
      "\(base.family.name); \(pairs) pairs, \(validationPairs) for validation; "
        + "\(trained) weights trained in \(training.totalSteps) steps of \(training.recipe.pairsPerStep) pairs"
    )
  }

  private func validate() throws -> ValidationRecord {
    let record = try training.validate()
    say(
      "step \(record.step)".leftPadded(10)
        + String(
          format: "  validation loss %.4f  margin %+.4f  accuracy %.2f", record.loss, record.margin,
          record.accuracy))
    return record
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

  /// What the output's record and the `--json` document say.
  private func record(
    _ steps: [StepRecord], _ validations: [ValidationRecord]
  ) -> [(key: String, value: JSON)] {
    let recipe = training.recipe
    return [
      ("method", .string(command.training.loss.rawValue)), ("version", .string(profsVersion)),
      ("beta", .double(recipe.loss.beta)), ("label_smoothing", .double(command.training.labelSmoothing)),
      ("optimizer", .string(recipe.optimizer.name)), ("learning_rate", .double(recipe.learningRate)),
      ("warmup", .int(recipe.warmup)), ("clip", recipe.clip.map { .double($0) } ?? .null),
      ("pairs_per_step", .int(recipe.pairsPerStep)), ("train", .string(command.training.train.rawValue)),
      ("pairs", .int(pairs)), ("validation_pairs", .int(validationPairs)),
      ("seed", .string(String(command.seed))), ("steps", .int(training.state.step)),
      ("best_step", .int(training.state.bestStep)),
      (
        "training",
        .array(
          steps.map {
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
          validations.map {
            [
              "step": .int($0.step), "loss": .double($0.loss), "margin": .double($0.margin),
              "accuracy": .double($0.accuracy),
            ]
          })
      ),
    ]
  }
}
