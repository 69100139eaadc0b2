internal import ArgumentParser
internal import Evaluation
internal import Foundation
internal import Kernels
internal import Storage
internal import Tokenization
internal import Transformer

/// `profs perplexity`: how well a model predicts a text.
struct PerplexityCommand: SplitCommand {
  static let configuration = CommandConfiguration(
    commandName: "perplexity", abstract: "Measure how well a model predicts a text.",
    discussion: """
      The text is read through overlapping windows; each scores the tokens that none before it did, and every scored \
      token counts the same. The recipe detox-edit is the paper's code: windows of the model's length, stride 512, and \
      the unweighted mean of the windows' losses.
      """)

  @Argument(help: "Folder in Hugging Face layout, or .gguf file.")
  var model: String

  @Option(
    help: ArgumentHelp(
      "A text file, taken as one text, or a .jsonl of texts, each read by itself.", valueName: "file"))
  var text: String
  @Option(help: ArgumentHelp("Use the first n tokens only.", valueName: "n")) var limit: Int?
  @OptionGroup var windows: WindowOptions
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if let limit, limit < 2 { throw ValidationError("--limit must be at least 2.") }
  }

  func run() throws {
    let opened = try Model(path: model)
    let windows = try windows.windows(text, opened, try opened.tokenizer(), limit: limit)
    let (result, seconds) = try ProgressBar.run("measuring perplexity", quiet: output.quiet || output.json) {
      try Perplexity(
        opened, compute.context(defaultPrecision: .f32, ranks: .world), windows,
        weighting: self.windows.weighting,
        progress: $0)
    }
    if output.json {
      Console.json([
        "perplexity": .double(result.perplexity), "nll": .double(result.negativeLogLikelihood),
        "tokens": .int(result.tokens), "seconds": .double(seconds),
      ])
    } else {
      Console.result(
        "perplexity \(String(format: "%.4f", result.perplexity)) over \(result.tokens) tokens "
          + "(\(String(format: "%.5f", result.meanLoss)) nats a token)")
    }
  }
}
