internal import Storage

/// `profs.json` of an edit: what it was made from, and what became of every tensor.
struct ReceiptRecord: Sendable {
  /// A tensor that was edited.
  struct Edit: Sendable {
    /// Its name.
    var name: String
    /// The block, from 1.
    var block: Int
    /// ‖W′ − W‖ / ‖W‖.
    var relativeChange: Double
    /// ‖V W‖ / ‖W‖ before the edit.
    var residualBefore: Double
    /// ‖V W′‖ / ‖W′‖ after it.
    var residual: Double
    /// SHA-256 before, and after.
    var digests: (before: String, after: String)
  }

  /// The base's name.
  var base: String
  /// `checkpoint`, `lora` or `gguf`.
  var output: String
  /// What a reader may want to know, by name, in order.
  var facts: [(name: String, value: String)]
  /// SHA-256 of files and data, by name, in order.
  var digests: [(name: String, value: String)]
  /// The blocks that were edited.
  var blocks: ClosedRange<Int>
  /// How it was edited, as in "rank 8 in blocks 16–30".
  var summary: String
  /// The tensors that were edited, in file order.
  var edits: [Edit]
  /// All tensors of the output.
  var tensorCount: Int

  /// Reads the receipt.
  init(_ root: Field) throws {
    let (base, recipe) = (try root.member("base"), try root.member("recipe"))
    self.base = try base.member("name").text
    output = try root.member("output").text
    let bounds = try recipe.member("blocks").list.map { try $0.count }
    guard bounds.count == 2, bounds[0] <= bounds[1] else {
      throw try recipe.member("blocks").error(expected: "the first and the last block")
    }
    blocks = bounds[0]...bounds[1]
    let tensors = try root.member("tensors").list
    tensorCount = tensors.count
    edits = try tensors.compactMap { try Edit($0) }
    let rank = try recipe.member("rank")
    let rankText = if let number = rank.value.int { String(number) } else { try rank.text }
    let strength = try recipe.member("strength").number
    summary = "rank \(rankText) in blocks \(bounds[0])–\(bounds[1])"
    let count = try root.member("pairs").member("count").count
    facts = [
      ("base", self.base), ("output", output), ("recipe", try recipe.member("method").text),
      ("pairs", NumberText.grouped(Double(count))), ("rank", rankText),
      ("blocks", "\(bounds[0])–\(bounds[1])"), ("strength", NumberText.fixed(strength, 2)),
    ]
    let parts = try root.member("subspace").optional("parts")?.list ?? []
    if !parts.isEmpty {
      let names = try parts.prefix(8).map { try $0.member("name").text }
      facts.append(
        ("subspaces together", names.joined(separator: ", ") + (parts.count > 8 ? " …" : "")))
    }
    if let count = try recipe.optional("protected_directions")?.count {
      facts.append(("protected", "\(count) directions of neutral text"))
    }
    if let ranking = try recipe.optional("ranking")?.text { facts.append(("directions by", ranking)) }
    facts += [
      ("texts cut after", "\(try recipe.member("max_tokens").count) tokens"),
      ("computed in", try recipe.member("compute").text), ("seed", try recipe.member("seed").text),
      ("profs", try root.member("profs").text),
    ]
    digests = try base.member("files").list.map { (try $0.member("name").text, try $0.member("sha256").text) }
    digests.append(("pairs", try root.member("pairs").member("sha256").text))
    digests.append(("subspace", try root.member("subspace").member("sha256").text))
    if let neutral = try recipe.optional("neutral_sha256") {
      digests.append(("neutral text", try neutral.text))
    }
  }
}

extension ReceiptRecord.Edit {
  /// Reads a tensor; `nil` where it is as it was.
  fileprivate init?(_ field: Field) throws {
    name = try field.member("name").text
    guard let edit = try field.optional("edit") else { return nil }
    block = try edit.member("block").count
    relativeChange = try edit.member("relative_change").number
    residualBefore = try edit.member("residual_before").number
    residual = try edit.member("residual").number
    digests = (try edit.member("sha256_before").text, try field.member("sha256").text)
  }
}
