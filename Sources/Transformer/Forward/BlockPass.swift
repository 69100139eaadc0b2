internal import Kernels

/// One block applied to one chunk of tokens.
struct BlockPass {
  let configuration: ModelConfiguration
  /// Threads and precision of every step.
  let context: ComputeContext
  /// Turns for every position that a chunk may hold.
  let rotary: RotaryTable
  /// The weights of the block that is loaded there.
  let weights: BlockWeights
  /// Room for as many rows as the largest chunk has.
  let scratch: BlockScratch

  /// Queries, keys and values of a chunk after rotary embedding: `[rows, stride]` f32, the keys `keys` and the values
  /// `values` columns in.
  struct QueryKeyValue {
    /// The first row's first query.
    let base: UnsafeMutablePointer<Float>
    /// Elements from one row to the next.
    let stride: Int
    /// Column where the keys begin.
    let keys: Int
    /// Column where the values begin.
    let values: Int
  }

  /// What attention is to compute: jobs over ranges of keys.
  struct AttentionPlan {
    /// Runs of queries; each names its ranges by their place in `keyRanges`.
    var jobs: [AttentionJob]
    /// Ranges that jobs may share.
    var keyRanges: [KeyRange]
  }

  /// x ← x + attention(norm(x)); x ← x + mlp(norm(x)).
  ///
  /// - Parameters:
  ///   - residual: `[rows, hidden]` f32, updated in place.
  ///   - positions: each row's position.
  ///   - plan: given queries, keys and values and where to write, which rows attend to which keys.
  func callAsFunction(
    _ residual: UnsafeMutablePointer<Float>, positions: UnsafeBufferPointer<Int32>,
    attention plan: (QueryKeyValue, _ output: UnsafeMutablePointer<Float>) -> AttentionPlan
  ) throws {
    try scratch.lend { base in
      try attention(residual, positions, base, plan)
      try mlp(residual, positions.count, base)
    }
  }

  private func attention(
    _ residual: UnsafeMutablePointer<Float>, _ positions: UnsafeBufferPointer<Int32>,
    _ base: UnsafeMutableRawPointer,
    _ plan: (QueryKeyValue, _ output: UnsafeMutablePointer<Float>) -> AttentionPlan
  ) throws {
    let rows = positions.count
    let layout = scratch.layout
    let queryWidth = configuration.queryWidth
    let keyValueWidth = configuration.keyValueWidth
    let stride = queryWidth + 2 * keyValueWidth
    let qkv = (base + layout.queryKeyValue).assumingMemoryBound(to: Float.self)

    norm(.attentionNorm, residual, rows, to: base + layout.normed)
    try project(.query, base + layout.normed, rows, into: qkv, stride)
    try project(.key, base + layout.normed, rows, into: qkv + queryWidth, stride)
    try project(.value, base + layout.normed, rows, into: qkv + queryWidth + keyValueWidth, stride)
    // Queries and keys are neighbours, so one call turns both.
    rotary.apply(
      context, qkv, stride: stride, heads: configuration.heads + configuration.keyValueHeads,
      headDimension: configuration.headDimension, positions: positions)

    let attended = (base + layout.attended).assumingMemoryBound(to: Float.self)
    let jobs = plan(
      QueryKeyValue(base: qkv, stride: stride, keys: queryWidth, values: queryWidth + keyValueWidth), attended
    )
    let attend = Attention(
      heads: configuration.heads, keyValueHeads: configuration.keyValueHeads,
      headDimension: configuration.headDimension, scale: 1 / Float(configuration.headDimension).squareRoot())
    attend(context, jobs.jobs, keyRanges: jobs.keyRanges)

    var operand = UnsafeMutableRawPointer(attended)
    if context.precision != .f32 {
      operand = base + layout.attendedOperand
      narrow(
        context, attended, rows: rows, width: queryWidth, stride: queryWidth, to: operand, context.precision)
    }
    try project(.attentionOutput, operand, rows, into: residual, configuration.hidden, accumulate: true)
  }

  private func mlp(_ residual: UnsafeMutablePointer<Float>, _ rows: Int, _ base: UnsafeMutableRawPointer)
    throws
  {
    let layout = scratch.layout
    let width = configuration.intermediate
    let gateAndUp = (base + layout.gateAndUp).assumingMemoryBound(to: Float.self)
    norm(.mlpNorm, residual, rows, to: base + layout.normed)
    try project(.mlpGate, base + layout.normed, rows, into: gateAndUp, 2 * width)
    try project(.mlpUp, base + layout.normed, rows, into: gateAndUp + width, 2 * width)
    configuration.activation.applyGated(
      context, gateAndUp, rows: rows, width: width, to: base + layout.mlpOperand, context.precision)
    try project(
      .mlpValue, base + layout.mlpOperand, rows, into: residual, configuration.hidden, accumulate: true)
  }

  private func norm(
    _ role: WeightRole, _ source: UnsafePointer<Float>, _ rows: Int, to destination: UnsafeMutableRawPointer
  ) {
    guard let weight = weights.vector(role) else { return }
    rmsNorm(
      context, source, rows: rows, width: configuration.hidden, weight: weight,
      epsilon: configuration.normEpsilon,
      to: destination, context.precision)
  }

  /// result (+)= operand · Wᵀ + bias.
  private func project(
    _ role: WeightRole, _ operand: UnsafeRawPointer, _ rows: Int, into result: UnsafeMutablePointer<Float>,
    _ stride: Int, accumulate: Bool = false
  ) throws {
    let shape = configuration.shape(of: role)
    try weights.withMatrix(role) { matrix in
      multiply(
        ActivationMatrix(operand, context.precision, rows: rows, columns: shape[1]), by: matrix, into: result,
        stride: stride, accumulate: accumulate)
    }
    if let bias = weights.vector(role, .bias) {
      addBias(context, bias, to: result, rows: rows, width: shape[0], stride: stride)
    }
  }
}
