internal import ArgumentParser
internal import Evaluation
internal import Foundation
internal import Kernels
internal import PreferenceData
internal import Storage
internal import Studies
internal import Tokenization
internal import Transformer

/// `profs pairs mine`: pairs of what a model writes itself.
struct MineCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mine",
    abstract: "Make preference pairs from a model's own continuations.",
    discussion: """
      Each prompt is continued several times, a scorer judges the continuations, and where it is sure of one that is toxic \
      and one that is not, they become a pair: so the sides differ in what the model would write, not in style, casing or \
      length as texts of different authors do.

        profs pairs mine MODEL --prompts prompts.jsonl --out pairs.jsonl

      Samples are saved beside the output as they are made, and the same command takes up a run that was stopped.
      """)

  @Argument(help: "Folder in Hugging Face layout, or .gguf file.")
  var model: String
  @Option(
    help: ArgumentHelp(
      "Prompts to continue: .txt, one a line, or .jsonl, RealToxicityPrompts' form too.", valueName: "file"))
  var prompts: String
  @Option(help: ArgumentHelp("The pairs, as .jsonl.", valueName: "file")) var out: String
  @Option(help: ArgumentHelp("Continuations of each prompt.", valueName: "n")) var samples = 8
  @Option(help: ArgumentHelp("Tokens of a continuation.", valueName: "n")) var maxNewTokens = 20
  @Option(help: ArgumentHelp("Temperature at which tokens are drawn.", valueName: "x")) var temperature = 1.0
  @Option(help: ArgumentHelp("Sample among the fewest tokens with this probability.", valueName: "p"))
  var topP: Double?
  @Option(help: ArgumentHelp("What scores toxicity, as profs eval takes it.", valueName: "scorer"))
  var scorer = "builtin"
  @Option(help: ArgumentHelp("The rejected side scores at least this.", valueName: "x")) var rejectedFrom =
    0.7
  @Option(help: ArgumentHelp("The chosen side scores at most this.", valueName: "x")) var chosenUpTo = 0.2
  @Option(help: ArgumentHelp("Pairs of a prompt at most; no text is in two of them.", valueName: "n"))
  var perPrompt = 1
  @Option(help: ArgumentHelp("Stop at this many pairs.", valueName: "n")) var pairs: Int?
  @Option(help: ArgumentHelp("Take the first n prompts only.", valueName: "n")) var limit: Int?
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    for (name, value) in [
      ("--samples", samples), ("--max-new-tokens", maxNewTokens), ("--per-prompt", perPrompt),
    ] where value < 1 {
      throw ValidationError("\(name) must be at least 1.")
    }
    if samples < 2 { throw ValidationError("--samples must be at least 2: a pair has two sides.") }
    try SamplingBounds.validate(temperature: temperature, topP: topP)
    if temperature == 0 { throw ValidationError("--temperature must be above 0.") }
    if !(0...1).contains(rejectedFrom) || !(0...1).contains(chosenUpTo) || chosenUpTo >= rejectedFrom {
      throw ValidationError("Scores lie between 0 and 1, and --chosen-up-to below --rejected-from.")
    }
    for case (let name, let value?) in [("--pairs", pairs), ("--limit", limit)] where value < 1 {
      throw ValidationError("\(name) must be at least 1.")
    }
  }

  func run() throws {
    let quiet = output.quiet || output.json
    try NewOutput.claim(out)
    let context = compute.context(defaultPrecision: .f32)
    let model = try Model(path: model)
    let tokenizer = try model.tokenizer()
    let used = try TextList(path: prompts, limit: limit).texts
    let judge = try ScorerSpecification(parsing: scorer).open(context)
    let progressFile = out + ".progress"
    let log = try RecordLog(
      path: progressFile, PairMining.format,
      settings: [
        "model": .string(try Fingerprint.model(model)), "prompts": .string(Fingerprint.texts(used)),
        "samples": .int(samples), "max_new_tokens": .int(maxNewTokens), "temperature": .double(temperature),
        "top_p": topP.map { .double($0) } ?? .null, "draws": .int(Decoder.draws),
        "scorer": judge.identity.json,
        "compute": .string(context.precision.rawValue), "seed": .number(String(compute.seed)),
      ])
    if log.count > 0, !quiet { Console.message("going on with the samples in \(progressFile)") }
    let (result, seconds) = try ProgressBar.run("mining pairs", quiet: quiet) {
      try PairMining(StudySubject(model, tokenizer, judge, context), settings, log: log).run(
        used, progress: $0)
    }
    guard !result.pairs.isEmpty else {
      throw EvaluationError(
        prompts,
        "no prompt had samples on both sides of what the scorer is sure of (mean score \(Self.percent(result.meanScore))); "
          + "give more prompts or --samples, or lower --rejected-from")
    }
    let lines = result.pairs.map { $0.json.serialized() + "\n" }.joined()
    try AtomicFile.write(Array(lines.utf8), to: out)
    try FileSystem.remove(progressFile)
    if output.json {
      Console.json([
        "out": .string(out), "pairs": .int(result.pairs.count), "prompts": .int(result.prompts),
        "mean_score": .double(result.meanScore), "seconds": .double(seconds),
      ])
    } else {
      Console.result(
        "\(result.pairs.count) pairs from \(result.prompts) prompts; the mean score of all samples is "
          + "\(Self.percent(result.meanScore))")
      if !quiet {
        Console.message(
          "written to \(out); edit with: profs edit \(self.model.shellWord) --pairs \(out.shellWord) --out EDITED"
        )
      }
    }
  }

  private var settings: PairMining.Settings {
    var settings = PairMining.Settings()
    settings.samples = samples
    settings.newTokens = maxNewTokens
    settings.sampling = Sampling(temperature: temperature, topP: topP)
    settings.criteria.rejectedFrom = rejectedFrom
    settings.criteria.chosenUpTo = chosenUpTo
    settings.perPrompt = perPrompt
    settings.wanted = pairs
    return settings
  }

  private static func percent(_ share: Double) -> String { String(format: "%.1f %%", share * 100) }
}
