internal import Checkpoints
internal import Kernels
internal import SubspaceEditing

/// One of the two factors of a weight's adapter, in f32.
struct AdapterTensor: OutputTensor {
  /// Which of the two.
  enum Factor: String {
    /// A = V W, `[rank, inputs]`.
    case input = "lora_A"
    /// B = −α Vᵀ, `[hidden, rank]`.
    case output = "lora_B"
  }

  /// The factor.
  let factor: Factor
  /// Its name in the adapter's file.
  let name: String
  /// That weight in the base.
  let weight: TensorEntry
  /// What is done to it, its layout being the base's.
  let edit: WeightEdit

  /// Single precision, whatever the base is stored as.
  var type: ElementType { .f32 }
  /// Its dimensions, outermost first.
  var shape: [Int] {
    let (rank, hidden) = (edit.subspace.rank, edit.subspace.hidden)
    return switch factor {
    case .input: [rank, WeightShape(weight.shape, edit.layout).inputs]
    case .output: [hidden, rank]
    }
  }
  /// What rounding the base's weight to its type leaves of it in the subspace.
  var roundingResidual: Double? {
    factor == .input ? edit.subspace.roundingResidual(of: weight.type) : nil
  }

  /// Gives the factor's bytes to `sink`; the measures of the edit come with A.
  func emit(from store: TensorStore, _ sink: (UnsafeRawBufferPointer) throws -> Void) throws -> Receipt.Edit?
  {
    switch factor {
    case .output:
      try LowRankAdapter.outputFactor(of: edit.subspace, strength: edit.strength).withUnsafeBytes(sink)
      return nil
    case .input:
      do {
        return try emitInput(from: store, sink)
      } catch let error as SubspaceError {
        throw EditingError("tensor \"\(weight.name)\"", "\(error)")
      }
    }
  }

  private func emitInput(
    from store: TensorStore, _ sink: (UnsafeRawBufferPointer) throws -> Void
  ) throws -> Receipt.Edit {
    var before = Digest()
    try store.withBytes(of: weight) { before.update($0) }
    let source = CheckpointTensor(name: weight.name, type: weight.type, shape: weight.shape, source: weight)
    var coefficients = try WeightCoefficients(edit.subspace, shape: WeightShape(weight.shape, edit.layout))
    try source.forEachPiece(store) { values, rows in try coefficients.add(values.span, rows: rows) }
    let adapter = try LowRankAdapter(coefficients, strength: edit.strength)
    try adapter.inputFactor.withUnsafeBytes(sink)
    return Receipt.Edit(
      block: edit.block, digestBefore: before.hex, residualBefore: coefficients.relativeNorm,
      residual: adapter.residual, relativeChange: adapter.relativeChange)
  }
}
