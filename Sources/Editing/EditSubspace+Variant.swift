internal import SubspaceEditing
package import Transformer

extension EditSubspace {
  /// The edit as a model to run beside its base, without writing weights.
  ///
  /// - Parameter strength: share of the subspace that is removed; 1 for all of it.
  package func variant(strength: Double) throws -> ModelVariant {
    ModelVariant(
      edits: Dictionary(
        uniqueKeysWithValues: blocks.map { block in
          let basis = block.subspace.directions
          return (
            block.block,
            [
              .mlpValue: .projection(
                .init(basis: basis.values, rank: basis.count, strength: Float(strength)))
            ]
          )
        }))
  }
}
