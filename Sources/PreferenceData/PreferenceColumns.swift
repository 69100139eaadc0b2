/// Which columns, or JSON keys, of a file hold the parts of a pair.
public struct PreferenceColumns: Sendable, Equatable, CustomStringConvertible {
  /// What both sides continue; nil where the sides are whole texts.
  public let prompt: String?
  /// The side to be preferred.
  public let chosen: String
  /// The side to be avoided.
  public let rejected: String

  /// Columns by name.
  public init(prompt: String? = nil, chosen: String, rejected: String) {
    (self.prompt, self.chosen, self.rejected) = (prompt, chosen, rejected)
  }

  /// Columns as a person writes them: `prompt=…,chosen=…,rejected=…` in any order, the prompt optional.
  ///
  /// Throws a sentence when a part is missing, unknown, empty, or given twice.
  public init(parsing text: String) throws(PreferenceDataError) {
    var names: [Substring: String] = [:]
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard halves.count == 2, ["prompt", "chosen", "rejected"].contains(halves[0]), !halves[1].isEmpty,
        names.updateValue(String(halves[1]), forKey: halves[0]) == nil
      else { throw Self.misunderstood(text, "“\(part)” is not one of these, or is given twice") }
    }
    guard let chosen = names["chosen"], let rejected = names["rejected"] else {
      throw Self.misunderstood(text, "chosen and rejected are both needed")
    }
    guard Set(names.values).count == names.count else {
      throw Self.misunderstood(text, "one column cannot be two parts of a pair")
    }
    self.init(prompt: names["prompt"], chosen: chosen, rejected: rejected)
  }

  /// The form that `init(parsing:)` reads.
  public var description: String {
    (prompt.map { "prompt=\($0)," } ?? "") + "chosen=\(chosen),rejected=\(rejected)"
  }

  /// Names that are recognised without being told.
  ///
  /// The usual ones of preference data, and those of Lee and others' toxicity pairs (arXiv 2401.01967), where
  /// the perturbed generation is the toxic one.
  static let known = [
    PreferenceColumns(prompt: "prompt", chosen: "chosen", rejected: "rejected"),
    PreferenceColumns(prompt: "prompt_text", chosen: "unpert_gen_text", rejected: "pert_gen_text"),
  ]

  /// The columns to read, given those there are; nil when both sides are not among them.
  ///
  /// A prompt that was not asked for by name is left out where there is none.
  static func find(_ wanted: PreferenceColumns?, among found: [String]) -> PreferenceColumns? {
    if let wanted {
      let names = [wanted.chosen, wanted.rejected] + (wanted.prompt.map { [$0] } ?? [])
      return names.allSatisfy(found.contains) ? wanted : nil
    }
    return known.first { found.contains($0.chosen) && found.contains($0.rejected) }.map {
      PreferenceColumns(
        prompt: found.contains($0.prompt ?? "") ? $0.prompt : nil, chosen: $0.chosen, rejected: $0.rejected)
    }
  }

  /// What to say when `find` found nothing.
  static func missing(_ wanted: PreferenceColumns?, among found: [String]) -> String {
    let list = found.prefix(20).map { "“\($0.prefix(60))”" }.joined(separator: ", ")
    let expected = wanted.map(\.description) ?? "“chosen” and “rejected”"
    return "expected the columns \(expected), found \(found.isEmpty ? "none" : list); "
      + "name the right ones with --columns prompt=…,chosen=…,rejected=…"
  }

  private static func misunderstood(_ text: String, _ reason: String) -> PreferenceDataError {
    PreferenceDataError(
      file: "--columns \(text)",
      reason: "expected prompt=…,chosen=…,rejected=… (the prompt optional): \(reason)")
  }
}
