/// Names of measures for people, and which way is better.
enum MeasureName {
  /// The measure called `name` in records, in words.
  static func title(_ name: String) -> String {
    if let known = plain[name] { return known }
    for (prefix, words) in scored where name.hasPrefix(prefix + ":") {
      return "\(words) (\(scorer(String(name.dropFirst(prefix.count + 1)))))"
    }
    return name.replacing(":", with: ", ")
  }

  /// A scorer's name: of a program's command, the files' names alone.
  static func scorer(_ name: String) -> String {
    guard name.hasPrefix("exec:") else { return name }
    return "exec:"
      + name.dropFirst(5).split(separator: " ").map { $0.split(separator: "/").last ?? $0 }.joined(
        separator: " ")
  }

  /// Whether the measure is that of a zero-shot task.
  static func isTask(_ name: String) -> Bool {
    name.contains(":") && !scored.contains { name.hasPrefix($0.prefix + ":") }
  }

  /// The class that colours a change: whether it is for the better, for the worse, or neither.
  static func colour(_ name: String, _ verdict: EvaluationRecord.Verdict?) -> String {
    guard let verdict, verdict.isChange, name != "length" else { return "cbase" }
    let isHigherBetter =
      name == "distinct_2" || name == "top_token_agreement"
      || (isTask(name) && !name.hasSuffix(":perplexity"))
    return (verdict == .higher) == isHigherBetter ? "good" : "bad"
  }

  private static let plain = [
    "perplexity": "perplexity", "kl_from_base": "KL from the base, nats a token",
    "top_token_agreement": "same most probable token", "length": "length, tokens",
    "distinct_2": "distinct bigrams", "continuation_perplexity": "perplexity of texts under the base",
  ]

  private static let scored: [(prefix: String, words: String)] = [
    ("toxicity", "toxicity"), ("expected_maximum_toxicity", "expected maximum toxicity"),
    ("toxicity_probability", "prompts with toxic text"),
  ]
}
