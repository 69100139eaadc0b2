internal import ArgumentParser
internal import Editing
internal import Evaluation
internal import Foundation
internal import Kernels
internal import PreferenceData
internal import Storage
internal import SubspaceEditing
internal import Transformer

/// `profs pairs check`: what in a file of pairs may mislead a fit.
struct PairsCheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Look for what in preference pairs may mislead a fit.",
    discussion: """
      Duplicates, sides that are the same, sides that differ in length or style, and pairs that may be the wrong way \
      round. With --model also texts beyond the token limit, how far two halves of the pairs agree on the subspace, \
      which tells whether there are enough, and how much of it wrong labels would leave. Exit code 1 only where the file \
      cannot be used.
      """)

  @Argument(help: "The pairs: .jsonl, .json, .csv or .tsv, each also .gz.") var file: String
  @Option(help: ArgumentHelp("Which columns hold the pairs.", valueName: "names")) var columns: String?
  @Option(help: ArgumentHelp("Use the first n pairs only.", valueName: "n")) var limit: Int?
  @OptionGroup var writing: StyleOptions
  @Option(help: "What scores the sides: builtin, hf:FOLDER, hf:FOLDER#LABEL or exec:COMMAND.")
  var scorer = "builtin"
  @Option(help: "Folder in Hugging Face layout, or .gguf file, that the pairs are for.") var model: String?
  @OptionGroup var chat: ChatOptions
  @Option(help: "Whose subspace is compared; natural has none.") var recipe: EditRecipe.Method = .paper
  @Option(
    help: ArgumentHelp(
      "Recipes protected and oblique: the neutral text, as for profs fit.", valueName: "file"))
  var neutral: String?
  @Option(help: ArgumentHelp("Directions in each block.", valueName: "k")) var rank: RankChoice?
  @Option(help: ArgumentHelp("Blocks, counted from 1.", valueName: "a-b")) var layers: LayerRange?
  @Option(help: ArgumentHelp("Texts are cut after this many tokens.", valueName: "n")) var maxTokens = 128
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if let limit, limit < 1 { throw ValidationError("--limit must be at least 1.") }
    try PairOptions.validate(columns: columns)
    if !recipe.usesNeutralText, neutral != nil {
      throw ValidationError("--neutral belongs to --recipe protected and oblique.")
    }
    if recipe == .natural {
      throw ValidationError("--recipe natural finds no subspace that halves could share.")
    }
    if maxTokens < 1 { throw ValidationError("--max-tokens must be at least 1.") }
    if case .fixed(let rank) = rank, rank < 1 { throw ValidationError("--rank must be at least 1.") }
  }

  func run() throws {
    let columns = try columns.map { try PreferenceColumns(parsing: $0) }
    let all = try PreferenceFile(path: file, columns: columns).pairs
    let pairs = Array(all.prefix(limit ?? all.count))
    let check = PairCheck(pairs)
    let context = compute.context(defaultPrecision: .forFitting)
    let scorer = try ScorerSpecification(parsing: scorer).open(context)
    let flips = PairCheck.suspectedFlips(
      pairs, chosen: try scorer.scores(for: pairs.map(\.chosen.lastText)),
      rejected: try scorer.scores(for: pairs.map(\.rejected.lastText)))
    let stability = try model.map { try self.stability($0, context) }
    if output.json {
      Console.json(json(check, flips, scorer.name, stability))
    } else {
      printReport(check, flips, scorer.name, stability)
    }
  }

  /// What a model makes of the pairs.
  private struct ModelFindings {
    var overLimit: [(side: PreferenceSide, texts: Int)]
    var stability: [SubspaceFitting.Stability]
    var labelNoise: [SubspaceFitting.LabelNoise]

    /// The fewest pairs whose subspace another sample of as many would find again.
    var enoughPairs: Int? { stability.first { $0.overlap >= 0.8 }?.pairs }
  }

  private func stability(_ path: String, _ context: ComputeContext) throws -> ModelFindings {
    let opened = try Model(path: path)
    // One token more than is used tells which texts would be cut.
    var options = FitOptions(
      source: PairOptions(pairs: file, columns: columns, chat: chat, limit: limit, style: writing.style),
      recipe: recipe, rank: rank, layers: layers, maxTokens: maxTokens + 1, neutral: neutral)
    let longer = try options.tokenizedPairs(opened)
    options.maxTokens = maxTokens
    let fitting = try options.fitting(opened, context, longer)
    try fitting.rowMemoryPlan(decomposing: longer.chosen.count).requireRoom(for: path)
    let quiet = output.quiet || output.json
    let (stability, _) = try ProgressBar.run("fitting halves of the pairs", quiet: quiet) {
      try fitting.stability(seed: compute.seed, progress: $0)
    }
    return ModelFindings(
      overLimit: [
        (.chosen, longer.chosen.count { $0.count > maxTokens }),
        (.rejected, longer.rejected.count { $0.count > maxTokens }),
      ], stability: stability.samples, labelNoise: stability.labels)
  }

  private func printReport(
    _ check: PairCheck, _ flips: [(line: Int, chosen: Double, rejected: Double)], _ scorer: String,
    _ model: ModelFindings?
  ) {
    Console.result("\(check.pairs) pairs")
    func lines(_ what: String, _ lines: [Int], _ why: String) {
      let list = lines.prefix(8).map(String.init).joined(separator: ", ") + (lines.count > 8 ? ", …" : "")
      Console.result(
        lines.isEmpty ? "✓ no \(what)" : "! \(lines.count) \(what) (line \(list)): \(why)")
    }
    lines("repeated pairs", check.duplicateLines, "each counts again, as if there were more evidence")
    lines("pairs repeated but for case and punctuation", check.nearDuplicateLines, "they count nearly twice")
    lines("pairs with two equal sides", check.identicalLines, "they say nothing of a difference")
    lines(
      "pairs whose sides differ in case and punctuation only", check.nearIdenticalLines,
      "their difference is style alone")
    for balance in check.balances {
      let figures =
        "chosen \(Self.figure(balance.chosen)), rejected \(Self.figure(balance.rejected)), "
        + "consistency \(Self.figure(balance.consistency))"
      Console.result(
        balance.isImbalanced
          ? "! \(balance.trait.words) tells the sides apart: \(figures); "
            + (check.levelling.traits.contains(balance.trait)
              ? "edits but the published ones level it, see --style" : "it can become one of the directions")
          : "✓ \(balance.trait.words) is balanced: \(figures)")
    }
    lines(
      "pairs that may be the wrong way round", flips.map(\.line),
      "the scorer \(scorer) finds the chosen side the worse one")
    guard let model else { return }
    for (side, texts) in model.overLimit {
      Console.result(
        texts == 0
          ? "✓ no \(side.rawValue) text is longer than \(maxTokens) tokens"
          : "! \(texts) \(side.rawValue) texts are longer than \(maxTokens) tokens and will be cut")
    }
    for row in model.stability {
      Console.result(
        "  two samples of \(row.pairs) pairs share \(Self.figure(100 * row.overlap)) % of their subspaces "
          + "(chance: \(Self.figure(100 * row.chance)) %)")
    }
    Console.result(
      model.enoughPairs.map { "✓ \($0) pairs are enough: another \($0) would find 80 % of the same subspace" }
        ?? "! more pairs would still move the subspace: no two samples share 80 % of theirs")
    for row in model.labelNoise {
      Console.result(
        "\(row.overlap >= 0.8 ? "✓" : "!") with the sides of \(Int(100 * row.share)) % of the pairs exchanged, "
          + "\(Self.figure(100 * row.overlap)) % of the subspace is left")
    }
  }

  private func json(
    _ check: PairCheck, _ flips: [(line: Int, chosen: Double, rejected: Double)], _ scorer: String,
    _ model: ModelFindings?
  ) -> JSON {
    func lines(_ lines: [Int]) -> JSON { .array(lines.map { .int($0) }) }
    var members: [(key: String, value: JSON)] = [
      ("pairs", .int(check.pairs)),
      ("duplicates", ["exact": lines(check.duplicateLines), "normalized": lines(check.nearDuplicateLines)]),
      ("equal_sides", ["exact": lines(check.identicalLines), "normalized": lines(check.nearIdenticalLines)]),
      (
        "balance",
        .array(
          check.balances.map {
            [
              "trait": .string($0.trait.rawValue), "chosen": .double($0.chosen),
              "rejected": .double($0.rejected),
              "consistency": $0.consistency.isFinite ? .double($0.consistency) : .null,
              "imbalanced": .bool($0.isImbalanced),
              "levelled": .bool(check.levelling.traits.contains($0.trait)),
            ]
          })
      ),
      ("scorer", .string(scorer)),
      (
        "suspected_flips",
        .array(
          flips.map {
            ["line": .int($0.line), "chosen": .double($0.chosen), "rejected": .double($0.rejected)]
          })
      ),
    ]
    if let model {
      members += [
        ("token_limit", .int(maxTokens)),
        ("over_limit", .object(model.overLimit.map { ($0.side.rawValue, JSON.int($0.texts)) })),
        (
          "stability",
          .array(
            model.stability.map {
              ["pairs": .int($0.pairs), "overlap": .double($0.overlap), "chance": .double($0.chance)]
            })
        ),
        ("enough_pairs", model.enoughPairs.map { .int($0) } ?? .null),
        (
          "label_noise",
          .array(model.labelNoise.map { ["share": .double($0.share), "overlap": .double($0.overlap)] })
        ),
      ]
    }
    return .object(members)
  }

  private static func figure(_ value: Double) -> String { String(format: "%.2f", value) }
}
