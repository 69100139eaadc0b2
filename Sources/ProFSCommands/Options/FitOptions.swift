public import ArgumentParser
public import Editing
internal import Kernels
internal import PreferenceData
public import SubspaceEditing
internal import Tokenization
internal import Transformer

extension EditRecipe.Method: ExpressibleByArgument {}
extension DirectionRanking: ExpressibleByArgument {}
extension RankChoice: ExpressibleByArgument {}

/// The pairs and how a subspace is found from them.
struct FitOptions: ParsableArguments {
  @OptionGroup var source: PairOptions

  @Option(
    help:
      "How the edit is found; by default natural, a step of preference optimisation that costs next to nothing on neutral text. paper is the published projection."
  )
  var recipe: EditRecipe.Method?

  @Option(
    help: ArgumentHelp(
      "Recipe protected: principal directions of neutral text to leave alone in each block; by default an eighth of the width.",
      valueName: "m"))
  var protect: Int?

  @Option(
    help: ArgumentHelp(
      "The neutral text that the edit shall leave alone, for all recipes but paper and detox-edit: .txt with blank lines between passages or .jsonl; by default the program's own.",
      valueName: "file"))
  var neutral: String?

  @Option(
    help:
      "Recipes protected and oblique: which directions are taken first; by default those most consistent, and the mean."
  )
  var rankBy: DirectionRanking?

  @Option(
    help: ArgumentHelp(
      "Directions of the edit in each block, by default 4, or for the recipe oblique 1, for the others 2 or in models 2,048 wide or more 10; auto, for projections: as many, from 1 to 10, as stand out from noise.",
      valueName: "k"))
  var rank: RankChoice?

  @Option(help: ArgumentHelp("Blocks to edit, counted from 1; by default the upper half.", valueName: "a-b"))
  var layers: LayerRange?

  @Option(help: ArgumentHelp("Texts are cut after this many tokens.", valueName: "n"))
  var maxTokens = 128

  /// The options as they were parsed for another command.
  init(
    source: PairOptions, recipe: EditRecipe.Method?, rank: RankChoice?, layers: LayerRange?, maxTokens: Int,
    neutral: String? = nil
  ) {
    (self.source, self.recipe, self.rank, self.layers) = (source, recipe, rank, layers)
    (self.maxTokens, self.neutral, protect, rankBy) = (maxTokens, neutral, nil, nil)
  }

  /// Required by the parser.
  init() {}

  func validate() throws {
    if case .fixed(let rank) = rank, rank < 1 { throw ValidationError("--rank must be at least 1.") }
    if maxTokens < 1 { throw ValidationError("--max-tokens must be at least 1.") }
    if let protect, protect < 1 { throw ValidationError("--protect must be at least 1.") }
    if recipe != .protected, protect != nil {
      throw ValidationError("--protect belongs to --recipe protected.")
    }
    if let recipe, !recipe.usesNeutralText, neutral != nil {
      throw ValidationError("--neutral belongs to --recipe protected, oblique and natural.")
    }
    if rankBy != nil, recipe != .protected, recipe != .oblique {
      throw ValidationError("--rank-by belongs to --recipe protected and oblique.")
    }
  }

  /// Whether the user chose any part of the recipe.
  var choosesRecipe: Bool {
    recipe != nil || protect != nil || neutral != nil || rankBy != nil || rank != nil || layers != nil
  }

  /// The recipe for `model`, the user's choices over its defaults.
  func editRecipe(_ model: Model) -> EditRecipe {
    var recipe = EditRecipe.standard(
      recipe ?? model.standardMethod, blocks: model.configuration.blocks, hidden: model.configuration.hidden)
    if let protect { recipe.protectedDirections = protect }
    if let rankBy { recipe.ranking = rankBy }
    if let rank { recipe.rank = rank }
    if let layers { recipe.blocks = layers.blocks }
    recipe.maximumTokens = maxTokens
    return recipe
  }

  /// The fit of `pairs`, and of the neutral text where the recipe uses it, ready to run.
  func fitting(_ model: Model, _ context: ComputeContext, _ pairs: PairOptions.TokenizedPairs) throws
    -> SubspaceFitting
  {
    let tokenizer = try model.tokenizer()
    let recipe = editRecipe(model)
    return try SubspaceFitting(
      model, context, recipe, chosen: pairs.chosen, rejected: pairs.rejected,
      neutral: try neutralTokens(for: recipe.method, tokenizer),
      padding: tokenizer.eosID ?? 0)
  }

  /// The passages of neutral text as tokens, where `method` uses them.
  func neutralTokens(for method: EditRecipe.Method, _ tokenizer: Tokenizer) throws -> [[Int32]] {
    try neutralText().tokens(for: method, tokenizer, limit: maxTokens)
  }

  private func neutralText() throws -> NeutralText {
    guard let neutral else { return .builtin }
    let texts = try TextList(path: neutral).texts
    // Of a .txt the list holds the lines.
    let isPlain = neutral.hasSuffix(".txt") || neutral.hasSuffix(".txt.gz")
    let text = isPlain ? NeutralText(text: texts.joined(separator: "\n")) : NeutralText(passages: texts)
    guard !text.passages.isEmpty else {
      throw PreferenceDataError(file: neutral, reason: "there is no text in the file")
    }
    return text
  }

  /// Reads the pairs and turns both sides into tokens.
  func tokenizedPairs(_ model: Model) throws -> PairOptions.TokenizedPairs {
    try source.tokenizedPairs(
      model, maxTokens: maxTokens, style: .standard(for: recipe ?? model.standardMethod))
  }
}
