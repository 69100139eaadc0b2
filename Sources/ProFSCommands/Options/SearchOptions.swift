internal import ArgumentParser
internal import Editing
internal import Studies

/// What a search for the best edit tries, and what the edit may cost.
struct SearchOptions: ParsableArguments {
  private static let standardIncrease = Share(0.03)
  private static let standardContinuationIncrease = Share(0.1)

  @Option(help: ArgumentHelp("Largest increase of perplexity, such as 3%.", valueName: "share"))
  var maxPerplexityIncrease = Self.standardIncrease

  @Option(
    help: ArgumentHelp(
      "Largest increase of the continuations' perplexity under the unedited model; what is chosen leaves room for its standard error.",
      valueName: "share"))
  var maxContinuationIncrease = Self.standardContinuationIncrease

  @Option(
    name: .customLong("try"),
    help: ArgumentHelp("Try edits of this recipe only; may be given several times.", valueName: "recipe"))
  var recipes: [EditRecipe.Method] = []

  /// Whether nothing was given that differs from the defaults.
  var isStandard: Bool {
    recipes.isEmpty && maxPerplexityIncrease == Self.standardIncrease
      && maxContinuationIncrease == Self.standardContinuationIncrease
  }

  /// What the search allows.
  func settings(newTokens: Int) -> Tuning.Settings {
    var settings = Tuning.Settings()
    settings.budget = maxPerplexityIncrease.value
    settings.continuationBudget = maxContinuationIncrease.value
    settings.newTokens = newTokens
    return settings
  }

  func validate() throws {
    if maxPerplexityIncrease.value <= 0 || maxContinuationIncrease.value <= 0 {
      throw ValidationError(
        "--max-perplexity-increase and --max-continuation-increase must be above 0.")
    }
    if recipes.contains(.detoxEdit) { throw ValidationError("--try does not know recipe detox-edit.") }
  }
}
