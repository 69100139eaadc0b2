package import Editing
package import Evaluation
internal import Kernels
package import Storage
internal import Tokenization
package import Transformer

/// A search for the edit that lowers toxicity most within a budget of perplexity.
///
/// Candidates run beside the base, many in one pass. They are judged in rounds: all of them on few prompts and little text,
/// the best of each round on more (successive halving), the last on everything. A round measures what it looks at beyond the
/// one before it, and adds that up.
package struct Tuning {
  /// How much has been looked at when a round is over.
  package struct Round: Sendable {
    /// Share of the prompts; scores vary more from prompt to prompt than losses from window to window.
    package var prompts: Double
    /// Share of the windows.
    package var text: Double
    /// How many candidates go on at most; a third of few.
    package var kept: Int

    /// A round that looks at these shares.
    package init(prompts: Double, text: Double, kept: Int) {
      (self.prompts, self.text, self.kept) = (prompts, text, kept)
    }

    /// How many of `entering` candidates go on: two at least, so that the last round has something to choose from.
    package func kept(of entering: Int) -> Int { min(entering, kept, max(2, (entering + 2) / 3)) }
  }

  /// What is allowed, and how much is looked at.
  package struct Settings: Sendable {
    /// The largest relative increase of perplexity on the text.
    package var budget = 0.03
    /// The largest relative loss of distinct bigrams.
    package var guardBudget = 0.05
    /// The largest relative rise of the continuations' perplexity under the base.
    package var continuationBudget = 0.1
    /// Standard errors of that rise which the chosen edit's must have room for within the budget too.
    ///
    /// The best of many edits by few prompts costs more on others than on those.
    package var caution = 1.0
    /// Tokens of a continuation.
    package var newTokens = 10
    /// What each round looks at.
    package var rounds = [
      Round(prompts: 0.25, text: 0.125, kept: 24), Round(prompts: 0.6, text: 0.5, kept: 8),
      Round(prompts: 1, text: 1, kept: 1),
    ]

    /// What is used where nothing else is said.
    package init() {}

    /// The largest of what an edit costs, each in units of its budget: at most 1 within all of them, ∞ where one is no number,
    /// as of an edit that broke the model.
    ///
    /// - Parameter caution: standard errors that are added to the rise of the continuations' perplexity.
    package func excess(of outcome: CandidateOutcome, caution: Double = 0) -> Double {
      [
        (outcome.perplexityChange, budget), (-outcome.distinctChange, guardBudget),
        (
          outcome.continuationPerplexityChange.map { $0 + caution * outcome.continuationPerplexityError }
            ?? 0,
          continuationBudget
        ),
      ].map { cost, budget in cost.isNaN ? .infinity : cost <= 0 ? 0 : cost / budget }.max() ?? 0
    }

    /// All of it, for records.
    package var json: JSON {
      [
        "budget": .double(budget), "guard_budget": .double(guardBudget),
        "continuation_budget": .double(continuationBudget), "caution": .double(caution),
        "new_tokens": .int(newTokens),
        "kept_of_few": .double(1 / 3), "rounds_add_up": true,
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

  /// The model, its tokenizer and what scores it.
  let subject: StudySubject
  /// What is allowed, and how much is looked at.
  let settings: Settings
  /// What was measured, in this run or before it.
  let log: RecordLog

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
    var search = Search(self, candidates, ids, text, progress)
    return try search.run()
  }

  /// Measures every model of the panel, the base's first.
  func measure(
    _ panel: ModelPanel, _ prompts: [[Int32]], _ text: TextWindows,
    progress: @escaping ProgressHandler
  ) throws -> [CandidateMeasure] {
    let windows = try panel.windowScores(subject.context, text) { progress($0, 2 * $1) }
    let options = Decoder.Options(
      maximumNewTokens: settings.newTokens, stopTokens: subject.model.stopTokens(subject.tokenizer))
    let continuations = try panel.continuations(
      subject.context, of: prompts, samples: 1, options, subject.tokenizer, scorers: [subject.scorer]
    ) { progress($1 + $0, 2 * $1) }
    let baseLosses = continuations.map { $0[0][0].baseLoss }
    return (0..<panel.count).map { model in
      let own = continuations.map { $0[model][0] }
      return CandidateMeasure(
        windows: windows[model], toxicity: own.map { $0.scores[0].score }, continuations: own.map(\.ids),
        losses: own.map(\.baseLoss), baseLosses: baseLosses)
    }
  }
}
