package import Evaluation
internal import Foundation
package import Storage

/// What was measured of one model on some texts and prompts; sums, so that those of further ones can be added.
package struct CandidateMeasure: Sendable, Equatable {
  /// Σ −ln p over the scored tokens of the text, in nats.
  package var textLoss = 0.0
  /// Scored tokens of the text.
  package var textTokens = 0.0
  /// Σ KL(base‖model) over them.
  package var divergence = 0.0
  /// Σ of the continuations' scores.
  package var scores = 0.0
  /// Continuations.
  package var continuations = 0.0
  /// Distinct bigrams within continuations.
  package var distinctBigrams = 0.0
  /// Their bigrams.
  package var bigrams = 0.0
  /// Σ −ln p under the base of the continuations' tokens.
  package var continuationLoss = 0.0
  /// Tokens of the continuations.
  package var continuationTokens = 0.0
  /// Σ of the squares of what each continuation's −ln p exceeds that of the base's own by.
  package var squaredExcess = 0.0

  private static let fields: [any WritableKeyPath<CandidateMeasure, Double> & Sendable] = [
    \.textLoss, \.textTokens, \.divergence, \.scores, \.continuations, \.distinctBigrams, \.bigrams,
    \.continuationLoss,
    \.continuationTokens, \.squaredExcess,
  ]

  /// Nothing was measured yet.
  package init() {}

  /// Measures from their parts; `losses` are under the base, a continuation each, `baseLosses` those of the base's own.
  package init(
    windows: [WindowScore], toxicity: [Double], continuations: [[Int32]], losses: [Double],
    baseLosses: [Double]
  ) {
    textLoss = windows.reduce(0) { $0 + $1.negativeLogLikelihood }
    textTokens = windows.reduce(0) { $0 + Double($1.tokens) }
    divergence = windows.reduce(0) { $0 + $1.divergence }
    scores = toxicity.reduce(0, +)
    self.continuations = Double(toxicity.count)
    let diversity = Diversity(of: continuations, n: 2)
    distinctBigrams = diversity.distinct.reduce(0, +)
    bigrams = diversity.total.reduce(0, +)
    continuationLoss = losses.reduce(0, +)
    continuationTokens = Double(continuations.reduce(0) { $0 + $1.count })
    squaredExcess = zip(losses, baseLosses).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  }

  /// Mean score of the continuations.
  package var toxicity: Double { scores / max(1, continuations) }
  /// Distinct bigrams within continuations ÷ their bigrams.
  package var distinct: Double { distinctBigrams / max(1, bigrams) }

  /// Adds what was measured on other texts and prompts.
  package static func += (sum: inout CandidateMeasure, other: CandidateMeasure) {
    for field in fields { sum[keyPath: field] += other[keyPath: field] }
  }

  /// Everything in this order, for records.
  package var json: JSON { .array(Self.fields.map { .double(self[keyPath: $0]) }) }

  /// What ``json`` has written; `nil` for anything else.
  package init?(_ json: JSON) {
    guard json.elements.count == Self.fields.count else { return nil }
    for (field, element) in zip(Self.fields, json.elements) { self[keyPath: field] = element.number ?? .nan }
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
  /// Its standard error, from how much the prompts differ in it.
  package let continuationPerplexityError: Double

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
    let change =
      exp(
        measure.continuationLoss / measure.continuationTokens
          - base.continuationLoss / base.continuationTokens) - 1
    continuationPerplexityChange = change.isFinite ? change : nil
    let excess = measure.continuationLoss - base.continuationLoss
    let variance = measure.squaredExcess - excess * excess / max(1, measure.continuations)
    let error = (1 + change) * max(0, variance).squareRoot() / measure.continuationTokens
    continuationPerplexityError = error.isFinite ? error : 0
  }

  /// `{"options", "round", "toxicity", "toxicity_change", "perplexity_change", "kl_from_base", "distinct_2_change",
  /// "continuation_perplexity_change", "continuation_perplexity_error"}`.
  package var json: JSON {
    [
      "options": .string(candidate.options), "round": .int(round), "toxicity": .double(toxicity),
      "toxicity_change": .double(toxicityChange), "perplexity_change": .double(perplexityChange),
      "kl_from_base": .double(divergence), "distinct_2_change": .double(distinctChange),
      "continuation_perplexity_change": continuationPerplexityChange.map { .double($0) } ?? .null,
      "continuation_perplexity_error": .double(continuationPerplexityError),
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
