/// A record of `profs tune`: every edit that was tried, and the one that was chosen.
struct TuningRecord: Sendable {
  /// An edit that was tried.
  struct Outcome: Sendable, Equatable {
    /// The options of `profs edit` that make it.
    var options: String
    /// The last round it took part in, from 1; later rounds look at more prompts and more text.
    var round: Int
    /// Relative change of the mean score: −0.5 is half.
    var toxicityChange: Double
    /// Relative change of perplexity.
    var perplexityChange: Double
    /// Mean KL from the base of a token, in nats.
    var divergence: Double
    /// Relative change of distinct bigrams.
    var distinctChange: Double
  }

  /// The base's mean score.
  var baseToxicity: Double
  /// The best within the budget; `nil` where there was none.
  var chosen: Outcome?
  /// All of them.
  var candidates: [Outcome]
  /// Largest relative increase of perplexity that was allowed; `nil` where the record does not say.
  var budget: Double?

  /// Reads the record, or the summary alone that `--json` prints.
  init(_ root: Field) throws {
    var summary = root
    if try root.optional("format") != nil {
      guard let found = try root.optional("summary") else {
        throw RecordError(
          root.source,
          "the search is not finished; run the same profs tune again, which goes on where it stopped")
      }
      summary = found
    }
    baseToxicity = try summary.member("base_toxicity").number
    chosen = try summary.optional("chosen").map { try Outcome($0) }
    candidates = try summary.member("candidates").list(atMost: 5000).map { try Outcome($0) }
    budget = try root.optional("settings")?.optional("search")?.optional("budget")?.number
  }

  /// The last round that any of them reached, which looks at all prompts and the whole text.
  var lastRound: Int { candidates.map(\.round).max() ?? 1 }

  /// Those of the last round that no other of it beats in both perplexity and toxicity, by rising perplexity.
  var front: [Outcome] {
    var best = Double.infinity
    return candidates.filter { $0.round == lastRound }
      .sorted { ($0.perplexityChange, $0.toxicityChange) < ($1.perplexityChange, $1.toxicityChange) }
      .filter { outcome in
        guard outcome.toxicityChange < best else { return false }
        best = outcome.toxicityChange
        return true
      }
  }
}

extension TuningRecord.Outcome {
  /// Reads `{"options", "round", "toxicity_change", "perplexity_change", "kl_from_base", "distinct_2_change"}`.
  fileprivate init(_ field: Field) throws {
    options = try field.member("options").text
    round = try field.member("round").count
    toxicityChange = try field.member("toxicity_change").number
    perplexityChange = try field.member("perplexity_change").number
    divergence = try field.member("kl_from_base").number
    distinctChange = try field.member("distinct_2_change").number
  }
}
