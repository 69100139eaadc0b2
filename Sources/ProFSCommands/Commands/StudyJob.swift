internal import Editing
internal import Evaluation
internal import Kernels
internal import PreferenceData
internal import Storage
internal import Studies
internal import Tokenization
internal import Training
internal import Transformer

/// One run of `profs study`: its specification and inputs, opened, and the log of its records.
struct StudyJob {
  /// Where records go.
  let log: RecordLog
  /// Whether nothing is said on the way.
  let quiet: Bool
  private let specification: StudySpecification
  private let work: (RecordLog) throws -> [SweepResult]

  /// Opens everything the options name, so that what is wrong with any of it is said before the work begins.
  init(_ command: StudyCommand) throws {
    let isQuiet = command.output.quiet || command.output.json
    quiet = isQuiet
    let specification = try StudySpecification(
      Self.field(command.spec), overrides: try Self.overrides(command.set), subsets: command.subsets)
    self.specification = specification
    let seed = command.compute.seed
    switch specification.content {
    case .factorModel(let sweeps):
      log = try RecordLog(
        path: command.out, EditStudy.format,
        settings: ["about": "factor-model", "seed": .number(String(seed))], ranks: .world)
      work = { log in
        try ProgressBar.run("drawing", quiet: isQuiet) {
          try FactorStudy(seed: seed, log: log).run(sweeps, repeats: specification.subsets, progress: $0)
        }.0
      }
    case .model(let sweeps):
      let (inputs, settings) = try Self.inputs(command, sweeps, specification.categories)
      log = try RecordLog(path: command.out, EditStudy.format, settings: settings, ranks: .world)
      let plan = inputs.plan(sweeps, subsets: specification.subsets)
      if !isQuiet { for note in plan.notes { Console.message("note: " + note) } }
      guard !plan.isEmpty else {
        throw StudyError(
          command.spec,
          "no point is possible with this model and these pairs; " + plan.notes.joined(separator: "; "))
      }
      work = { log in
        let study = EditStudy(inputs, log: log) { body in
          let meter = MemoryMeter()
          let result = Result { try body() }
          let peak = meter.stop()
          try result.get()
          return peak
        }
        try study.memoryPlan(plan)?.requireRoom(
          for: command.spec,
          advice:
            "fewer pairs (--pair-limit), fewer prompts (--limit), shorter windows (--window) or fewer threads (--threads)"
        )
        return try ProgressBar.run("measuring \(plan.pointCount) points", quiet: isQuiet) {
          try study.run(plan, progress: $0)
        }.0
      }
    }
  }

  /// Does what is not in the log yet, sums up, and completes the log.
  func run() throws -> StudyFigures {
    let figures = StudyFigures(specification, try work(log))
    try log.finish(summary: figures.json)
    return figures
  }

  /// The specification of that name, or in that file.
  static func field(_ name: String) throws -> SpecificationField {
    if let field = try ShippedStudies.field(name) { return field }
    guard name.hasSuffix(".json") else {
      throw StudyError(
        name,
        "is no study; expected a .json file or one of " + (try ShippedStudies.names).joined(separator: ", "))
    }
    let root = try JSONDocument(parsing: try FileSystem.readFile(name, limit: 1 << 24), source: name).root
    return SpecificationField(JSON(root), source: name)
  }

  /// `name=value` options as an object: values are JSON, or else text.
  private static func overrides(_ options: [String]) throws -> SpecificationField? {
    guard !options.isEmpty else { return nil }
    var members = JSON.Members()
    for option in options {
      let parts = option.split(separator: "=", maxSplits: 1)
      let text = parts.count > 1 ? String(parts[1]) : ""
      members[String(parts[0])] =
        (try? JSONDocument(parsing: text, source: "--set")).map { JSON($0.root) } ?? .string(text)
    }
    return SpecificationField(.object(members), source: "--set")
  }

  /// What the sweeps are tried on, and the settings of the records.
  private static func inputs(
    _ command: StudyCommand, _ sweeps: [StudySweep<EditSettings>], _ categories: [PromptCategory]
  ) throws -> (StudyInputs, JSON) {
    let measures = Set(sweeps.flatMap(\.measures))
    func required(_ option: String, _ value: String?) throws -> String {
      guard let value else { throw StudyError(command.spec, "is about a model and needs \(option)") }
      return value
    }
    let model = try Model(path: try required("--model", command.model))
    let tokenizer = try model.tokenizer()
    let context = command.compute.context(defaultPrecision: .f32, ranks: .world)
    let pairs = try pairs(command, model, path: try required("--pairs", command.pairs))
    let needsText = !measures.isDisjoint(with: ["perplexity", "kl_from_base"])
    let needsPrompts = !measures.isSubset(
      of: ["perplexity", "kl_from_base", "seconds", "peak_memory", "tokens", "token_toxicity"])
    let windows =
      needsText
      ? try command.windows.windows(
        try required("--text", command.text), model, tokenizer, limit: command.textLimit) : nil
    let prompts: (texts: [String], categories: [(name: String, prompts: Range<Int>)]) =
      needsPrompts
      ? try Self.prompts(command, categories, path: try required("--prompts", command.continuations.prompts))
      : ([], [])
    let scorers =
      try needsPrompts || measures.contains("token_toxicity")
      ? command.continuations.openScorers(context) : []
    let measured = StudyInputs.Measured(
      windows: windows, weighting: command.windows.weighting,
      prompts: prompts.texts, categories: prompts.categories, samples: command.continuations.samples,
      decoding: command.continuations.decoding(model, tokenizer),
      scorers: scorers)
    let named = measured.categories.flatMap { [$0.name, "\($0.prompts.count)"] }
    let settings: [(key: String, value: JSON)] =
      [
        ("about", "model"), ("model", .string(try Fingerprint.model(model))),
        ("pairs", .string(Fingerprint.tokens(pairs.chosen + pairs.rejected))),
        ("text", windows.map { .string(Fingerprint.windows($0)) } ?? .null),
        ("weighting", .string(measured.weighting == .tokens ? "tokens" : "windows")),
        ("prompts", .string(Fingerprint.texts(named + measured.prompts))),
      ] + command.continuations.settings(scorers) + [
        ("compute", .string(context.precision.rawValue)), ("seed", .number(String(context.seed))),
      ]
    let neutral = try NeutralText.builtin.passages.map { try tokenizer.encode($0, limit: 128) }
    return (
      StudyInputs(model, tokenizer, context, pairs: pairs, neutral: neutral, measured: measured),
      .object(settings)
    )
  }

  /// The prompts, as many of a file as the command takes: of one, or, where the study names categories, of one for each
  /// in a folder.
  private static func prompts(
    _ command: StudyCommand, _ categories: [PromptCategory], path: String
  ) throws -> (texts: [String], categories: [(name: String, prompts: Range<Int>)]) {
    func texts(_ path: String) throws -> [String] { try TextList(path: path, limit: command.limit).texts }
    guard !categories.isEmpty else { return (try texts(path), []) }
    guard FileSystem.kind(of: path) == .folder else {
      throw StudyError(
        path,
        "the study has prompts by category, expected a folder with "
          + categories.map(\.file).joined(separator: ", "))
    }
    var (all, ranges): ([String], [(name: String, prompts: Range<Int>)]) = ([], [])
    for category in categories {
      let own = try texts(FileSystem.join(path, category.file))
      ranges.append((category.name, all.count..<all.count + own.count))
      all += own
    }
    return (all, ranges)
  }

  /// The pairs, cut as the paper cuts them: 128 tokens of a whole text for an edit, 64 of prompt and response for DPO.
  private static func pairs(_ command: StudyCommand, _ model: Model, path: String) throws -> StudyInputs.Pairs
  {
    let source = PairOptions(
      pairs: path, columns: command.columns, chat: command.chat, limit: command.pairLimit,
      style: command.style)
    let tokens = try source.tokenizedPairs(model, maxTokens: 128)
    if !(command.output.quiet || command.output.json) {
      for note in tokens.notes { Console.message("note: " + note) }
    }
    return StudyInputs.Pairs(
      chosen: tokens.chosen, rejected: tokens.rejected,
      scored: try ResponseOptions(source: source, maxPromptTokens: 64, maxResponseTokens: 64).scoredPairs(
        model))
  }
}
