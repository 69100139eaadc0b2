internal import ArgumentParser

/// What `profs edit --auto` chooses by.
struct AutomaticOptions: ParsableArguments {
  private static let standardTextLimit = 8192
  private static let standardNewTokens = 10

  @Flag(help: "Choose recipe, protection, rank, blocks and strength by trying more than a hundred edits.")
  var auto = false

  @Option(
    help: ArgumentHelp(
      "Prompts that no pair was made from: half of them choose the edit, the others judge it.",
      valueName: "file"))
  var prompts: String?

  @Option(
    help: ArgumentHelp(
      "Text for perplexity: one text, or a .jsonl of texts; builtin: 1,600 words that are part of profs.",
      valueName: "file"))
  var text = WindowOptions.builtinText

  @Option(help: ArgumentHelp("Use the first n tokens of the text only.", valueName: "n")) var textLimit =
    Self.standardTextLimit

  @OptionGroup var search: SearchOptions

  @Option(help: ArgumentHelp("Tokens of a continuation.", valueName: "n")) var maxNewTokens =
    Self.standardNewTokens

  @Option(
    name: .customLong("scorer"),
    help: ArgumentHelp(
      "What scores toxicity, as profs eval takes it. May be given several times: the first chooses, all judge.",
      valueName: "scorer"))
  var scorers: [String] = []

  func validate() throws {
    if textLimit < 2 { throw ValidationError("--text-limit must be at least 2.") }
    if maxNewTokens < 1 { throw ValidationError("--max-new-tokens must be at least 1.") }
    if auto, prompts == nil { throw ValidationError("--auto needs --prompts to judge edits by.") }
    if !auto, isGiven {
      throw ValidationError(
        "--prompts, --text, --text-limit, --max-new-tokens, --scorer, --try, --max-perplexity-increase and "
          + "--max-continuation-increase belong to --auto.")
    }
  }

  /// Whether any of them was given, as far as a value tells it from its default.
  private var isGiven: Bool {
    prompts != nil || text != WindowOptions.builtinText || !scorers.isEmpty
      || textLimit != Self.standardTextLimit
      || maxNewTokens != Self.standardNewTokens || !search.isStandard
  }
}
