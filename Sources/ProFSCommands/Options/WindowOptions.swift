internal import ArgumentParser
internal import Editing
internal import Evaluation
internal import PreferenceData
internal import Storage
internal import Tokenization
internal import Transformer

/// How perplexity reads a text; shared by the commands that measure it.
struct WindowOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Tokens of a window; by default 1024, or the model's length.", valueName: "n"))
  var window: Int?
  @Option(help: ArgumentHelp("Tokens from one window to the next; by default half a window.", valueName: "n"))
  var stride: Int?
  @Option(help: "A published protocol instead of --window and --stride.") var recipe: PerplexityRecipe?

  func validate() throws {
    if recipe != nil, window != nil || stride != nil {
      throw ValidationError("--recipe sets window and stride itself.")
    }
    if let window, window < 2 { throw ValidationError("--window must be at least 2.") }
    if let stride, stride < 1 { throw ValidationError("--stride must be at least 1.") }
    if let window, let stride, stride > window {
      throw ValidationError("--stride must be at most --window.")
    }
  }

  /// Stands for the text that is part of the program, in the place of a file's name.
  static let builtinText = "builtin"

  /// How the windows' losses are averaged.
  var weighting: Perplexity.Weighting { recipe == .detoxEdit ? .windows : .tokens }

  /// The windows over the texts of a file, one text, or each of the texts of a `.jsonl` or `.json` list, or over the built-in
  /// text.
  ///
  /// - Parameter limit: tokens that are read, counted over all texts.
  func windows(_ path: String, _ model: Model, _ tokenizer: Tokenizer, limit: Int?) throws -> TextWindows {
    let positions = model.configuration.maximumPositions
    let length = recipe == .detoxEdit ? positions : window ?? min(1024, positions)
    return try Self.windows(
      path, tokenizer, length: length,
      stride: recipe == .detoxEdit ? min(512, length) : stride ?? max(1, length / 2), limit: limit)
  }

  /// Windows of `length` tokens, `stride` apart, or one behind the other.
  static func windows(_ path: String, _ tokenizer: Tokenizer, length: Int, stride: Int? = nil, limit: Int?)
    throws
    -> TextWindows
  {
    var left = limit ?? Int.max
    let texts = try texts(path).map { text in
      let kept = try tokenizer.encode(text, first: left)
      left -= kept.count
      return kept
    }
    guard texts.contains(where: { $0.count >= 2 }) else {
      throw EvaluationError(
        path, "perplexity needs at least 2 tokens, found \(texts.map(\.count).max() ?? 0)")
    }
    return try TextWindows(texts, length: length, stride: stride ?? length)
  }

  private static func texts(_ path: String) throws -> [[UInt8]] {
    if path == builtinText { return [NeutralText.measured] }
    let name = path.lowercased()
    let isList = [".jsonl", ".json"].contains { name.hasSuffix($0) || name.hasSuffix($0 + ".gz") }
    if isList { return try TextList(path: path).texts.map { Array($0.utf8) } }
    guard !name.hasSuffix(".gz") else {
      throw EvaluationError(path, "only lists of texts are read packed; unpack it, or give a .jsonl.gz")
    }
    return [try FileSystem.readFile(path, limit: 1 << 30)]
  }
}

/// A published way of measuring perplexity.
enum PerplexityRecipe: String, ExpressibleByArgument, CaseIterable {
  /// The paper's code: windows of the model's length, stride 512, unweighted mean of their losses.
  case detoxEdit = "detox-edit"
}
