internal import ArgumentParser

/// What `profs edit --auto` chooses by.
struct AutomaticOptions: ParsableArguments {
  @Flag(help: "Choose recipe, protection, rank, blocks and strength by trying more than a hundred edits.")
  var auto = false

  @Option(
    help: ArgumentHelp(
      "Prompts that no pair was made from: half of them choose the edit, the others judge it.",
      valueName: "file"))
  var prompts: String?

  @Option(help: ArgumentHelp("Text for perplexity: one text, or a .jsonl of texts.", valueName: "file"))
  var text: String?

  @Option(help: ArgumentHelp("Use the first n tokens of the text only.", valueName: "n")) var textLimit = 8192

  @OptionGroup var search: SearchOptions

  @Option(help: ArgumentHelp("Tokens of a continuation.", valueName: "n")) var maxNewTokens = 10

  @Option(
    name: .customLong("scorer"),
    help: ArgumentHelp(
      "What scores toxicity, as profs eval takes it. May be given several times: the first chooses, all judge.",
      valueName: "scorer"))
  var scorers: [String] = []

  func validate() throws {
    if textLimit < 2 { throw ValidationError("--text-limit must be at least 2.") }
    if maxNewTokens < 1 { throw ValidationError("--max-new-tokens must be at least 1.") }
    if auto, prompts == nil || text == nil {
      throw ValidationError("--auto needs --prompts and --text to judge edits by.")
    }
    if !auto, prompts != nil || text != nil || !scorers.isEmpty || !search.recipes.isEmpty {
      throw ValidationError("--prompts, --text, --scorer and --try belong to --auto.")
    }
  }
}
