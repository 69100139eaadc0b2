internal import Storage

/// What `profs edit`, `apply`, `fit`, `perplexity`, `tasks`, `verify` and `generate` print with `--json`, and the receipt of
/// `profs dpo`.
enum RunRecord: Sendable {
  /// Name and value of something that was measured.
  typealias Fact = (name: String, value: String)

  /// An edit or a fit: what it took.
  case work(title: String, stages: [(name: String, seconds: Double)], facts: [Fact])
  /// A perplexity.
  case perplexity(value: Double, tokens: Int)
  /// Accuracies on zero-shot tasks.
  case tasks([Task])
  /// Claims about an edit.
  case proof(holds: Bool, checks: [(claim: String, holds: Bool, finding: String)])
  /// Continuations without scores, those of a second model beside them.
  case continuations([(prompt: String, texts: [String])])

  /// A zero-shot task.
  struct Task: Sendable {
    /// Its name.
    var name: String
    /// How many questions were asked.
    var questions: Int
    /// Its metrics, in order.
    var metrics: [(name: String, value: Double)]
  }

  /// More prompts than this are not read.
  static let promptLimit = 100_000

  /// The record that a document's members make it; `nil` where they make it none.
  init?(recognising root: Field) throws {
    let keys = Set(try root.members.map(\.key))
    if keys.isSuperset(of: ["out", "changed", "seconds"]) {
      self = try Self.edit(root)
    } else if keys.isSuperset(of: ["out", "blocks", "seconds"]) {
      self = try Self.fit(root)
    } else if keys.isSuperset(of: ["perplexity", "nll", "tokens"]) {
      self = .perplexity(
        value: try root.member("perplexity").number, tokens: try root.member("tokens").count)
    } else if keys.contains("tasks"), keys.contains("seconds") {
      self = .tasks(try root.member("tasks").list(atMost: 100).map { try Task($0) })
    } else if keys.isSuperset(of: ["holds", "checks"]) {
      self = .proof(
        holds: try root.member("holds").bool,
        checks: try root.member("checks").list(atMost: 1000).map {
          (try $0.member("claim").text, try $0.member("holds").bool, try $0.member("finding").text)
        })
    } else if keys.contains("continuations") {
      self = .continuations(try Self.prompts(root))
    } else {
      return nil
    }
  }

  private static func edit(_ root: Field) throws -> RunRecord {
    // An edit says how long each stage took, applying a subspace how long it took in all.
    let seconds = try root.member("seconds")
    let stages =
      seconds.value.kind == .number
      ? [("writing", try seconds.number)]
      : try seconds.members.prefix(16).map { ($0.key, try $0.field.number) }
    var facts: [Fact] = [("matrices edited", "\(try root.member("changed").list.count)")]
    for (key, name) in [("unchanged", "tensors as they were"), ("pairs", "pairs"), ("tokens", "tokens read")]
    {
      if let count = try root.optional(key)?.count { facts.append((name, NumberText.grouped(Double(count)))) }
    }
    if let compute = try root.optional("compute") { facts.append(("computed in", try compute.text)) }
    let verified = try root.optional("verified")?.bool
    if let verified { facts.append(("proved from its files", verified ? "yes" : "no")) }
    return .work(
      title: verified == nil ? "Edit from a subspace file" : "Edit", stages: stages,
      facts: facts + (try memory(root)))
  }

  private static func fit(_ root: Field) throws -> RunRecord {
    let blocks = try root.member("blocks").list(atMost: 1000)
    let ranks = try blocks.map { try $0.member("rank").count }
    let numbers = try blocks.map { try $0.member("block").count }
    var facts: [Fact] = [
      ("pairs", NumberText.grouped(Double(try root.member("pairs").count))),
      ("tokens read", NumberText.grouped(Double(try root.member("tokens").count))),
    ]
    if let first = numbers.min(), let last = numbers.max() { facts.append(("blocks", "\(first)–\(last)")) }
    if let least = ranks.min(), let most = ranks.max() {
      facts.append(("rank", least == most ? "\(least)" : "\(least)–\(most)"))
    }
    return .work(
      title: "Fit", stages: [("fitting", try root.member("seconds").number)],
      facts: facts + (try memory(root)))
  }

  private static func memory(_ root: Field) throws -> [Fact] {
    guard let bytes = try root.optional("peak_memory_bytes")?.number else { return [] }
    return [("peak memory, mapped files left out", NumberText.grouped(bytes / 1e6) + "\u{00A0}MB")]
  }

  private static func prompts(_ root: Field) throws -> [(prompt: String, texts: [String])] {
    let first = try root.member("continuations").list(atMost: promptLimit)
    let second = try root.optional("against")?.list
    if let second, second.count != first.count {
      throw try root.member("against").error(expected: "as many texts as prompts, \(first.count)")
    }
    return try first.indices.map { index in
      let others = try second.map { [try $0[index].member("text").text] } ?? []
      return (try first[index].member("prompt").text, [try first[index].member("text").text] + others)
    }
  }
}

extension RunRecord.Task {
  /// Reads `{"task", "items", METRIC: value, "records"}`.
  fileprivate init(_ field: Field) throws {
    name = try field.member("task").text
    questions = try field.member("items").count
    metrics = try field.members.filter { !["task", "items", "records"].contains($0.key) }.prefix(8)
      .map { ($0.key, try $0.field.number) }
  }
}
