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

  @Option(help: ArgumentHelp("Largest increase of perplexity, such as 3%.", valueName: "share"))
  var maxPerplexityIncrease = Share(0.03)

  @Option(
    name: .customLong("scorer"),
    help: ArgumentHelp(
      "What scores toxicity, as profs eval takes it. May be given several times: the first chooses, all judge.",
      valueName: "scorer"))
  var scorers: [String] = []

  func validate() throws {
    if auto, prompts == nil || text == nil {
      throw ValidationError("--auto needs --prompts and --text to judge edits by.")
    }
    if !auto, prompts != nil || text != nil || !scorers.isEmpty {
      throw ValidationError("--prompts, --text and --scorer belong to --auto.")
    }
  }
}
