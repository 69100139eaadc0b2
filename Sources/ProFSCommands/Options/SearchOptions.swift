internal import ArgumentParser
internal import Editing

/// What a search for the best edit tries, and what the edit may cost.
struct SearchOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Largest increase of perplexity, such as 3%.", valueName: "share"))
  var maxPerplexityIncrease = Share(0.03)

  @Option(
    help: ArgumentHelp(
      "Largest increase of the continuations' perplexity under the unedited model.", valueName: "share"))
  var maxContinuationIncrease = Share(0.1)

  @Option(
    name: .customLong("try"),
    help: ArgumentHelp("Try edits of this recipe only; may be given several times.", valueName: "recipe"))
  var recipes: [EditRecipe.Method] = []

  func validate() throws {
    if maxPerplexityIncrease.value <= 0 || maxContinuationIncrease.value <= 0 {
      throw ValidationError(
        "--max-perplexity-increase and --max-continuation-increase must be above 0.")
    }
    if recipes.contains(.detoxEdit) { throw ValidationError("--try does not know recipe detox-edit.") }
  }
}
