internal import ArgumentParser
internal import Evaluation
internal import Foundation
internal import Kernels
internal import Storage
internal import Tokenization
internal import Transformer

/// `profs perplexity`: how well a model predicts a text.
struct PerplexityCommand: ParsableCommand {
  /// A published way of measuring.
  enum Recipe: String, ExpressibleByArgument, CaseIterable {
    case detoxEdit = "detox-edit"
  }

  static let configuration = CommandConfiguration(
    commandName: "perplexity",
    abstract: "Perplexity of a model on a text.",
    discussion: """
      The text is read through overlapping windows; each scores the tokens that none before it did, and every scored \
      token counts the same. The recipe detox-edit is the paper's code: windows of the model's length, stride 512, and \
      the unweighted mean of the windows' losses.
      """)

  @Argument(help: "Folder in Hugging Face layout, or .gguf file.")
  var model: String

  @Option(help: ArgumentHelp("A text file, taken as one text.", valueName: "file")) var text: String
  @Option(help: ArgumentHelp("Tokens of a window; by default 1024, or the model's length.", valueName: "n"))
  var window: Int?
  @Option(help: ArgumentHelp("Tokens from one window to the next; by default half a window.", valueName: "n"))
  var stride: Int?
  @Option(help: ArgumentHelp("Use the first n tokens only.", valueName: "n")) var limit: Int?
  @Option(help: "A published protocol instead of --window and --stride.") var recipe: Recipe?
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if recipe != nil, window != nil || stride != nil {
      throw ValidationError("--recipe sets window and stride itself.")
    }
  }

  func run() throws {
    let opened = try Model(path: model)
    let tokenizer = try opened.tokenizer()
    var tokens = try tokenizer.encode(try FileSystem.readFile(text, limit: 1 << 30))
    if let limit { tokens.removeLast(max(0, tokens.count - limit)) }
    let positions = opened.configuration.maximumPositions
    let length = recipe == .detoxEdit ? positions : window ?? min(1024, positions)
    let (result, seconds) = try ProgressBar.run("measuring perplexity", quiet: output.quiet || output.json) {
      try Perplexity(
        opened, compute.context(defaultPrecision: .f32), tokens: tokens, length: length,
        stride: recipe == .detoxEdit ? min(512, length) : stride ?? max(1, length / 2),
        weighting: recipe == .detoxEdit ? .windows : .tokens, progress: $0)
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
