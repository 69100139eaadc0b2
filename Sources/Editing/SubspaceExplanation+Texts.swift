internal import Kernels
internal import SubspaceEditing
internal import Transformer

extension SubspaceExplanation {
  /// Texts whose coordinates along directions are wanted.
  package struct Texts: Sendable {
    /// The texts as they are shown.
    package let texts: [String]
    /// Their tokens, at least one each.
    package let ids: [[Int32]]
    /// How many are named at each end of a direction.
    package let count: Int

    /// As many texts as lists of tokens.
    package init(_ texts: [String], ids: [[Int32]], count: Int) {
      precondition(texts.count == ids.count, "tokens for every text")
      (self.texts, self.ids, self.count) = (texts, ids, count)
    }
  }

  /// A text and how far it lies along a direction.
  package struct TextLoad: Sendable, Equatable {
    /// Its place in the list, from 0.
    package let index: Int
    /// The text.
    package let text: String
    /// v · e, e being the text's embedding as the subspace's own texts have theirs, v the direction that is read.
    package let coordinate: Float
  }

  /// The coordinates of texts along the directions of each block, `[rank, texts]` row after row.
  ///
  /// Embeddings are taken where the subspace's method takes them: the residual stream after the block, or for an oblique
  /// projection what the MLP writes, averaged over a text's tokens, without the first where the method leaves it out. They
  /// are not centred.
  /// - Throws: where a text has no tokens or more than the model has positions.
  static func coordinates(
    of texts: Texts, _ subspace: EditSubspace, _ model: Model, _ context: ComputeContext,
    progress: ProgressHandler?
  ) throws -> [Int: [Float]] {
    guard let first = subspace.blocks.first, let last = subspace.blocks.last else { return [:] }
    let method = subspace.provenance.recipe.method
    let limit = model.configuration.maximumPositions
    if let long = texts.ids.firstIndex(where: { $0.count > limit }) {
      throw EditingError(
        "--texts",
        "text \(long + 1) has \(texts.ids[long].count) tokens, and the model reads \(limit); cut it")
    }
    let embedding = try TextEmbedding(
      model, context, texts.ids, pooling: method == .paper || method == .detoxEdit ? .mean : .skipFirst,
      source: method.looksAtOutputs ? .mlpOutput : .residualStream)
    var found: [Int: [Float]] = [:]
    try embedding.forEachBlock(in: first.block...last.block, progress: progress) { block, values in
      guard let directions = subspace[block]?.directions else { return }
      found[block] = try directions.products(
        with: Embeddings(count: texts.ids.count, hidden: subspace.hidden, values: values))
    }
    return found
  }

  /// The texts of largest coordinates, largest first, and of smallest, smallest first; equal ones in their order.
  static func extremes(_ coordinates: ArraySlice<Float>, _ texts: Texts) -> (
    largest: [TextLoad], smallest: [TextLoad]
  ) {
    let values = Array(coordinates)
    func first(_ precedes: (Float, Float) -> Bool) -> [TextLoad] {
      values.indices.sorted { a, b in
        values[a] == values[b] ? a < b : precedes(values[a], values[b])
      }.prefix(texts.count).map {
        TextLoad(index: $0, text: texts.texts[$0], coordinate: values[$0])
      }
    }
    return (first(>), first(<))
  }
}
