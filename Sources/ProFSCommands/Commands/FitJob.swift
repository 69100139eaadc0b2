internal import Editing
internal import Evaluation
internal import Kernels
internal import Storage
internal import Studies
internal import SubspaceEditing
internal import Transformer

/// What `edit`, `fit` and `inspect` share: an opened model, its pairs as tokens, and the fit ready to run.
struct FitJob {
  /// The model to fit.
  let model: Model
  /// Threads, seed and the fit's precision: ``ComputePrecision/forFitting`` unless the user chose one or the recipe has its own.
  let context: ComputeContext
  /// The standard recipe of the model with what the user chose instead.
  let recipe: EditRecipe
  /// Number of pairs.
  let pairs: Int
  /// What the user should know of the pairs.
  let notes: [String]
  /// The pairs packed for the pass.
  let fitting: SubspaceFitting
  private let options: FitOptions

  /// Opens the model at `path`, reads the pairs and packs them; nothing is computed yet.
  ///
  /// - Throws: whatever is wrong with the model, the pairs or the options.
  init(_ path: String, _ options: FitOptions, _ compute: ComputeOptions) throws {
    model = try Model(path: path)
    self.options = options
    recipe = options.editRecipe(model)
    let sides = try options.tokenizedPairs(model)
    pairs = sides.chosen.count
    notes = sides.notes
    fitting = try options.fitting(
      model, compute.context(defaultPrecision: .forFitting, ranks: .world), sides)
    context = fitting.context
  }

  /// Fits the subspace, and the second step where the user wants one; with the seconds that it took.
  func subspace(_ correction: CorrectionOptions, quiet: Bool) throws -> (EditSubspace, seconds: Double) {
    guard let prompts = correction.correctOn else {
      return try ProgressBar.run("fitting the subspace", quiet: quiet) { try fitting.run(progress: $0) }
    }
    guard recipe.method == .natural else {
      throw EditingError("--correct-on", "belongs to --recipe natural, and this is \(recipe.method.rawValue)")
    }
    let start = ContinuousClock.now
    let tokenizer = try model.tokenizer()
    let job = try CorrectionJob(
      prompts, model, tokenizer, try ScorerSpecification(parsing: correction.scorer).open(context), context,
      quiet: quiet)
    let (step, _) = try ProgressBar.run("fitting the subspace", quiet: quiet) {
      try fitting.run(progress: $0)
    }
    let corrected = try job.correction(
      of: step, recipe, pairs: job.pairs(after: step),
      neutral: options.neutralTokens(for: recipe.method, tokenizer), context
    ).subspace(weight: correction.weight)
    return (corrected, (ContinuousClock.now - start).seconds)
  }

  /// Says what is going to happen, and what the user should know of the pairs.
  func announce() {
    for note in notes { Console.message("note: " + note) }
    Console.message(summary)
  }

  /// Says which ranks were chosen, where that was not the user's choice.
  func announce(_ subspace: EditSubspace) {
    guard recipe.rank == .automatic else { return }
    let ranks = subspace.blocks.map { "\($0.subspace.rank)" }.joined(separator: ", ")
    Console.message("directions that stand out from noise, block by block: \(ranks)")
  }

  /// One line on what is going to happen.
  private var summary: String {
    let c = model.configuration
    return
      "\(model.family.name), \(c.blocks) blocks of width \(c.hidden); \(pairs) pairs, \(fitting.tokenCount) tokens; "
      + "rank \(recipe.rank) in blocks \(recipe.blocks.lowerBound)-\(recipe.blocks.upperBound), "
      + (recipe.method == .protected
        ? "\(recipe.protectedDirections) directions of neutral text protected, " : "")
      + "\(context.precision.rawValue) on \(context.threads) threads"
      + (fitting.gramDescription.map { "; decomposed: \($0)" } ?? "")
      + (fitting.weightPasses > 1 ? "; \(fitting.weightPasses) portions of texts" : "")
  }
}

extension SubspaceFitting {
  /// What is decomposed in each block, for the documents of commands.
  var gram: JSON {
    gramDescription == nil
      ? .null : ["of": .string(gramSide == .rows ? "pairs" : "dimensions"), "size": .int(gramSize)]
  }
}

extension ComputePrecision {
  /// The precision of a fit where the user chose none: see Documentation/Precision.md for the measurements.
  static var forFitting: ComputePrecision { bf16IsNative ? .bf16 : .f32 }
}
