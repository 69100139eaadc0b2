internal import Editing
internal import Evaluation
internal import Kernels
internal import PreferenceData
internal import Storage
internal import Tokenization
internal import Transformer

/// One run of `profs eval`: its inputs, opened, and the log of its records.
struct EvalJob {
  private let options: EvalCommand
  private let model: Model
  private let tokenizer: Tokenizer
  private let context: ComputeContext
  private let windows: TextWindows?
  private let prompts: [String]
  private let scorers: [any ToxicityScorer]
  private let tasks: [TaskSet]
  private let evaluation: Evaluation
  /// What the models are called, the base's first.
  let names: [String]
  /// Where records go.
  let log: RecordLog
  /// Whether nothing is said on the way.
  let quiet: Bool

  /// Opens everything the options name, so that what is wrong with any of it is said before the work begins.
  ///
  /// - Parameter chosen: the prompts to continue; `nil` for those of the options' file.
  init(_ options: EvalCommand, prompts chosen: [String]? = nil) throws {
    self.options = options
    quiet = options.output.quiet || options.output.json
    context = options.compute.context(defaultPrecision: .f32, ranks: .world)
    let model = try Model(path: options.base)
    let tokenizer = try model.tokenizer()
    (self.model, self.tokenizer) = (model, tokenizer)
    let subjects =
      try [Subject(options.base, model)] + options.edited.map { try Subject.open($0, base: model) }
    names = Self.distinct(subjects.map(\.name))
    windows = try options.text.map {
      try options.windows.windows($0, model, tokenizer, limit: options.textLimit)
    }
    prompts =
      try chosen ?? options.continuations.prompts.map { try TextList(path: $0, limit: options.limit).texts }
      ?? []
    let context = context
    scorers = try prompts.isEmpty ? [] : options.continuations.openScorers(context)
    tasks = try options.tasks.map { try TaskFolder(path: $0).questions(limit: options.limit) } ?? []
    let panel = try ModelPanel(base: model, others: subjects.dropFirst().map(\.other))
    log = try RecordLog(
      path: options.out,
      settings: .object(
        [
          (
            "models",
            .array(zip(names, subjects).map { ["name": .string($0), "sha256": .string($1.digest)] })
          )
        ]
          + Self.settings(options, windows, prompts, scorers, tasks)
          + [
            ("compute", .string(context.precision.rawValue)),
            ("seed", .number(String(options.compute.seed))),
          ]), ranks: context.ranks)
    evaluation = Evaluation(panel, tokenizer: tokenizer, context, log: log)
  }

  /// Does what is not in the log yet, sums up, and completes the log.
  ///
  /// - Returns: the figures, and the record of them.
  func finish() throws -> (summary: EvaluationSummary, record: JSON) {
    let summary = try run()
    let record: JSON = ["models": .array(names.map { .string($0) }), "figures": summary.json]
    try log.finish(summary: record)
    return (summary, record)
  }

  private func run() throws -> EvaluationSummary {
    try evaluation.memoryPlan(
      windows, prompts: prompts, samples: options.continuations.samples,
      options.continuations.decoding(model, tokenizer), hasTasks: !tasks.isEmpty
    )?.requireRoom(
      for: options.base,
      advice: "fewer models at a time, shorter windows (--window) or fewer threads (--threads)")
    var summary = EvaluationSummary(Bootstrap(seed: options.compute.seed))
    if let windows {
      let scores = try step("perplexity") { try evaluation.windowScores(windows, progress: $0) }
      summary.add(windows: scores, weighting: options.windows.weighting)
    }
    if !prompts.isEmpty {
      let decoding = options.continuations.decoding(model, tokenizer)
      let results = try step("continuations") {
        try evaluation.continuations(
          of: prompts, samples: options.continuations.samples, decoding, scorers: scorers, progress: $0)
      }
      summary.add(results)
    }
    for set in tasks {
      summary.add(try step(set.task.rawValue) { try evaluation.results(of: set, progress: $0) })
    }
    return summary
  }

  private func step<Result>(_ title: String, _ body: (@escaping ProgressHandler) throws -> Result) rethrows
    -> Result
  {
    try ProgressBar.run(title, quiet: quiet, body).0
  }

  /// All that the records depend on beside the models: texts, prompts and questions by their digests.
  private static func settings(
    _ options: EvalCommand, _ windows: TextWindows?, _ prompts: [String], _ scorers: [any ToxicityScorer],
    _ tasks: [TaskSet]
  ) -> [(key: String, value: JSON)] {
    var members: [(key: String, value: JSON)] = []
    if let windows, let text = options.text {
      members.append(
        (
          "perplexity",
          [
            "text": .string(FileSystem.lastComponent(of: text)),
            "sha256": .string(Fingerprint.windows(windows)),
            "window": .int(windows.length), "stride": .int(windows.stride),
            "weighting": .string(options.windows.weighting == .tokens ? "tokens" : "windows"),
          ]
        ))
    }
    if let file = options.continuations.prompts {
      let own: [(key: String, value: JSON)] = [
        ("prompts", .string(FileSystem.lastComponent(of: file))),
        ("sha256", .string(Fingerprint.texts(prompts))), ("count", .int(prompts.count)),
      ]
      members.append(("continuations", .object(own + options.continuations.settings(scorers))))
    }
    let sets = tasks.map { set -> JSON in
      [
        "task": .string(set.task.rawValue), "questions": .int(set.items.count),
        "sha256": .string(Fingerprint.task(set)),
      ]
    }
    return members + (sets.isEmpty ? [] : [("tasks", .array(sets))])
  }

  /// Names as they are, and with a number behind them where one occurs again.
  private static func distinct(_ names: [String]) -> [String] {
    names.indices.map { index in
      let earlier = names[..<index].count { $0 == names[index] }
      return earlier == 0 ? names[index] : "\(names[index]) (\(earlier + 1))"
    }
  }
}

/// One of the models to evaluate.
private struct Subject {
  let name: String
  /// What tells it from others.
  let digest: String
  let other: ModelPanel.Other

  /// A model that is open.
  init(_ path: String, _ model: Model) throws {
    name = FileSystem.lastComponent(of: path)
    digest = try Fingerprint.model(model)
    other = .model(model)
  }

  /// The edit of `base` that the subspace file at `path` stands for.
  init(subspace path: String, base: Model) throws {
    let subspace = try EditSubspace(path: path)
    try subspace.requireFits(base)
    name = FileSystem.lastComponent(of: path)
    digest = try Fingerprint.file(path)
    other = .variant(try subspace.variant(strength: 1))
  }

  /// A model, an adapter, or a subspace file.
  static func open(_ path: String, base: Model) throws -> Subject {
    path.hasSuffix(".safetensors") && FileSystem.kind(of: path) == .file
      ? try Subject(subspace: path, base: base) : try Subject(path, Model.edited(path, of: base))
  }
}
