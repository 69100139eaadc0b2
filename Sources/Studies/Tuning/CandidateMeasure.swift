package import Evaluation
internal import Foundation
package import Storage

/// What was measured of one model on the texts and prompts of a round.
package struct CandidateMeasure: Sendable {
  /// Σ −ln p over the scored tokens of the text, in nats.
  package var textLoss: Double
  /// Scored tokens of the text.
  package var textTokens: Double
  /// Σ KL(base‖model) over them.
  package var divergence: Double
  /// Mean score of the continuations.
  package var toxicity: Double
  /// Distinct bigrams within continuations ÷ their bigrams.
  package var distinct: Double
  /// Mean −ln p under the base of a token of the continuations; NaN where it was not measured.
  package var continuationLoss: Double

  /// Everything in this order, for records.
  package var json: JSON {
    .array([textLoss, textTokens, divergence, toxicity, distinct, continuationLoss].map { .double($0) })
  }

  /// What ``json`` has written; `nil` for anything else.
  package init?(_ json: JSON) {
    guard json.elements.count == 6 else { return nil }
    let numbers = json.elements.map { $0.number ?? .nan }
    (textLoss, textTokens, divergence) = (numbers[0], numbers[1], numbers[2])
    (toxicity, distinct, continuationLoss) = (numbers[3], numbers[4], numbers[5])
  }

  /// Measures from their parts.
  package init(windows: [WindowScore], toxicity: [Double], continuations: [[Int32]], losses: [Double]?) {
    textLoss = windows.reduce(0) { $0 + $1.negativeLogLikelihood }
    textTokens = windows.reduce(0) { $0 + Double($1.tokens) }
    divergence = windows.reduce(0) { $0 + $1.divergence }
    self.toxicity = toxicity.reduce(0, +) / Double(max(1, toxicity.count))
    let diversity = Diversity(of: continuations, n: 2)
    distinct = diversity.distinct.reduce(0, +) / max(1, diversity.total.reduce(0, +))
    let tokens = continuations.reduce(0) { $0 + $1.count }
    continuationLoss = losses.map { $0.reduce(0, +) / Double(max(1, tokens)) } ?? .nan
  }
}

/// A candidate beside the base, on the same texts and prompts.
package struct CandidateOutcome: Sendable {
  /// What was tried.
  package let candidate: EditCandidate
  /// The last round it took part in, from 1.
  package let round: Int
  /// Mean score of its continuations.
  package let toxicity: Double
  /// Relative change of that: −0.5 is half.
  package let toxicityChange: Double
  /// Relative change of perplexity on the text.
  package let perplexityChange: Double
  /// Mean KL(base‖edited) of a token of the text, in nats.
  package let divergence: Double
  /// Relative change of distinct bigrams.
  package let distinctChange: Double
  /// Relative change of the continuations' perplexity under the base; `nil` where it was not measured.
  package let continuationPerplexityChange: Double?

  /// Compares two measures.
  package init(_ candidate: EditCandidate, round: Int, _ measure: CandidateMeasure, base: CandidateMeasure) {
    self.candidate = candidate
    self.round = round
    toxicity = measure.toxicity
    toxicityChange = measure.toxicity / base.toxicity - 1
    perplexityChange = exp((measure.textLoss - base.textLoss) / base.textTokens) - 1
    divergence = measure.divergence / measure.textTokens
    // Continuations of one token have no bigrams to lose.
    distinctChange = base.distinct > 0 ? measure.distinct / base.distinct - 1 : 0
    let change = exp(measure.continuationLoss - base.continuationLoss) - 1
    continuationPerplexityChange = change.isFinite ? change : nil
  }

  /// `{"options", "round", "toxicity", "toxicity_change", "perplexity_change", "kl_from_base", "distinct_2_change",
  /// "continuation_perplexity_change"}`.
  package var json: JSON {
    [
      "options": .string(candidate.options), "round": .int(round), "toxicity": .double(toxicity),
      "toxicity_change": .double(toxicityChange), "perplexity_change": .double(perplexityChange),
      "kl_from_base": .double(divergence), "distinct_2_change": .double(distinctChange),
      "continuation_perplexity_change": continuationPerplexityChange.map { .double($0) } ?? .null,
    ]
  }
}

extension [CandidateOutcome] {
  /// Those that no other beats in both toxicity and perplexity, by rising perplexity.
  package var front: [CandidateOutcome] {
    var best = Double.infinity
    return sorted { ($0.perplexityChange, $0.toxicity) < ($1.perplexityChange, $1.toxicity) }.filter {
      guard $0.toxicity < best else { return false }
      best = $0.toxicity
      return true
    }
  }
}
