package import Kernels
internal import Storage
internal import SubspaceEditing
package import Transformer

/// Finds the subspace of a model: one layer-major pass over the pairs, and over the neutral text where the recipe protects
/// any; one decomposition a block.
package struct SubspaceFitting {
  /// The model that is looked at.
  let model: Model
  let context: ComputeContext
  /// How its subspace is found.
  let recipe: EditRecipe
  /// Number of pairs.
  let pairs: Int
  private let pairsDigest: String
  private let neutralDigest: String?
  /// The packed texts, rejected ones first, neutral ones last.
  let embedding: TextEmbedding
  /// Token ids of the pairs' texts as they are cut, rejected ones first; and of the neutral passages.
  let texts: [[Int32]], passages: [[Int32]]
  /// The neutral passages that the size of a step is measured on.
  let calibration: [[Int32]]
  /// The most tokens of one pass there and back, where the recipe makes one.
  package var passTokens: Int

  /// Packs the pairs.
  ///
  /// - Parameters:
  ///   - chosen: token ids of each pair's preferred text, prompt included; cut to the recipe's length.
  ///   - rejected: token ids of each pair's other text.
  ///   - neutral: token ids of the passages of neutral text, cut to the same length; used by the recipes that protect
  ///     its directions.
  ///   - padding: the token that ``EditRecipe/Method/detoxEdit`` pads with.
  /// - Throws: ``EditingError`` where the recipe does not fit the model, the number of pairs or the neutral text.
  package init(
    _ model: Model, _ context: ComputeContext, _ recipe: EditRecipe, chosen: [[Int32]], rejected: [[Int32]],
    neutral: [[Int32]] = [], padding: Int32 = 0
  ) throws {
    precondition(chosen.count == rejected.count, "every pair has two sides")
    // A preference matrix has a row for each pair, a gradient one for each token.
    let hidden = model.configuration.hidden
    let limit = recipe.method == .natural ? hidden : min(chosen.count, hidden)
    guard !chosen.isEmpty else { throw EditingError("pairs", "there are none") }
    switch recipe.rank {
    case .fixed(let rank):
      guard (1...limit).contains(rank) else {
        throw EditingError(
          "--rank \(rank)", "the rank must be from 1 to \(limit), the smaller of pairs and hidden width")
      }
    case .automatic:
      guard recipe.method.isProjection else {
        throw EditingError(
          "--rank auto",
          "a step of the recipe natural has no spectrum to judge a rank by; give a number, or --recipe oblique"
        )
      }
      guard limit >= 3 else {
        throw EditingError("--rank auto", "a rank can be judged from 3 pairs on; give a number")
      }
    }
    guard recipe.blocks.lowerBound >= 1, recipe.blocks.upperBound <= model.configuration.blocks else {
      throw EditingError(
        "--layers \(recipe.blocks.lowerBound)-\(recipe.blocks.upperBound)",
        "the model has blocks 1-\(model.configuration.blocks)")
    }
    guard recipe.maximumTokens >= 1 else { throw EditingError("--max-tokens", "must be at least 1") }
    self.model = model
    // Gradients are f32.
    self.context =
      recipe.method == .natural
      ? ComputeContext(
        threads: context.threads, precision: .f32, seed: context.seed, ranks: context.ranks) : context
    self.recipe = recipe
    passTokens = Self.passTokens(model, fromBlock: recipe.blocks.lowerBound)
    pairs = chosen.count
    let texts = (rejected + chosen).map { Array($0.prefix(recipe.maximumTokens)) }
    pairsDigest = Self.digest(texts)
    // Neutral passages may be cut short; a pair that is too long for the model is an error.
    let length = min(recipe.maximumTokens, model.configuration.maximumPositions)
    var (passages, calibration) = (neutral.map { Array($0.prefix(length)) }, [[Int32]]())
    if recipe.method == .natural { (passages, calibration) = Self.divided(passages, hidden: hidden) }
    (self.texts, self.passages, self.calibration) = (texts, passages, calibration)
    switch recipe.method {
    case .paper:
      neutralDigest = nil
      embedding = try TextEmbedding(model, context, texts, pooling: .mean, sides: 2)
    case .detoxEdit:
      neutralDigest = nil
      embedding = try TextEmbedding(
        model, context, texts, pooling: .meanPadded, padding: padding, sides: 2)
    case .oblique, .natural:
      if recipe.method == .natural { try model.requireDecoder() }
      neutralDigest = Self.digest(passages + calibration)
      // A pair's prompt, and whatever else its sides begin with alike, says nothing of their difference.
      let common = (0..<chosen.count).map { pair in
        max(1, zip(texts[pair], texts[chosen.count + pair]).prefix { $0 == $1 }.count)
      }
      embedding = try TextEmbedding(
        model, self.context, texts, pooling: .mean, source: .mlpOutput, skipping: common + common,
        sides: 2, neutral: passages)
      guard embedding.neutralTokenCount > 0 else {
        throw EditingError("--neutral", "the neutral text has no passage of two tokens")
      }
    case .protected:
      neutralDigest = Self.digest(passages)
      embedding = try TextEmbedding(model, context, texts, pooling: .skipFirst, sides: 2, neutral: passages)
      let most = min(model.configuration.hidden - recipe.rank.largest - 1, embedding.neutralTokenCount)
      guard recipe.protectedDirections >= 1, recipe.protectedDirections <= most else {
        throw EditingError(
          "--protect \(recipe.protectedDirections)",
          "the neutral text of \(embedding.neutralTokenCount) tokens and rank \(recipe.rank) in a width of "
            + "\(model.configuration.hidden) leave from 1 to \(max(1, most)) directions to protect")
      }
    }
  }

  /// Tokens computed for each block, shared prefixes counted once; of all processes, as one would compute them.
  package var tokenCount: Int { embedding.tokenCount }

  /// Runs the pass.
  package func run(progress: ProgressHandler? = nil) throws -> EditSubspace {
    try run([recipe], progress: progress)[0]
  }

  /// Runs the pass once for several recipes, which may differ from ``recipe`` in rank, ranking, protection, and by fewer
  /// blocks.
  package func run(_ recipes: [EditRecipe], progress: ProgressHandler? = nil) throws -> [EditSubspace] {
    precondition(
      recipes.allSatisfy { $0.method == recipe.method && $0.maximumTokens == recipe.maximumTokens },
      "one pass serves one method")
    if recipe.method == .natural { return try naturalSteps(recipes, progress: progress) }
    var blocks: [[EditSubspace.Block]] = recipes.map { _ in [] }
    let counts = Set(recipes.map(\.protectedDirections)).sorted()
    try forEachPreference(protecting: counts, progress: progress) { block, preferences, whitening in
      for (index, recipe) in recipes.enumerated() where recipe.blocks.contains(block) {
        guard let preference = preferences[recipe.protectedDirections] else { continue }
        let subspace = try BlockSubspace(
          fitting: preference, rank: try preference.rank(recipe.rank), by: recipe.ranking)
        blocks[index].append(
          EditSubspace.Block(block: block, subspace: try whitening?.oblique(subspace) ?? subspace))
      }
    }
    return try zip(recipes, blocks).map { recipe, blocks in
      EditSubspace(blocks: blocks, provenance: try provenance(recipe, pairs: pairs))
    }
  }

  /// Runs the pass and calls `body` with the preference matrices of each block to be edited, in order: one for each
  /// number of protected directions in `counts`.
  ///
  /// For ``EditRecipe/Method/oblique`` they are in whitened coordinates.
  func forEachPreference(
    protecting counts: [Int], progress: ProgressHandler? = nil,
    _ body: (_ block: Int, [Int: PreferenceMatrix], Whitening?) throws -> Void
  ) throws {
    try forEachBlock(protecting: counts.max() ?? 0, progress: progress) { block, preferences in
      let matrices = try counts.map { ($0, try preferences.matrix(protecting: $0)) }
      try body(block, Dictionary(uniqueKeysWithValues: matrices), preferences.whitening)
    }
  }

  /// Runs the pass and calls `body` with what preference matrices are made of in each block to be edited, in order.
  ///
  /// - Parameter count: the most directions of neutral text that any of them protects.
  func forEachBlock(
    protecting count: Int, progress: ProgressHandler? = nil,
    _ body: (_ block: Int, BlockPreferences) throws -> Void
  ) throws {
    guard recipe.method.isProjection else {
      throw EditingError(
        "--recipe \(recipe.method.rawValue)", "it compares no embeddings, so it has no preference matrix")
    }
    let hidden = model.configuration.hidden
    try embedding.forEachBlockWithMoment(in: recipe.blocks, progress: progress) {
      block, embeddings, neutral in
      do {
        let half = pairs * hidden
        let preferences = try BlockPreferences(
          recipe.method,
          rejected: Embeddings(count: pairs, hidden: hidden, values: Array(embeddings[..<half])),
          chosen: Embeddings(count: pairs, hidden: hidden, values: Array(embeddings[half...])),
          neutral: neutral, protecting: count)
        try body(block, preferences)
      } catch let error as SubspaceError {
        throw EditingError(model.path, "block \(block): \(error)")
      }
    }
  }

  /// Where the directions of the pass's pairs and of `recipe` come from.
  func provenance(_ recipe: EditRecipe, pairs: Int) throws -> EditSubspace.Provenance {
    EditSubspace.Provenance(
      recipe: recipe, pairs: pairs, pairsDigest: pairsDigest, neutralDigest: neutralDigest,
      modelDigest: try model.identityDigest(), compute: context.precision.rawValue)
  }

  /// SHA-256 of token ids, text by text, each after their number.
  static func digest(_ texts: [[Int32]]) -> String {
    var digest = Digest()
    for text in texts {
      withUnsafeBytes(of: Int64(text.count).littleEndian) { digest.update($0) }
      text.withUnsafeBytes { digest.update($0) }
    }
    return digest.hex
  }
}

extension Model {
  /// The method of a fit where the user chose none: the best of ours, or where a model predicts no next token, the paper's.
  package var standardMethod: EditRecipe.Method { configuration.isCausal ? .natural : .paper }

  /// Identifies the model a subspace is for, cheaply and whatever its file format: family, sizes, and nothing that an
  /// edit changes.
  package func identityDigest() throws -> String {
    let c = configuration
    var digest = Digest()
    digest.update(
      "\(family.name) \(c.blocks) \(c.hidden) \(c.intermediate) \(c.heads) \(c.keyValueHeads) \(c.headDimension) "
        + "\(c.vocabulary)")
    return digest.hex
  }
}
