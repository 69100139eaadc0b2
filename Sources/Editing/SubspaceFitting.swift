package import Kernels
internal import Storage
internal import SubspaceEditing
package import Transformer

/// Finds the subspace of a model: layer-major passes over the pairs, and over neutral text where the recipe uses
/// it; one decomposition a block.
///
/// Where pairs outnumber dimensions, their texts go through the blocks in portions and a block keeps only sums over them, so
/// that memory does not grow with their number but for token ids. Fewer pairs go through in one portion.
package struct SubspaceFitting {
  /// The model that is looked at.
  let model: Model
  /// Threads, ranks, and the precision of the pass: of ``EditRecipe/Method/natural`` f32 whatever was asked for.
  package let context: ComputeContext
  /// How its subspace is found.
  let recipe: EditRecipe
  /// Number of pairs.
  let pairs: Int
  private let pairsDigest: String
  private let neutralDigest: String?
  /// Token ids of the pairs' texts as they are cut, and of the neutral passages.
  let texts: FitTexts
  /// What goes through the blocks together.
  let portions: [FitTexts.Portion]
  /// What packing the portions told of them.
  let packing: Packing
  /// The neutral passages that the size of a step is measured on.
  let calibration: [[Int32]]
  /// The most tokens of one pass there and back, where the recipe makes one.
  package var passTokens: Int

  /// Packs the pairs.
  ///
  /// - Parameters:
  ///   - chosen: token ids of each pair's preferred text, prompt included; cut to the recipe's length.
  ///   - rejected: token ids of each pair's other text.
  ///   - neutral: token ids of the passages of neutral text, cut to the same length; used by the recipes that leave
  ///     it alone.
  ///   - padding: the token that ``EditRecipe/Method/detoxEdit`` pads with.
  ///   - portionTokens: the most tokens of a portion; by default as ``portionTokens(_:_:_:)`` says.
  /// - Throws: ``EditingError`` where the recipe does not fit the model, the number of pairs or the neutral text.
  package init(
    _ model: Model, _ context: ComputeContext, _ recipe: EditRecipe, chosen: [[Int32]], rejected: [[Int32]],
    neutral: [[Int32]] = [], padding: Int32 = 0, portionTokens: Int? = nil
  ) throws {
    precondition(chosen.count == rejected.count, "every pair has two sides")
    // A preference matrix has a row for each pair, a gradient one for each token.
    let hidden = model.configuration.hidden
    let limit = recipe.method == .natural ? hidden : min(chosen.count, hidden)
    guard !chosen.isEmpty else { throw EditingError("pairs", "there are none") }
    switch recipe.rank {
    case .fixed(let rank):
      guard (1...limit).contains(rank) else {
        let bound = limit == hidden ? "the hidden width" : "the number of pairs"
        throw EditingError("--rank \(rank)", "the rank must be from 1 to \(limit), \(bound)")
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
    passTokens = portionTokens ?? Self.passTokens(model, fromBlock: recipe.blocks.lowerBound)
    pairs = chosen.count
    let sides = (rejected + chosen).map {
      $0.count <= recipe.maximumTokens ? $0 : Array($0.prefix(recipe.maximumTokens))
    }
    pairsDigest = Self.digest(sides)
    // Neutral passages may be cut short; a pair that is too long for the model is an error.
    let length = min(recipe.maximumTokens, model.configuration.maximumPositions)
    var (passages, calibration) = (neutral.map { Array($0.prefix(length)) }, [[Int32]]())
    if recipe.method == .natural { (passages, calibration) = Self.divided(passages, hidden: hidden) }
    neutralDigest = recipe.method.usesNeutralText ? Self.digest(passages + calibration) : nil
    self.calibration = calibration
    if recipe.method == .natural { try model.requireDecoder() }
    try TextEmbedding.requireTokens(sides, model)
    texts = FitTexts(
      recipe.method, sides: sides, passages: recipe.method.usesNeutralText ? passages : [], padding: padding)
    let most = portionTokens ?? Self.portionTokens(model, self.context, texts)
    portions = texts.portions(ofAtMost: recipe.method == .natural ? passTokens : most)
    packing = try Packing(texts, portions, model, self.context)
    if recipe.method.usesNeutralText, packing.neutralTokenCount == 0 {
      throw EditingError(
        "--neutral", "the neutral text has no passage of two tokens; give another, or a larger --max-tokens")
    }
    if recipe.method == .protected {
      let most = min(model.configuration.hidden - recipe.rank.largest - 1, packing.neutralTokenCount)
      guard recipe.protectedDirections >= 1, recipe.protectedDirections <= most else {
        throw EditingError(
          "--protect \(recipe.protectedDirections)",
          "the neutral text of \(packing.neutralTokenCount) tokens and rank \(recipe.rank) in a width of "
            + "\(model.configuration.hidden) leave from 1 to \(max(1, most)) directions to protect")
      }
    }
  }

  /// Tokens computed for each block, shared prefixes counted once; of all processes, as one would compute them.
  package var tokenCount: Int { packing.tokenCount }

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
    if recipe.method == .natural {
      let all = PairSample(pairs: Array(0..<pairs))
      return try naturalSteps(recipes.map { SampledFit(recipe: $0, sample: all) }, progress: progress)
    }
    let counts = Set(recipes.map(\.protectedDirections)).sorted()
    let found = try mapBlocks(protecting: counts.last ?? 0, from: gramSide, progress: progress) {
      block, preferences in
      let matrices = Dictionary(
        uniqueKeysWithValues: try counts.map { ($0, try preferences.matrix(protecting: $0)) })
      return try recipes.map { recipe -> BlockSubspace? in
        guard recipe.blocks.contains(block), let preference = matrices[recipe.protectedDirections] else {
          return nil
        }
        // Those of the recipe `oblique` are in whitened coordinates.
        let subspace = try BlockSubspace(
          fitting: preference, rank: try preference.rank(recipe.rank), by: recipe.ranking)
        return try preferences.whitening?.oblique(subspace) ?? subspace
      }
    }
    return try recipes.enumerated().map { index, recipe in
      EditSubspace(
        blocks: Self.blocks(index, of: found), provenance: try provenance(recipe, pairs: pairs))
    }
  }

  /// The blocks in which the fit with this index has a subspace.
  static func blocks(_ index: Int, of found: [(block: Int, result: [BlockSubspace?])]) -> [EditSubspace.Block]
  {
    found.compactMap { block, subspaces in
      subspaces[index].map { EditSubspace.Block(block: block, subspace: $0) }
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
