extension RunRecord {
  /// Reads `profs.json` of what `profs dpo` wrote: what it was trained from and on.
  init(trainingReceipt root: Field) throws {
    let (base, training) = (try root.member("base"), try root.member("training"))
    let tensors = try root.member("tensors").list
    func pairs(_ key: String) throws -> String {
      NumberText.grouped(Double(try root.member(key).member("count").count))
    }
    var facts: [Fact] = [
      ("base", try base.member("name").text), ("output", try root.member("output").text),
      ("method", try training.member("method").text), ("trained", try training.member("train").text),
      ("steps", NumberText.grouped(Double(try root.member("steps").count))), ("pairs", try pairs("pairs")),
      ("pairs for validation", try pairs("validation")),
      (
        "tensors trained",
        "\(try tensors.count { try $0.member("trained").bool }) of \(NumberText.grouped(Double(tensors.count)))"
      ),
    ]
    if let rank = try training.optional("lora_rank")?.count { facts.append(("rank of adapters", "\(rank)")) }
    for file in try base.member("files").list.prefix(8) {
      facts.append(("SHA-256 of \(try file.member("name").text)", try file.member("sha256").text))
    }
    facts.append(("SHA-256 of the pairs' tokens", try root.member("pairs").member("sha256").text))
    self = .work(title: "Training", stages: [], facts: facts)
  }
}
