internal import ArgumentParser
internal import Editing
internal import Studies

/// Whether a step gets a second one behind it, and from what.
struct CorrectionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Recipe natural: prompts, such as those that the pairs were mined from, on which a second step is fitted, from what the edited model writes there towards the most probable harmless texts. Keeps what the edit writes more probable.",
      valueName: "file"))
  var correctOn: String?

  @Option(
    help: ArgumentHelp(
      "How many times that step counts beside the first; 1 unless given.", valueName: "x"))
  var correction: Double?

  @Option(
    help: ArgumentHelp(
      "What tells harmless texts there, as profs eval takes it; builtin unless given.", valueName: "scorer"))
  var correctBy: String?

  func validate() throws {
    if let correction, !correction.isFinite || correction <= 0 {
      throw ValidationError("--correction must be above 0.")
    }
    if correctOn == nil, correction != nil || correctBy != nil {
      throw ValidationError("--correction and --correct-by belong to --correct-on.")
    }
  }

  /// Throws a usage error where a recipe was chosen that makes no step.
  func validate(recipe: EditRecipe.Method?) throws {
    if correctOn != nil, let recipe, recipe != .natural {
      throw ValidationError("--correct-on belongs to --recipe natural.")
    }
  }

  /// How many times the second step counts.
  var weight: Double { correction ?? StepCorrection.standardWeight }

  /// Who tells harmless texts.
  var scorer: String { correctBy ?? "builtin" }
}
