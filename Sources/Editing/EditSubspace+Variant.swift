internal import SubspaceEditing
package import Transformer

extension EditSubspace {
  /// - Throws: ``EditingError`` where the subspace was fitted on a model of another family or size than `model`.
  package func requireFits(_ model: Model) throws {
    guard provenance.modelDigest == (try model.identityDigest()), hidden == model.configuration.hidden else {
      throw EditingError(
        model.path,
        "the subspace was fitted on a model of another family or size; name that one, or fit one on this model"
      )
    }
  }

  /// The edit as a model to run beside its base, without writing weights.
  ///
  /// - Parameter strength: share of the subspace that is removed; 1 for all of it.
  package func variant(strength: Double) throws -> ModelVariant {
    ModelVariant(
      edits: Dictionary(
        uniqueKeysWithValues: blocks.map { block in
          let subspace = block.subspace
          return (
            block.block,
            [
              .mlpValue: .projection(
                .init(
                  basis: subspace.directions.values, writes: subspace.writes?.values, rank: subspace.rank,
                  strength: Float(strength)))
            ]
          )
        }))
  }
}
