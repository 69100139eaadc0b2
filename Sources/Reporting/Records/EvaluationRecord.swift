/// A record of `profs eval`: the figures, and what the models wrote.
struct EvaluationRecord: Sendable {
  /// A figure of the base and of the models beside it.
  struct Figure: Sendable {
    /// Name in the record, such as `perplexity` or `toxicity:builtin`.
    var name: String
    /// Whether it is a share of a whole.
    var isShare: Bool
    /// The base's; `nil` for what compares a model with it.
    var base: Interval?
    /// Those of the models beside it, in their order.
    var others: [Comparison]
  }

  /// A model's figure beside the base's.
  struct Comparison: Sendable {
    /// The figure itself.
    var estimate: Interval
    /// Its change from the base's; `nil` for what is itself a comparison.
    var change: Interval?
    /// Whether the change is relative rather than a difference.
    var isRelative: Bool
    /// Cohen's d of the paired differences.
    var effect: Double?
    /// `lower`, `higher`, `indistinguishable` or `too few to tell`.
    var verdict: Verdict?
  }

  /// What may be said about a change.
  enum Verdict: String, Sendable {
    case lower, higher, indistinguishable
    /// Too few units for any of them.
    case tooFew = "too few to tell"

    /// Whether the model is lower or higher than the base.
    var isChange: Bool { self == .lower || self == .higher }
  }

  /// A prompt and what the models wrote after it.
  struct Prompt: Sendable {
    /// Mean score of each model's texts, by the first scorer.
    var scores: [Double]
    /// The record of it, whose texts are read where they are shown.
    var field: Field
  }

  /// The models, the base's first.
  var models: [String]
  /// The figures in their order.
  var figures: [Figure]
  /// The prompts in their order.
  var prompts: [Prompt]
  /// Name of the scorer whose scores the prompts have; `nil` where there are none.
  var scorer: String?
  /// What was measured on, in words.
  var conditions: [String]

  /// More models than this are not compared in one report.
  private static let modelLimit = 64

  /// Reads the record.
  init(_ root: Field) throws {
    guard let summary = try root.optional("summary") else {
      throw RecordError(
        root.source,
        "the evaluation is not finished; run the same profs eval again, which goes on where it stopped")
    }
    let models = try summary.member("models").list(atMost: Self.modelLimit).map { try $0.text }
    guard !models.isEmpty else { throw try summary.member("models").error(expected: "names of models") }
    self.models = models
    figures = try summary.member("figures").list(atMost: 1000).map {
      try Figure($0, others: models.count - 1)
    }
    let settings = try root.member("settings")
    let continuations = try settings.optional("continuations")
    let scorer = try continuations?.member("scorers").list.first?.member("name").text
    self.scorer = scorer
    prompts = try root.member("units").members.filter { $0.key.hasPrefix("continuations/") }
      .flatMap { try $0.field.list }
      .map { try Prompt($0, models: models.count, scorer: scorer) }
    conditions = try Self.conditions(settings)
  }

  /// The figure of this name.
  func figure(_ name: String) -> Figure? { figures.first { $0.name == name } }

  /// The first scorer's mean toxicity.
  var toxicity: Figure? { figures.first { $0.name.hasPrefix("toxicity:") } }

  private static func conditions(_ settings: Field) throws -> [String] {
    var words: [String] = []
    if let continuations = try settings.optional("continuations") {
      let count = try continuations.member("count").count
      let tokens = try continuations.member("max_new_tokens").count
      let samples = try continuations.member("samples").count
      let temperature = try continuations.member("temperature").number
      let way =
        temperature == 0 ? "greedy" : "\(samples) sampled at temperature \(NumberText.plain(temperature))"
      let scorers = try continuations.member("scorers").list.map { try $0.member("name").text }
      words.append(
        "\(count) prompts of \(try continuations.member("prompts").text), \(tokens) new tokens, \(way), scored by "
          + scorers.map(MeasureName.scorer).joined(separator: " and "))
    }
    if let perplexity = try settings.optional("perplexity") {
      let window = try perplexity.member("window").count
      let stride = try perplexity.member("stride").count
      words.append(
        "perplexity on \(try perplexity.member("text").text), windows of \(window), stride \(stride)")
    }
    if let tasks = try settings.optional("tasks") {
      let names = try tasks.list.map {
        "\(try $0.member("questions").count) of \(try $0.member("task").text)"
      }
      words.append("zero-shot questions: " + names.joined(separator: ", "))
    }
    return words
  }
}

extension EvaluationRecord.Figure {
  /// Reads a figure, which must have `count` models beside the base.
  fileprivate init(_ field: Field, others count: Int) throws {
    name = try field.member("name").text
    isShare = try field.member("unit").text == "share"
    base = try field.optional("base").map { try Interval($0) }
    let list = try field.optional("others")?.list ?? []
    guard list.count == count else {
      throw field.error(expected: "a figure of \(count) models beside the base")
    }
    others = try list.map { try EvaluationRecord.Comparison($0) }
  }
}

extension EvaluationRecord.Comparison {
  /// Reads a comparison.
  fileprivate init(_ field: Field) throws {
    estimate = try Interval(field.member("estimate"))
    let relative = try field.optional("relative_change")
    isRelative = relative != nil
    change = try (relative ?? field.optional("difference")).map { try Interval($0) }
    effect = try field.optional("cohen_dz")?.number
    verdict = try field.optional("verdict").map { field in
      guard let verdict = EvaluationRecord.Verdict(rawValue: try field.text) else {
        throw field.error(expected: "lower, higher, indistinguishable or too few to tell")
      }
      return verdict
    }
  }
}

extension EvaluationRecord.Prompt {
  /// Reads the scores of a prompt's texts, by model.
  fileprivate init(_ field: Field, models: Int, scorer: String?) throws {
    self.field = field
    let continuations = try field.member("continuations")
    let byModel = try continuations.list
    guard byModel.count == models else { throw continuations.error(expected: "texts of \(models) models") }
    scores = try byModel.map { samples in
      let texts = try samples.list
      guard let scorer, !texts.isEmpty else { return 0 }
      return try texts.reduce(0) { $0 + (try $1.member("scores").member(scorer).number) }
        / Double(texts.count)
    }
  }
}
