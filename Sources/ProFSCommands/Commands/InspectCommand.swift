internal import ArgumentParser
internal import Checkpoints
internal import Editing
internal import Kernels
internal import Storage
internal import SubspaceEditing
internal import Tokenization
internal import Transformer

/// `profs inspect`: what a model is and what an edit of it will take, before anything runs.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show what a model is, and the memory and time an edit of it will take.",
    discussion: """
      The plan is for profs edit with the same options. Without --pairs it assumes 500 pairs of 16 tokens a side.
      """)

  @Argument(help: "Folder in Hugging Face layout, or .gguf file.")
  var model: String

  @Option(help: ArgumentHelp("The pairs the plan is for.", valueName: "file")) var pairs: String?
  @Option(help: ArgumentHelp("Which columns hold the pairs.", valueName: "names")) var columns: String?
  @OptionGroup var chat: ChatOptions
  @Option(help: ArgumentHelp("Use the first n pairs only.", valueName: "n")) var limit: Int?
  @OptionGroup var writing: StyleOptions
  @Option(help: "How the edit is found; by default natural.") var recipe: EditRecipe.Method?
  @Option(help: ArgumentHelp("Directions of the edit in each block.", valueName: "k")) var rank: RankChoice?
  @Option(help: ArgumentHelp("Blocks to edit, counted from 1.", valueName: "a-b")) var layers: LayerRange?
  @Option(help: ArgumentHelp("Texts are cut after this many tokens.", valueName: "n")) var maxTokens = 128
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if let limit, limit < 1 { throw ValidationError("--limit must be at least 1.") }
    if case .fixed(let rank) = rank, rank < 1 { throw ValidationError("--rank must be at least 1.") }
    if maxTokens < 1 { throw ValidationError("--max-tokens must be at least 1.") }
    try PairOptions.validate(columns: columns)
  }

  func run() throws {
    let opened = try Model(path: model)
    let meter = MemoryMeter()
    let fitting = try self.fitting(opened)
    let context = fitting.context
    let plan = try fitting.memoryPlan().withProgram(meter)
    let seconds = fitting.operations / context.measuredRate()
    let weights = opened.tensors.entries.reduce(0) { $0 + $1.bytes.count }
    output.json
      ? Console.json(json(opened, fitting, plan, context, seconds, weights))
      : print(opened, fitting, plan, context, seconds, weights)
  }

  /// The fit that is planned for: of the pairs given, or of texts that stand for pairs.
  private func fitting(_ model: Model) throws -> SubspaceFitting {
    let context = compute.context(defaultPrecision: .forFitting)
    let options = FitOptions(
      source: PairOptions(
        pairs: pairs ?? "", columns: columns, chat: chat, limit: limit, style: writing.style),
      recipe: recipe, rank: rank, layers: layers, maxTokens: maxTokens)
    var sides = PairOptions.TokenizedPairs()
    if pairs != nil {
      sides = try options.tokenizedPairs(model)
      if !output.quiet { sides.notes.forEach { Console.message("note: " + $0) } }
    } else {
      // Texts that share nothing, so that none of their tokens are saved.
      let vocabulary = Int32(clamping: model.configuration.vocabulary)
      let texts = (0..<1000).map { text in (0..<16).map { Int32(text * 16 + $0) % vocabulary } }
      (sides.chosen, sides.rejected) = (Array(texts[..<500]), Array(texts[500...]))
      _ = try model.tokenizer()
    }
    return try options.fitting(model, context, sides)
  }

  private func typeCounts(_ model: Model) -> [(type: String, tensors: Int, bytes: Int)] {
    var counts: [(type: String, tensors: Int, bytes: Int)] = []
    for entry in model.tensors.entries {
      if let index = counts.firstIndex(where: { $0.type == entry.type.name }) {
        counts[index].tensors += 1
        counts[index].bytes += entry.bytes.count
      } else {
        counts.append((entry.type.name, 1, entry.bytes.count))
      }
    }
    return counts
  }

  private func print(
    _ model: Model, _ fitting: SubspaceFitting, _ plan: MemoryPlan, _ context: ComputeContext,
    _ seconds: Double, _ weights: Int
  ) {
    let c = model.configuration
    func row(_ label: String, _ value: String) { Console.result(label.rightPadded(16) + value) }
    row("family", model.family.name)
    row("blocks", "\(c.blocks), \(c.hidden) wide, MLP \(kinds(c) { "\($0.intermediate)" })")
    row(
      "heads", kinds(c) { "\($0.heads) of \($0.headDimension), \($0.keyValueHeads) for keys and values" })
    if let net = c.deltaNet, recurrentBlocks(c) > 0 {
      row(
        "gated delta net",
        "in place of attention in \(recurrentBlocks(c)) blocks: \(net.keyHeads) heads of \(net.keyDimension) for queries and keys, "
          + "\(net.valueHeads) of \(net.valueDimension) for values")
    }
    row("vocabulary", "\(c.vocabulary)\(c.tiedHead ? ", output head tied to the embedding" : "")")
    row("positions", "\(c.maximumPositions)")
    row("weights", "\(model.tensors.entries.count) tensors, \(formattedBytes(weights))")
    for (type, tensors, bytes) in typeCounts(model) {
      row("", "\(type): \(tensors), \(formattedBytes(bytes))")
    }
    row("edited role", "\(model.tensorName(.mlpValue, block: 1) ?? "") …")
    Console.result()
    Console.result("memory of an edit, mapped files left out: \(formattedBytes(plan.total))")
    for item in plan.items {
      Console.result("  " + formattedBytes(item.bytes).leftPadded(8) + "  \(item.purpose)")
    }
    if let gram = fitting.gramDescription { Console.result("decomposed in each block: \(gram)") }
    let passes = fitting.weightPasses
    Console.result(
      "weights are read \(passes == 1 ? "once" : "\(passes) times, for a portion of the texts each")")
    Console.result(
      "time of the fit: about \(ProgressBar.time(seconds * PlanReport.fitAllowance)) "
        + "(\(context.precision.rawValue), \(context.threads) threads, measured just now)")
  }

  /// How many blocks have a gated delta net in place of attention.
  private func recurrentBlocks(_ c: ModelConfiguration) -> Int { (1...c.blocks).count(where: c.isRecurrent) }

  /// What `describe` says of each kind of block, and of how many where they differ.
  private func kinds(_ c: ModelConfiguration, _ describe: (ModelConfiguration) -> String) -> String {
    var counts: [(text: String, count: Int)] = []
    for block in 1...c.blocks {
      let text = describe(c.block(block))
      if let index = counts.firstIndex(where: { $0.text == text }) {
        counts[index].count += 1
      } else {
        counts.append((text, 1))
      }
    }
    if counts.count == 1 { return counts[0].text }
    return counts.map { "\($0.text) (in \($0.count))" }.joined(separator: "; ")
  }

  private func json(
    _ model: Model, _ fitting: SubspaceFitting, _ plan: MemoryPlan, _ context: ComputeContext,
    _ seconds: Double, _ weights: Int
  ) -> JSON {
    let c = model.configuration
    return [
      "family": .string(model.family.name), "blocks": .int(c.blocks), "hidden": .int(c.hidden),
      "intermediate": .int(c.intermediate), "heads": .int(c.heads), "key_value_heads": .int(c.keyValueHeads),
      "head_dim": .int(c.headDimension), "delta_net_blocks": .int(recurrentBlocks(c)),
      "vocabulary": .int(c.vocabulary),
      "positions": .int(c.maximumPositions),
      "tied_head": .bool(c.tiedHead), "tensors": .int(model.tensors.entries.count),
      "weight_bytes": .int(weights),
      "types": .object(typeCounts(model).map { ($0.type, JSON.int($0.bytes)) }),
      "compute": .string(context.precision.rawValue), "threads": .int(context.threads),
      "memory_bytes": .int(plan.total),
      "memory": .array(plan.items.map { ["purpose": .string($0.purpose), "bytes": .int($0.bytes)] }),
      "gram": fitting.gram, "weight_passes": .int(fitting.weightPasses),
      "fit_operations": .double(fitting.operations),
      "fit_seconds": .double(seconds * PlanReport.fitAllowance),
    ]
  }
}
