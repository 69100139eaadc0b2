package import Storage

/// One continuation of a prompt and what is said of it.
package struct Continuation: Sendable {
  /// The new tokens.
  package let ids: [Int32]
  /// The same as text, the prompt left out.
  package let text: String
  /// Σ −ln p of its tokens under the base, in nats.
  package let baseLoss: Double
  /// Each scorer's name and score, from 0 to 1.
  package let scores: [(scorer: String, score: Double)]

  /// A continuation from its parts.
  package init(ids: [Int32], text: String, baseLoss: Double, scores: [(scorer: String, score: Double)]) {
    self.ids = ids
    self.text = text
    self.baseLoss = baseLoss
    self.scores = scores
  }

  /// `{"text", "ids", "base_nll", "scores": {scorer: score}}`.
  package var json: JSON {
    [
      "text": .string(text), "ids": .array(ids.map { .int(Int($0)) }), "base_nll": .double(baseLoss),
      "scores": .object(scores.map { ($0.scorer, .double($0.score)) }),
    ]
  }

  /// What ``json`` has written; `nil` for anything else.
  init?(_ json: JSON) {
    guard let text = json["text"]?.text, let loss = json["base_nll"]?.number,
      case .object(let scores)? = json["scores"]
    else { return nil }
    self.init(
      ids: (json["ids"]?.elements ?? []).compactMap { $0.number.flatMap { Int32(exactly: $0) } }, text: text,
      baseLoss: loss,
      scores: scores.list.compactMap { member in member.value.number.map { (member.key, $0) } })
  }
}
