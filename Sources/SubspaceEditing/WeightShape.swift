/// How a weight matrix is stored, which decides the side the projection is on.
public enum WeightLayout: Sendable, Hashable {
  /// `[outputs, inputs]`, a linear layer as most families store it: W′ = W − α Vᵀ(V W).
  case outputsByInputs
  /// `[inputs, outputs]`, GPT-2's Conv1D: W′ = W − α (W Vᵀ) V.
  case inputsByOutputs
}

/// The size and layout of a weight matrix whose outputs are written to the residual stream.
public struct WeightShape: Sendable, Hashable {
  /// How it is stored.
  public let layout: WeightLayout
  /// Width of what it writes: the residual stream.
  public let outputs: Int
  /// Width of what it reads.
  public let inputs: Int

  /// A shape from its parts; sizes are not negative.
  public init(layout: WeightLayout, outputs: Int, inputs: Int) {
    precondition(outputs >= 0 && inputs >= 0, "a size is not negative")
    (self.layout, self.outputs, self.inputs) = (layout, outputs, inputs)
  }

  /// Number of stored rows, the outermost dimension.
  public var rows: Int { layout == .outputsByInputs ? outputs : inputs }
  /// Number of stored columns.
  public var columns: Int { layout == .outputsByInputs ? inputs : outputs }
}
