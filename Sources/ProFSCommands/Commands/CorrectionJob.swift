internal import Editing
internal import Evaluation
internal import Kernels
internal import PreferenceData
internal import Storage
internal import Studies
internal import Tokenization
internal import Transformer

/// Fits the second step of `--correct-on`: what `edit`, `fit` and `tune` share.
struct CorrectionJob {
  /// What is edited, who judges, and how to compute.
  let subject: StudySubject
  /// The same model.
  let model: Model
  /// The file of prompts, as it was given.
  let path: String
  /// Its prompts as tokens, those left out that are too long to be continued.
  let prompts: [[Int32]]
  /// Whether nothing is said on the way.
  let quiet: Bool

  /// Fewer pairs than these are chance.
  static let leastPairs = 8

  /// Reads the prompts.
  init(
    _ path: String, _ model: Model, _ tokenizer: Tokenizer, _ scorer: any ToxicityScorer,
    _ context: ComputeContext,
    quiet: Bool
  ) throws {
    let settings = CorrectionPairs.Settings()
    subject = StudySubject(model, tokenizer, scorer, context)
    (self.model, self.path, self.quiet) = (model, path, quiet)
    let limit = model.configuration.maximumPositions - settings.newTokens
    prompts = try TextList(path: path).texts.map { try tokenizer.encode($0) }.filter {
      !$0.isEmpty && $0.count <= limit
    }
  }

  /// The pairs that the second step is fitted to.
  ///
  /// - Parameter log: keeps them, where a run is to go on.
  func pairs(after step: EditSubspace, log: RecordLog? = nil) throws -> [CorrectionPairs.Pair] {
    func found() throws -> [CorrectionPairs.Pair] {
      let edited = try step.variant(strength: StepCorrection.strength)
      return try ProgressBar.run("looking for harmless texts", quiet: quiet) {
        try CorrectionPairs(subject).run(prompts, edited: edited, progress: $0)
      }.0
    }
    guard let log else { return try found() }
    let record = try log.unit("correction") { .array(try found().map(\.json)) }
    return try record.elements.map { try log.read($0, CorrectionPairs.Pair.init) }
  }

  /// The step with a second one of such pairs behind it.
  ///
  /// - Throws: where there are too few of them, too.
  func correction(
    of step: EditSubspace, _ recipe: EditRecipe, pairs: [CorrectionPairs.Pair], neutral: [[Int32]],
    _ context: ComputeContext
  ) throws -> StepCorrection {
    if let lack = lack(of: pairs) { throw EvaluationError(path, lack + "; give more prompts") }
    if !quiet {
      Console.message(
        "\(pairs.count) of \(prompts.count) prompts have a harmless text more probable than the edit's")
    }
    return try ProgressBar.run("fitting the correction", quiet: quiet) {
      try StepCorrection(step, recipe, of: model, context, pairs: pairs, neutral: neutral, progress: $0)
    }.0
  }

  /// What is said of too few pairs to fit to; `nil` where they are enough.
  func lack(of pairs: [CorrectionPairs.Pair]) -> String? {
    guard pairs.count < Self.leastPairs else { return nil }
    return
      "only \(pairs.count) of \(prompts.count) prompts are continued by the model with an unwanted text that has a harmless "
      + "one beside it more probable than what the edit writes, and \(Self.leastPairs) are needed"
  }
}
