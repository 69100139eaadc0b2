import Checkpoints
import Foundation
import Kernels
import Storage
import Testing
import Training
import Transformer

/// Ten steps of training as torch takes them, made by `Scripts/fixtures/dpo_goldens.py`.
struct TrainingGoldens: CustomTestStringConvertible, Sendable {
  struct Step: Sendable {
    var loss: Double
    var margin: Double
    var accuracy: Double
    var norm: Double
  }

  var checkpoint: String
  var recipe: TrainingRecipe
  var only: WeightRole?
  /// What is trained where it is adapters, and the seed of their first factors.
  var adapters: (selection: ParameterLayout.Selection, seed: UInt64)?
  var pairs: [ScoredPair]
  var steps: [Step]
  /// ln p of both sides of each pair after the last step.
  var final: [[Double]]
  var testDescription: String { checkpoint + (adapters == nil ? "" : ", adapters") }

  /// A run of all weights and one of adapters.
  static var some: [TrainingGoldens] { all.filter { $0.checkpoint == "llama-tied" } }

  static let all = read("dpo.json")

  /// The runs of a file.
  ///
  /// - Parameter way: which of the ways in which each was computed; `nil` where there is one.
  static func read(_ name: String, way: String? = nil) -> [TrainingGoldens] {
    let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/" + name).path
    guard let bytes = try? FileSystem.readFile(path, limit: 1 << 20),
      let document = try? JSONDocument(parsing: bytes, source: path)
    else { return [] }
    return document.root.elements.compactMap { try? TrainingGoldens($0, way) }
  }

  private init(_ value: JSONValue, _ way: String?) throws {
    func number(_ key: String, _ value: JSONValue) throws -> Double { try #require(value[key]?.double) }
    checkpoint = try #require(value["checkpoint"]?.string)
    recipe = TrainingRecipe()
    let smoothing = try number("smoothing", value)
    recipe.loss = PreferenceLoss(
      form: value["form"]?.string == "squared" ? .squared : .logistic(smoothing: smoothing),
      beta: try number("beta", value))
    recipe.optimizer =
      value["optimizer"]?.string == "adamw"
      ? .adamW(betas: [0.9, 0.999], epsilon: 1e-8, decay: try number("decay", value)) : .standardRMSProp
    recipe.learningRate = try number("rate", value)
    recipe.warmup = try #require(value["warmup"]?.int)
    recipe.clip = value["clip"]?.double
    recipe.batch = try #require(value["batch"]?.int)
    recipe.epochs = 100
    recipe.shuffles = false
    only = value["only"]?.string == nil ? nil : .mlpValue
    if let lora = value["lora"] {
      let roles = (lora["roles"]?.elements ?? []).compactMap { $0.string.flatMap(WeightRole.init) }
      let adapter = ParameterLayout.Adapter(
        rank: try #require(lora["rank"]?.int), alpha: try number("alpha", lora))
      adapters = (
        .init(roles: Set(roles), biases: false, adapter: adapter),
        UInt64(try #require(lora["seed"]?.int))
      )
    }
    pairs = try (value["pairs"]?.elements ?? []).map { pair in
      let start = try #require(pair["prompt"]?.int)
      func side(_ name: String) -> ScoredSequence {
        ScoredSequence(
          tokens: pair[name]?.elements.compactMap { $0.int.map(Int32.init) } ?? [], responseStart: start)
      }
      return ScoredPair(chosen: side("chosen"), rejected: side("rejected"))
    }
    let results = way.flatMap { value[$0] } ?? value
    steps = try (results["steps"]?.elements ?? []).map {
      Step(
        loss: try number("loss", $0), margin: try number("margin", $0), accuracy: try number("accuracy", $0),
        norm: try number("norm", $0))
    }
    final = (results["final"]?.elements ?? []).map { $0.elements.compactMap(\.double) }
  }

  /// A run with these settings.
  func training(
    context: ComputeContext = ComputeContext(threads: 2, precision: .f32), recipe: TrainingRecipe? = nil,
    validation: [ScoredPair] = []
  ) throws -> PreferenceTraining {
    let seeded = ComputeContext(
      threads: context.threads, precision: context.precision, seed: adapters?.seed ?? context.seed)
    return try PreferenceTraining(
      try Model(path: GradientGoldens.checkpoint(checkpoint)), seeded, recipe ?? self.recipe,
      training: adapters?.selection ?? only.map { .init(roles: [$0]) } ?? .all, pairs: pairs,
      validation: validation)
  }
}

/// Training on preference pairs.
@Suite("Preference training")
struct PreferenceTrainingTests {
  @Test("ten steps are torch's, and with adapters PEFT's", arguments: TrainingGoldens.all)
  func trajectory(_ goldens: TrainingGoldens) throws {
    let training = try goldens.training()
    try training.computeReference()
    #expect(goldens.steps.count == 10)
    for (index, expected) in goldens.steps.enumerated() {
      let found = try training.step()
      #expect(abs(found.loss - expected.loss) < 1e-4 * max(1, expected.loss), "loss of step \(index + 1)")
      #expect(abs(found.margin - expected.margin) < 2e-3, "margin of step \(index + 1)")
      // Before the first step the margins are zero but for rounding.
      if index > 0 { #expect(found.accuracy == expected.accuracy, "accuracy of step \(index + 1)") }
      #expect(abs(found.gradientNorm - expected.norm) < 2e-3 * expected.norm, "norm of step \(index + 1)")
    }
    let sequences = goldens.pairs.flatMap { [$0.chosen, $0.rejected] }
    let pass = try ResponsePass(
      training.working.model, ComputeContext(threads: 1, precision: .f32), sequences, training.working.layout)
    for (found, expected) in zip(pass.logProbabilities, goldens.final.joined()) {
      #expect(abs(found - expected) < 1e-3 * max(1, abs(expected)))
    }
  }

  @Test("batches that are accumulated make the step of one large batch")
  func accumulation() throws {
    let goldens = try #require(TrainingGoldens.all.first)
    var recipe = goldens.recipe
    recipe.batch = 2
    recipe.accumulation = 2
    let (whole, parts) = (try goldens.training(), try goldens.training(recipe: recipe))
    try whole.computeReference()
    try parts.computeReference()
    for _ in 0..<3 {
      let (one, other) = (try whole.step(), try parts.step())
      #expect(abs(one.loss - other.loss) < 1e-5 && abs(one.gradientNorm - other.gradientNorm) < 1e-4)
    }
  }

  @Test("there are runs of adapters, of both layouts of matrices")
  func adapterGoldens() {
    #expect(TrainingGoldens.all.filter { $0.adapters != nil }.map(\.checkpoint) == ["llama-tied", "gpt2"])
  }

  @Test("adapters need memory for gradients and moments of their own numbers alone, and begin as the base")
  func adapterMemory() throws {
    let goldens = try #require(TrainingGoldens.all.last { $0.adapters != nil })
    let training = try goldens.training()
    let layout = training.working.layout
    let base = try Model(path: GradientGoldens.checkpoint(goldens.checkpoint))
    let rank = try #require(layout.adapter?.rank)
    // Four matrices of two blocks; the few floats between factors are for alignment.
    let (hidden, inner) = (base.configuration.hidden, base.configuration.intermediate)
    let numbers = 2 * rank * ((hidden + 3 * hidden) + 2 * hidden + 2 * (hidden + inner))
    #expect(layout.parameters.reduce(0) { $0 + $1.elements.count } == numbers)
    #expect(layout.parameters.count == 16 && layout.count < numbers + 16 * 16)
    for entry in base.tensors.entries where entry.type == .f32 {
      let held = try #require(training.working.model.tensors[entry.name])
      #expect(try base.tensors.floats(entry) == training.working.model.tensors.floats(held), "\(entry.name)")
    }
  }

  @Test("a rank that no matrix has is refused")
  func adapterRank() throws {
    var goldens = try #require(TrainingGoldens.all.last { $0.adapters != nil })
    goldens.adapters?.selection.adapter?.rank = 37
    #expect {
      _ = try goldens.training()
    } throws: {
      "\($0)".contains("--lora-rank 37") && "\($0)".contains("36")
    }
  }

  @Test(
    "a run that is interrupted and resumed takes the very steps of one that is not",
    arguments: TrainingGoldens.some)
  func resumption(_ goldens: TrainingGoldens) throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/state.safetensors"
    var recipe = goldens.recipe
    recipe.shuffles = true
    let whole = try goldens.training(recipe: recipe, validation: goldens.pairs)
    try whole.computeReference()
    var records: [StepRecord] = []
    for step in 1...6 {
      records.append(try whole.step())
      if step == 3 {
        _ = try whole.validate()
        try whole.save(to: path)
      }
    }
    let resumed = try goldens.training(recipe: recipe, validation: goldens.pairs)
    try resumed.resume(from: path)
    #expect(resumed.state.step == 3 && resumed.state.bestLoss < .infinity)
    for step in 4...6 { #expect(try resumed.step() == records[step - 1]) }
    #expect(
      whole.working.withParameters { Array($0) } == resumed.working.withParameters { Array($0) },
      "equal bit for bit")
    for entry in whole.working.model.tensors.entries where entry.type == .f32 {
      let other = try #require(resumed.working.model.tensors[entry.name])
      #expect(
        try whole.working.model.tensors.floats(entry) == resumed.working.model.tensors.floats(other),
        "\(entry.name)")
    }

    recipe.learningRate *= 2
    let other = try goldens.training(recipe: recipe, validation: goldens.pairs)
    #expect(throws: TrainingError.self) { try other.resume(from: path) }
  }

  @Test(
    "the best weights are gone back to after a resumption too, be they the base's or those of some step",
    arguments: TrainingGoldens.some, [0, 2])
  func bestWeights(_ goldens: TrainingGoldens, bestStep: Int) throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/state.safetensors"
    // Against what is learnt every step is worse than the one before; with it, better.
    let opposite = goldens.pairs.map { ScoredPair(chosen: $0.rejected, rejected: $0.chosen) }
    func training() throws -> PreferenceTraining {
      try goldens.training(validation: bestStep == 0 ? opposite : goldens.pairs)
    }
    let first = try training()
    try first.computeReference()
    _ = try first.validate()
    var expected = first.working.withParameters { Array($0) }
    for step in 1...4 {
      _ = try first.step()
      if step == bestStep {
        _ = try first.validate()
        expected = first.working.withParameters { Array($0) }
      }
      if step == 2 || step == 4 { try first.save(to: path + "\(step)") }
    }
    #expect(first.state.bestStep == bestStep)
    for step in [2, 4] {
      let resumed = try training()
      try resumed.resume(from: path + "\(step)")
      while resumed.state.step < 4 { _ = try resumed.step() }
      try resumed.restoreBest()
      #expect(resumed.working.withParameters { Array($0) } == expected, "from step \(step)")
    }
    try first.restoreBest()
    #expect(first.working.withParameters { Array($0) } == expected)
  }

  @Test("training stops when the validation loss no longer falls, and goes back to the best weights")
  func earlyStopping() throws {
    let goldens = try #require(TrainingGoldens.all.first)
    var recipe = goldens.recipe
    recipe.validationInterval = 1
    recipe.patience = 2
    // What is learnt from pairs is the worse for the same pairs the other way round.
    let opposite = goldens.pairs.map { ScoredPair(chosen: $0.rejected, rejected: $0.chosen) }
    let training = try goldens.training(recipe: recipe, validation: opposite)
    try training.computeReference()
    var losses = [try training.validate().loss]
    let first = training.working.withParameters { Array($0) }
    while !training.isFinished {
      _ = try training.step()
      #expect(training.validationIsDue)
      losses.append(try training.validate().loss)
    }
    #expect(losses.count == 3 && losses[1] > losses[0] && losses[2] > losses[0])
    try training.restoreBest()
    #expect(training.working.withParameters { Array($0) } == first)
  }

  @Test("a loss's slope is its derivative", arguments: [-30.0, -1.5, 0, 0.2, 4, 60])
  func slopes(margin: Double) {
    for form in [PreferenceLoss.Form.logistic(smoothing: 0), .logistic(smoothing: 0.2), .squared] {
      let loss = PreferenceLoss(form: form, beta: 0.3)
      let difference =
        (loss(margin: margin + 1e-5).loss - loss(margin: margin - 1e-5).loss) / 2e-5
      #expect(abs(difference - loss(margin: margin).slope) < 1e-6 * max(1, abs(difference)))
    }
    #expect(PreferenceLoss(beta: 0.3)(margin: 0).slope == -0.15, "σ(0) = ½")
  }
}

/// A folder that is removed with the value.
final class TemporaryFolder {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "profs-training-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
