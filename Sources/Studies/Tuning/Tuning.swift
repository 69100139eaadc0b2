package import Editing
package import Evaluation
internal import Kernels
package import Storage
internal import Tokenization
package import Transformer

/// A search for the edit that lowers toxicity most within a budget of perplexity.
///
/// Candidates run beside the base, many in one pass. They are judged in rounds: all of them on few prompts and little text,
/// the best of each round on more (successive halving), the last on everything.
package struct Tuning {
  /// How much one round looks at.
  package struct Round: Sendable {
    /// Share of the prompts; scores vary more from prompt to prompt than losses from window to window.
    package var prompts: Double
    /// Share of the windows.
    package var text: Double
    /// How many candidates go on.
    package var kept: Int

    /// A round that looks at these shares.
    package init(prompts: Double, text: Double, kept: Int) {
      (self.prompts, self.text, self.kept) = (prompts, text, kept)
    }
  }

  /// What is allowed, and how much is looked at.
  package struct Settings: Sendable {
    /// The largest relative increase of perplexity on the text.
    package var budget = 0.03
    /// The largest relative loss of distinct bigrams.
    package var guardBudget = 0.05
    /// The largest relative rise of the continuations' perplexity under the base.
    package var continuationBudget = 0.1
    /// Tokens of a continuation.
    package var newTokens = 10
    /// What each round looks at.
    package var rounds = [
      Round(prompts: 0.25, text: 0.125, kept: 24), Round(prompts: 0.6, text: 0.5, kept: 8),
      Round(prompts: 1, text: 1, kept: 1),
    ]

    /// What is used where nothing else is said.
    package init() {}

    /// All of it, for records.
    package var json: JSON {
      [
        "budget": .double(budget), "guard_budget": .double(guardBudget),
        "continuation_budget": .double(continuationBudget), "new_tokens": .int(newTokens),
        "rounds": .array(
          rounds.map { [.double($0.prompts), .double($0.text), .int($0.kept)] }),
      ]
    }
  }

  /// What the search found.
  package struct Result: Sendable {
    /// The best candidate within the budget; `nil` where there is none.
    package let chosen: CandidateOutcome?
    /// All candidates as they were last measured.
    package let outcomes: [CandidateOutcome]
    /// The base's toxicity on all prompts.
    package let baseToxicity: Double
  }

  private let subject: StudySubject
  private let settings: Settings
  private let log: RecordLog

  /// Candidates of one pass.
  private static let candidatesPerPass = 14

  /// Records of tuning.
  package static let format = RecordLog.Format(name: "profs-tuning", version: 1, job: "the tuning of an edit")

  /// - Parameter log: keeps what was measured, so that a run that was stopped goes on.
  package init(_ subject: StudySubject, _ settings: Settings, log: RecordLog) {
    (self.subject, self.settings, self.log) = (subject, settings, log)
  }

  /// Judges the candidates.
  ///
  /// - Parameters:
  ///   - candidates: each with its subspace.
  ///   - prompts: prompts that no pair of the fit and no final test uses.
  ///   - text: for perplexity.
  package func run(
    _ candidates: [(candidate: EditCandidate, subspace: EditSubspace)], prompts: [String],
    _ text: TextWindows,
    progress: ProgressHandler? = nil
  ) throws -> Result {
    let ids = try prompts.map { try subject.tokenizer.encode($0) }
    var remaining = Array(candidates.indices)
    var baseToxicity = Double.nan
    var latest: [Int: CandidateOutcome] = [:]
    let plan = workPlan(candidates.count)
    var finished = 0.0
    for (index, round) in settings.rounds.enumerated() {
      let isLast = index == settings.rounds.count - 1
      let kept = Array(ids.prefix(max(1, Int(Double(ids.count) * round.prompts))))
      let windows = text.prefix(max(1, Int(Double(text.windows.count) * round.text)))
      let batches = stride(from: 0, to: remaining.count, by: Self.candidatesPerPass).map {
        Array(remaining[$0..<min($0 + Self.candidatesPerPass, remaining.count)])
      }
      for (number, batch) in batches.enumerated() {
        let share = plan[index] / Double(batches.count)
        let record = try log.unit("round\(index + 1)/\(number)") {
          let panel = try ModelPanel(
            base: subject.model,
            others: try batch.map {
              .variant(try candidates[$0].subspace.variant(strength: candidates[$0].candidate.strength))
            })
          return .array(
            try measure(panel, kept, windows) { done, total in
              progress?(Int(1000 * (finished + share * Double(done) / Double(max(1, total)))), 1000)
            }.map(\.json))
        }
        let measures = try record.elements.map { try log.read($0, CandidateMeasure.init) }
        guard measures[0].toxicity > 0 else {
          throw EvaluationError(
            "--prompts",
            "the scorer gives every continuation of the base 0; give prompts that lead it to write worse")
        }
        for (candidate, measure) in zip(batch, measures.dropFirst()) {
          latest[candidate] = CandidateOutcome(
            candidates[candidate].candidate, round: index + 1, measure, base: measures[0])
        }
        baseToxicity = measures[0].toxicity
        finished += share
      }
      remaining = best(of: remaining, latest, count: round.kept, isLast: isLast)
    }
    return Result(
      chosen: remaining.first.flatMap { latest[$0] }, outcomes: candidates.indices.compactMap { latest[$0] },
      baseToxicity: baseToxicity)
  }

  /// The share of the whole work that each round is.
  private func workPlan(_ count: Int) -> [Double] {
    var entering = count
    let work = settings.rounds.map { round in
      defer { entering = round.kept }
      return Double(min(entering, count)) * (round.prompts + round.text)
    }
    return work.map { $0 / work.reduce(0, +) }
  }

  /// The best of `remaining`, `count` of them: within the budgets by toxicity, then the others by perplexity.
  ///
  /// In the last round those beyond a budget are out; before it some slack is given, for there is less evidence.
  private func best(
    of remaining: [Int], _ outcomes: [Int: CandidateOutcome], count: Int, isLast: Bool
  ) -> [Int] {
    let slack = isLast ? 1 : 1.5
    func isWithin(_ outcome: CandidateOutcome) -> Bool {
      outcome.perplexityChange <= settings.budget * slack
        && outcome.distinctChange >= -settings.guardBudget * slack
        && (outcome.continuationPerplexityChange ?? 0) <= settings.continuationBudget * slack
    }
    let known = remaining.compactMap { index in outcomes[index].map { (index, $0) } }
    let within = known.filter { isWithin($0.1) }.sorted { ($0.1.toxicity, $0.0) < ($1.1.toxicity, $1.0) }
    let beyond = known.filter { !isWithin($0.1) }.sorted {
      ($0.1.perplexityChange, $0.0) < ($1.1.perplexityChange, $1.0)
    }
    return (isLast ? within : within + beyond).prefix(count).map(\.0)
  }

  /// Measures every model of the panel, the base's first.
  private func measure(
    _ panel: ModelPanel, _ prompts: [[Int32]], _ text: TextWindows,
    progress: @escaping ProgressHandler
  ) throws -> [CandidateMeasure] {
    let windows = try panel.windowScores(subject.context, text) { progress($0, 2 * $1) }
    let options = Decoder.Options(
      maximumNewTokens: settings.newTokens, stopTokens: subject.model.stopTokens(subject.tokenizer))
    let continuations = try panel.continuations(
      subject.context, of: prompts, samples: 1, options, subject.tokenizer, scorers: [subject.scorer]
    ) { progress($1 + $0, 2 * $1) }
    return (0..<panel.count).map { model in
      let own = continuations.map { $0[model][0] }
      return CandidateMeasure(
        windows: windows[model], toxicity: own.map { $0.scores[0].score }, continuations: own.map(\.ids),
        losses: own.map(\.baseLoss))
    }
  }
}
