public import ArgumentParser
public import Editing
internal import Kernels
internal import PreferenceData
internal import Tokenization
internal import Transformer

extension EditRecipe.Method: ExpressibleByArgument {}

/// The pairs and how a subspace is found from them.
struct FitOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Preference pairs: .jsonl, .json, .csv or .tsv, each also .gz, with prompt/chosen/rejected or chosen/rejected.",
      valueName: "file"))
  var pairs: String

  @Option(
    help: ArgumentHelp(
      "Which columns hold the pairs, e.g. chosen=neutral1,rejected=toxic.", valueName: "names"))
  var columns: String?

  @Option(help: ArgumentHelp("Use the first n pairs only.", valueName: "n"))
  var limit: Int?

  @Option(help: "How the subspace is found.")
  var recipe: EditRecipe.Method = .paper

  @Option(
    help: ArgumentHelp(
      "Directions to remove in each block; by default 2, or 10 for models 2,048 wide or more.", valueName: "k"
    ))
  var rank: Int?

  @Option(help: ArgumentHelp("Blocks to edit, counted from 1; by default the upper half.", valueName: "a-b"))
  var layers: LayerRange?

  @Option(help: ArgumentHelp("Texts are cut after this many tokens.", valueName: "n"))
  var maxTokens = 128

  func validate() throws {
    if let rank, rank < 1 { throw ValidationError("--rank must be at least 1.") }
    if let limit, limit < 1 { throw ValidationError("--limit must be at least 1.") }
    if maxTokens < 1 { throw ValidationError("--max-tokens must be at least 1.") }
  }

  /// The recipe for `model`, the user's choices over its defaults.
  func editRecipe(_ model: Model) -> EditRecipe {
    var recipe = EditRecipe.standard(blocks: model.configuration.blocks, hidden: model.configuration.hidden)
    recipe.method = self.recipe
    if let rank { recipe.rank = rank }
    if let layers { recipe.blocks = layers.blocks }
    recipe.maximumTokens = maxTokens
    return recipe
  }

  /// Reads the pairs and turns both sides into tokens.
  func tokenizedPairs(_ model: Model) throws -> (chosen: [[Int32]], rejected: [[Int32]]) {
    let columns = try columns.map { try PreferenceColumns(parsing: $0) }
    let file = try PreferenceFile(path: pairs, columns: columns)
    if let line = file.identicalPairLines.first {
      Console.message(
        "note: \(file.identicalPairLines.count) pairs have two identical sides, the first on line \(line); "
          + "they add nothing but to the mean")
    }
    let tokenizer = try model.tokenizer()
    var chosen: [[Int32]] = []
    var rejected: [[Int32]] = []
    for pair in file.pairs.prefix(limit ?? file.pairs.count) {
      guard let good = pair.text(of: .chosen), let bad = pair.text(of: .rejected) else {
        throw ModelError(
          pairs,
          "line \(pair.line) is a conversation; give the pairs as text, with the model's chat template applied"
        )
      }
      chosen.append(try tokenizer.encode(good))
      rejected.append(try tokenizer.encode(bad))
    }
    return (chosen, rejected)
  }
}
