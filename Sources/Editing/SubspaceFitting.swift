package import Kernels
internal import Storage
internal import SubspaceEditing
package import Transformer

/// Finds the subspace of a model: one layer-major pass over the pairs, one decomposition a block.
package struct SubspaceFitting {
  /// The model that is looked at.
  let model: Model
  private let context: ComputeContext
  /// How its subspace is found.
  let recipe: EditRecipe
  /// Number of pairs.
  let pairs: Int
  private let pairsDigest: String
  /// The packed texts, rejected ones first.
  let embedding: TextEmbedding

  /// Packs the pairs.
  ///
  /// - Parameters:
  ///   - chosen: token ids of each pair's preferred text, prompt included; cut to the recipe's length.
  ///   - rejected: token ids of each pair's other text.
  /// - Throws: ``EditingError`` where the recipe does not fit the model or the number of pairs.
  package init(
    _ model: Model, _ context: ComputeContext, _ recipe: EditRecipe, chosen: [[Int32]], rejected: [[Int32]]
  ) throws {
    precondition(chosen.count == rejected.count, "every pair has two sides")
    let limit = min(chosen.count, model.configuration.hidden)
    guard !chosen.isEmpty else { throw EditingError("pairs", "there are none") }
    guard (1...limit).contains(recipe.rank) else {
      throw EditingError(
        "--rank \(recipe.rank)", "the rank must be from 1 to \(limit), the smaller of pairs and hidden width")
    }
    guard recipe.blocks.lowerBound >= 1, recipe.blocks.upperBound <= model.configuration.blocks else {
      throw EditingError(
        "--layers \(recipe.blocks.lowerBound)-\(recipe.blocks.upperBound)",
        "the model has blocks 1-\(model.configuration.blocks)")
    }
    guard recipe.maximumTokens >= 1 else { throw EditingError("--max-tokens", "must be at least 1") }
    self.model = model
    self.context = context
    self.recipe = recipe
    pairs = chosen.count
    let texts = (rejected + chosen).map { Array($0.prefix(recipe.maximumTokens)) }
    pairsDigest = Self.digest(texts)
    embedding = try TextEmbedding(model, context, texts, pooling: .mean)
  }

  /// Tokens computed for each block, shared prefixes counted once.
  package var tokenCount: Int { embedding.tokenCount }

  /// Runs the pass.
  package func run(progress: ProgressHandler? = nil) throws -> EditSubspace {
    var blocks: [EditSubspace.Block] = []
    let hidden = model.configuration.hidden
    try embedding.forEachBlock(in: recipe.blocks, progress: progress) { block, embeddings in
      do {
        let half = pairs * hidden
        let preference = try PreferenceMatrix(
          rejected: Embeddings(count: pairs, hidden: hidden, values: Array(embeddings[..<half])),
          chosen: Embeddings(count: pairs, hidden: hidden, values: Array(embeddings[half...])))
        let subspace = try BlockSubspace(fitting: preference, rank: recipe.rank)
        blocks.append(EditSubspace.Block(block: block, subspace: subspace))
      } catch let error as SubspaceError {
        throw EditingError(model.path, "block \(block): \(error)")
      }
    }
    return EditSubspace(
      blocks: blocks,
      provenance: EditSubspace.Provenance(
        recipe: recipe, pairs: pairs, pairsDigest: pairsDigest, modelDigest: try model.identityDigest(),
        compute: context.precision.rawValue))
  }

  private static func digest(_ texts: [[Int32]]) -> String {
    var digest = Digest()
    for text in texts {
      withUnsafeBytes(of: Int64(text.count).littleEndian) { digest.update($0) }
      text.withUnsafeBytes { digest.update($0) }
    }
    return digest.hex
  }
}

extension Model {
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
