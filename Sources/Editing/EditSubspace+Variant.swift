internal import Checkpoints
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

extension EditSubspace {
  /// The edited model in memory: as it is written to a folder, for what needs its weights.
  ///
  /// - Parameters:
  ///   - model: what is edited, `W` of its blocks' MLP-value matrices.
  ///   - strength: share of the subspace that is removed, or size of a step.
  /// - Throws: ``EditingError`` where the subspace does not fit the model.
  package func edited(_ model: Model, strength: Double) throws -> Model {
    try requireFits(model)
    let layout = model.mlpValueLayout
    return try model.changed(
      blocks.map { block in
        (
          try model.weight(.mlpValue, block: block.block),
          { entry, values in
            do {
              let shape = WeightShape(entry.shape, layout)
              var projection = try WeightProjection(
                removing: block.subspace, from: shape, strength: strength)
              try projection.observe(values.span, rows: 0..<shape.rows)
              var span = values.mutableSpan
              try projection.edit(&span, rows: 0..<shape.rows)
            } catch let error as SubspaceError {
              throw EditingError("tensor \"\(entry.name)\"", "\(error)")
            }
          }
        )
      }, by: "the edit")
  }
}
