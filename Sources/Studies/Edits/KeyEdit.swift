package import Editing
internal import Kernels
internal import SubspaceEditing
internal import Training
package import Transformer

/// A model whose MLPs no longer read a subspace: the edit of the paper's keys, in memory.
///
/// W′ = W (I − α VᵀV) for the matrices in front of the MLP-value matrix, two of them or one of both in a gated MLP. What
/// they read is the residual stream behind a norm, so unlike the edit of what is written this is not exact.
package struct KeyEdit {
  /// The edited model.
  package let model: Model

  /// Edits the matrices of every block that `subspace` has.
  ///
  /// - Throws: ``StudyError`` for an oblique subspace, which says what is written instead.
  package init(_ base: Model, removing subspace: EditSubspace, strength: Double) throws {
    guard subspace.blocks.allSatisfy({ $0.subspace.writes == nil }) else {
      throw StudyError("weights keys", "what is read is edited by the recipes paper and protected alone")
    }
    let working = try WorkingModel(
      base, .init(roles: [.mlpGateUp, .mlpGate, .mlpUp], biases: false))
    for parameter in working.layout.parameters {
      guard let block = parameter.key.block.flatMap({ subspace[$0] }) else { continue }
      // The side that is read takes the place of the one that is written.
      let isOutputMajor = base.layout(of: parameter.key.role) == .outputMajor
      let shape = WeightShape(
        layout: isOutputMajor ? .inputsByOutputs : .outputsByInputs,
        outputs: parameter.shape[isOutputMajor ? 1 : 0],
        inputs: parameter.shape[isOutputMajor ? 0 : 1])
      var projection = try WeightProjection(removing: block, from: shape, strength: strength)
      try working.withParameters { parameters in
        let values = UnsafeMutableBufferPointer(rebasing: parameters[parameter.elements])
        try projection.observe(values.span, rows: 0..<shape.rows)
        var edited = values.mutableSpan
        try projection.edit(&edited, rows: 0..<shape.rows)
      }
    }
    model = working.model
  }
}
