internal import ArgumentParser
internal import Editing
internal import Evaluation
internal import Foundation
internal import Kernels
internal import PreferenceData
internal import Storage
internal import Studies
internal import Tokenization
internal import Transformer

/// `profs tune`: which edit, found by trying.
struct TuneCommand: SplitCommand {
  static let configuration = CommandConfiguration(
    commandName: "tune",
    abstract: "Find the edit that lowers toxicity most within a budget of perplexity.",
    discussion: """
      More than a hundred edits (recipes, protection, ranks, blocks, strengths) are tried side by side in rounds: all of \
      them on few prompts and little text, the best of each round on more. Give prompts that no pair was made from, and keep \
      others for the final evaluation: what was tuned on flatters.

        profs tune MODEL --pairs pairs.jsonl --prompts validation.txt --out tune.json

      With --out the measurements are saved as the run goes on, and the same command takes up a run that was stopped.
      """)

  @Argument(help: "Folder in Hugging Face layout, or .gguf file.")
  var model: String
  @OptionGroup var source: PairOptions
  @Option(
    help: ArgumentHelp(
      "Validation prompts: .txt, one a line, or .jsonl, RealToxicityPrompts' form too.", valueName: "file"))
  var prompts: String
  @Option(
    help: ArgumentHelp(
      "Text for perplexity: one text, or a .jsonl of texts; builtin: 1,600 words that are part of profs.",
      valueName: "file"))
  var text = WindowOptions.builtinText
  @Option(help: ArgumentHelp("Use the first n tokens of the text only.", valueName: "n")) var textLimit = 8192
  @OptionGroup var search: SearchOptions
  @Option(help: ArgumentHelp("What scores toxicity, as profs eval takes it.", valueName: "scorer"))
  var scorer = "builtin"
  @Option(help: ArgumentHelp("Tokens of a continuation.", valueName: "n")) var maxNewTokens = 10
  @Option(help: ArgumentHelp("Texts of the pairs are cut after this many tokens.", valueName: "n"))
  var maxTokens = 128
  @Option(help: ArgumentHelp("File for the measurements, in JSON.", valueName: "file")) var out: String?
  @Option(
    help: ArgumentHelp(
      "Prompts, such as those that the pairs were mined from, for edits with a second step: see profs edit --help.",
      valueName: "file"))
  var correctOn: String?
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  /// In which the search fits and measures, and so the edit that it chooses is to be made.
  var precision: ComputePrecision { compute.compute ?? .f32 }

  private var correctionWords: String {
    "--correct-on \((correctOn ?? "").shellWord) "
      + (scorer == "builtin" ? "" : "--correct-by \(scorer.shellWord) ")
  }

  func validate() throws {
    if textLimit < 2 { throw ValidationError("--text-limit must be at least 2.") }
    if maxNewTokens < 1 { throw ValidationError("--max-new-tokens must be at least 1.") }
    if maxTokens < 1 { throw ValidationError("--max-tokens must be at least 1.") }
  }

  func run() throws {
    let quiet = output.quiet || output.json
    let result = try TuneJob(self, quiet: quiet).run()
    if output.json {
      Console.json(result.summary)
      return
    }
    for line in TuningTable(result.tuning, budget: search.maxPerplexityIncrease.value).lines {
      Console.result(line)
    }
    if !quiet {
      Console.message(
        "edit with: profs edit \(model.shellWord) \(source.words(standardStyle: .level)) --max-tokens \(maxTokens) "
          + "--compute \(precision.rawValue) \(result.chosen.candidate.options) "
          + (result.chosen.candidate.correction > 0 ? correctionWords : "") + "--out EDITED")
    }
  }
}

/// A share of a whole as a person writes it: `3%` or `0.03`.
struct Share: ExpressibleByArgument, Equatable, Sendable {
  /// 0.03 for 3 %.
  var value: Double

  /// A share.
  init(_ value: Double) { self.value = value }

  /// Reads `3%` or `0.03`; `nil` for anything else.
  init?(argument: String) {
    let isPercent = argument.hasSuffix("%")
    guard let number = Double(isPercent ? String(argument.dropLast()) : argument), number.isFinite else {
      return nil
    }
    value = isPercent ? number / 100 : number
  }

  /// In percent, as the help shows a default.
  var defaultValueDescription: String { String(format: "%g%%", value * 100) }
}
