internal import ArgumentParser
internal import Editing
internal import Evaluation
internal import Kernels
internal import PreferenceData
internal import Storage
internal import Studies
internal import SubspaceEditing
internal import Tokenization
internal import Transformer

/// One run of `profs tune`: fits every subspace in one pass a method, then tries the candidates.
struct TuneJob {
  private let command: TuneCommand
  private let prompts: [String]
  private let quiet: Bool

  /// Tokens of the windows of the text, which do not overlap: short ones, so that a short text has enough of them for a verdict.
  static func windowLength(_ model: Model) -> Int { min(256, model.configuration.maximumPositions) }

  /// - Parameters:
  ///   - prompts: the validation prompts; `nil` for those of the command's file.
  ///   - quiet: whether nothing is said on the way.
  init(_ command: TuneCommand, prompts: [String]? = nil, quiet: Bool) throws {
    (self.command, self.quiet) = (command, quiet)
    self.prompts = try prompts ?? TextList(path: command.prompts).texts
  }

  /// What the search found, the best edit within the budget, its subspace where that is a fit of its own and no part of a
  /// larger one, and the document of it.
  ///
  /// - Throws: where no edit stays within the budget, too, the measurements being kept.
  func run() throws -> (
    tuning: Tuning.Result, chosen: CandidateOutcome, subspace: EditSubspace?, summary: JSON
  ) {
    let model = try Model(path: command.model)
    let tokenizer = try model.tokenizer()
    let context = command.compute.context(defaultPrecision: command.precision, ranks: .world)
    let scorer = try ScorerSpecification(parsing: command.scorer).open(context)
    let windows = try WindowOptions.windows(
      command.text, tokenizer, length: Self.windowLength(model), limit: command.textLimit)
    let pairs = try tokenizedPairs(model)
    let configuration = model.configuration
    let candidates = EditCandidate.standard(
      blocks: configuration.blocks, hidden: configuration.hidden,
      largestRank: min(pairs.chosen.count, configuration.hidden), corrected: command.correctOn != nil
    ).filter { command.search.recipes.isEmpty || command.search.recipes.contains($0.recipe.method) }
    let settings = command.search.settings(newTokens: command.maxNewTokens)
    let correction = try command.correctOn.map {
      try CorrectionJob($0, model, tokenizer, scorer, context, quiet: quiet)
    }
    var logged: [(key: String, value: JSON)] = [
      ("model", .string(try Fingerprint.model(model))),
      ("pairs", .string(Fingerprint.tokens(pairs.chosen + pairs.rejected))),
      ("prompts", .string(Fingerprint.texts(prompts))), ("text", .string(Fingerprint.windows(windows))),
      ("candidates", .array(candidates.map { .string($0.options) })), ("scorer", scorer.identity.json),
      ("search", settings.json), ("compute", .string(context.precision.rawValue)),
    ]
    if let correction { logged.append(("correct_on", .string(Fingerprint.tokens(correction.prompts)))) }
    let log = try RecordLog(
      path: command.out, Tuning.format, settings: .object(logged), ranks: context.ranks)
    if log.count > 0, !quiet {
      Console.message("going on with \(command.out ?? ""), \(log.count) parts done")
    }

    let fitted = try subspaces(candidates, model, tokenizer, pairs, context, correction, log)
    let tuning = Tuning(StudySubject(model, tokenizer, scorer, context), settings, log: log)
    let (result, _) = try ProgressBar.run("trying \(fitted.count) edits", quiet: quiet) {
      try tuning.run(fitted, prompts: prompts, windows, progress: $0)
    }
    let summary: JSON = [
      "base_toxicity": .double(result.baseToxicity), "chosen": result.chosen?.json ?? .null,
      "front": .array(result.outcomes.front.map(\.json)),
      "candidates": .array(result.outcomes.map(\.json)),
    ]
    try log.finish(summary: summary)
    guard let chosen = result.chosen else {
      throw EvaluationError(
        "--max-perplexity-increase \(command.search.maxPerplexityIncrease.defaultValueDescription)",
        "none of \(fitted.count) edits stays within it and --max-continuation-increase "
          + "\(command.search.maxContinuationIncrease.defaultValueDescription); allow more, or give better pairs"
      )
    }
    // Whatever the strength: the search tries more of them than there are candidates.
    let subspace =
      chosen.candidate.recipe.method.isProjection
      ? nil : fitted.first { $0.candidate.isAlike(chosen.candidate) }?.subspace
    return (result, chosen, subspace, summary)
  }

  private func tokenizedPairs(_ model: Model) throws -> PairOptions.TokenizedPairs {
    let pairs = try command.source.tokenizedPairs(model, maxTokens: command.maxTokens, style: .level)
    guard pairs.chosen.count >= 2 else {
      throw PreferenceDataError(file: command.source.pairs, reason: "tuning needs at least 2 pairs")
    }
    if !quiet { for note in pairs.notes { Console.message("note: " + note) } }
    return pairs
  }

  /// The subspace of each candidate: those of one protection and ranking are parts of one, fitted at the largest rank.
  ///
  /// Candidates with a second step are left out where it has too few pairs.
  private func subspaces(
    _ candidates: [EditCandidate], _ model: Model, _ tokenizer: Tokenizer,
    _ pairs: PairOptions.TokenizedPairs,
    _ context: ComputeContext, _ correction: CorrectionJob?, _ log: RecordLog
  ) throws -> [(candidate: EditCandidate, subspace: EditSubspace)] {
    var whole: [EditRecipe] = []
    let needed = candidates.map { candidate in
      var recipe = candidate.recipe
      recipe.maximumTokens = command.maxTokens
      // A step's size depends on its rank and blocks, so none is part of another.
      guard recipe.method.isProjection else {
        if !whole.contains(recipe) { whole.append(recipe) }
        return recipe
      }
      let alike = candidates.map(\.recipe).filter {
        $0.method == recipe.method && $0.protectedDirections == recipe.protectedDirections
          && $0.ranking == recipe.ranking
      }
      recipe.rank = .fixed(alike.map(\.rank.largest).max() ?? 1)
      recipe.blocks = .enclosing(alike.map(\.blocks))
      if !whole.contains(recipe) { whole.append(recipe) }
      return recipe
    }
    var fitted: [EditRecipe: EditSubspace] = [:]
    for method in EditRecipe.Method.allCases {
      let recipes = whole.filter { $0.method == method }
      guard var largest = recipes.max(by: { $0.protectedDirections < $1.protectedDirections }) else {
        continue
      }
      largest.blocks = .enclosing(recipes.map(\.blocks))
      let neutral = try NeutralText.builtin.tokens(for: method, tokenizer, limit: command.maxTokens)
      let fitting = try SubspaceFitting(
        model, context, largest, chosen: pairs.chosen, rejected: pairs.rejected, neutral: neutral)
      try fitting.memoryPlan().requireRoom(for: command.model)
      let (subspaces, _) = try ProgressBar.run("fitting \(method.rawValue)", quiet: quiet) {
        try fitting.run(recipes, progress: $0)
      }
      for (recipe, subspace) in zip(recipes, subspaces) { fitted[recipe] = subspace }
    }
    var corrections: [EditRecipe: StepCorrection] = [:]
    for (candidate, recipe) in zip(candidates, needed) where candidate.correction > 0 {
      guard corrections[recipe] == nil, let correction, let step = fitted[recipe] else { continue }
      let found = try correction.pairs(after: step, log: log)
      if let lack = correction.lack(of: found) {
        if !quiet {
          Console.message("note: --correct-on \(correction.path): \(lack); going on without a second step")
        }
        break
      }
      corrections[recipe] = try correction.correction(
        of: step, recipe, pairs: found,
        neutral: NeutralText.builtin.tokens(for: recipe.method, tokenizer, limit: command.maxTokens), context)
    }
    return try zip(candidates, needed).compactMap { candidate, recipe in
      guard let step = fitted[recipe] else {
        throw EvaluationError(command.model, "no subspace was fitted")
      }
      guard candidate.correction == 0 else {
        return try corrections[recipe].map { (candidate, try $0.subspace(weight: candidate.correction)) }
      }
      return (
        candidate,
        try step.restricted(to: candidate.recipe.blocks, rank: candidate.recipe.rank.largest)
      )
    }
  }
}
