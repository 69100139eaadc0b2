internal import Kernels
internal import Storage

/// The gradient of one block, a chunk of tokens at a time.
///
/// In bf16 the gradient of what a matrix put out is rounded, as the matrix and its input are, before products are taken of
/// it; all sums, norms, attention and activations on the way back are f32.
struct BlockBackward {
  /// Threads and precision.
  let context: ComputeContext
  /// The block that is loaded.
  let weights: BlockWeights
  /// Tables of the rotary embedding; `nil` where positions are learned.
  let rotary: RotaryTables?
  /// Where the gradients of weights are added.
  let gradients: Gradients
  /// Memory for the gradients of activations.
  let scratch: BlockBackwardScratch
  /// Is shown what the block's MLP-value matrix wrote and its gradient; `nil` where nobody looks.
  var observer: ((MLPOutputGradient) throws -> Void)?
  /// Gradients of the keys and values that blocks take over from one another; `nil` where none does.
  var sharedKeys: SharedKeys?
  /// Where the gradient of the embeddings that blocks are given once more is added, `[tokens, hidden]`; `nil` where nobody
  /// wants it.
  var embeddingGradient: ResidualStream?

  /// The model's axes as that block has them.
  var configuration: ModelConfiguration { weights.configuration }

  /// Rows of gradients, f32.
  typealias Rows = UnsafeMutablePointer<Float>

  /// Turns the gradient of what the block puts out into that of what it was given, `[rows, hidden]`, in place, and adds
  /// the gradients of the block's weights.
  func callAsFunction(_ record: BlockRecording.Record, _ gradient: UnsafeMutablePointer<Float>) throws {
    let (normed, branch) = (scratch.normed, scratch.branch)
    if let factor = weights.blockScale {
      scale(context, gradient, by: factor, count: record.rows * configuration.hidden)
    }
    if let branch = record.tokenBranch { try tokenBranch(record, branch, gradient) }
    switch configuration.arrangement {
    case .sequential:
      let mlpBranch = throughSum(
        .postMLPNorm, .mlpNorm, record.mlpSum, gradient, record.rows)
      try mlp(record, outputGradient: mlpBranch, to: normed, accumulate: false)
      throughInput(.mlpNorm, record.middle, normed, record.rows, to: gradient)
      let attentionBranch = throughSum(
        .postAttentionNorm, .attentionNorm, record.attentionSum, gradient, record.rows)
      try mix(record, outputGradient: attentionBranch, to: normed)
      throughInput(.attentionNorm, record.input, normed, record.rows, to: gradient)
    case .parallel:
      try mix(record, outputGradient: gradient, to: normed)
      try mlp(record, outputGradient: gradient, to: branch, accumulate: false)
      throughInput(.attentionNorm, record.input, normed, record.rows, to: gradient)
      throughInput(.mlpNorm, record.input, branch, record.rows, to: gradient)
    case .parallelWithSharedNorm:
      try mix(record, outputGradient: gradient, to: normed)
      try mlp(record, outputGradient: gradient, to: normed, accumulate: true)
      throughInput(.attentionNorm, record.input, normed, record.rows, to: gradient)
    }
  }

  /// Adds to the stream's gradient what comes back through what the tokens brought in.
  private func tokenBranch(
    _ record: BlockRecording.Record, _ branch: BlockRecording.TokenBranchRecord, _ gradient: Rows
  ) throws {
    guard let tokens = TokenBranch(context, weights), let width = configuration.tokenBranchWidth else {
      return
    }
    let (rows, hidden) = (record.rows, configuration.hidden)
    let outputGradient = throughSum(.postTokenNorm, .postTokenNorm, branch.sum, gradient, rows)
    try linear([.tokenOutput], branch.operand, outputGradient, stride: hidden, to: scratch.inner)
    configuration.activation.gatedGradient(
      context, branch.inner, rows: rows, width: width, outputGradient: scratch.inner)
    try linear([.tokenGate], branch.stream, branch.inner, stride: 2 * width, to: scratch.normed)
    add(context, scratch.normed, to: gradient, count: rows * hidden)
    try tokens.addGradients(
      Array(record.tokens), branch.inner + width, stride: 2 * width, to: gradients,
      embeddingGradient: embeddingGradient.map { $0.base + record.tokens.startIndex * hidden },
      scratch: (scratch.branch, UnsafeMutableRawPointer(scratch.rounded)))
  }

  /// Takes the stream's gradient back through the norm of the sum, where norms follow it; answers that of what the
  /// branch's matrix put out.
  private func throughSum(
    _ branchNorm: WeightRole, _ sumNorm: WeightRole, _ sum: UnsafePointer<Float>, _ gradient: Rows,
    _ rows: Int
  ) -> Rows {
    if configuration.normsFollowResidual {
      norm(sumNorm, sum, gradient, rows, to: gradient, accumulate: false)
    }
    var source = gradient
    if let factor = configuration.residualScale {
      let count = rows * configuration.hidden
      source = scratch.branch
      source.update(from: gradient, count: count)
      scale(context, source, by: factor, count: count)
    }
    guard weights.vector(branchNorm) != nil else { return source }
    norm(branchNorm, sum, source, rows, to: scratch.branch, accumulate: false)
    return scratch.branch
  }

  /// Adds to the stream's gradient what comes back through a branch's input, by way of the norm where one stands there.
  private func throughInput(
    _ role: WeightRole, _ source: UnsafePointer<Float>, _ branchGradient: Rows, _ rows: Int,
    to gradient: Rows
  ) {
    if configuration.normsFollowResidual || weights.vector(role) == nil {
      add(context, branchGradient, to: gradient, count: rows * configuration.hidden)
    } else {
      norm(role, source, branchGradient, rows, to: gradient, accumulate: true)
    }
  }

  private func norm(
    _ role: WeightRole, _ source: UnsafePointer<Float>, _ outputGradient: Rows, _ rows: Int,
    to inputGradient: Rows, accumulate: Bool
  ) {
    guard let weight = weights.vector(role) else { return }
    configuration.normGradient(
      context, source, outputGradient: outputGradient, rows: rows, weight: weight, to: inputGradient,
      accumulate: accumulate, weightGradient: gradients.pointer(role, block: weights.block),
      biasGradient: gradients.pointer(role, block: weights.block, .bias))
  }

  private func mlp(
    _ record: BlockRecording.Record, outputGradient: Rows, to inputGradient: Rows, accumulate: Bool
  ) throws {
    let (rows, width) = (record.rows, configuration.intermediate)
    try show(record, outputGradient)
    try linear(
      [.mlpValue], record.mlpOperand, outputGradient, stride: configuration.hidden, to: scratch.inner)
    // The recorded input of the activation is not needed again: its gradient takes its place.
    let inner = record.inner
    if weights.has(.mlpGate) || weights.has(.mlpGateUp) {
      configuration.activation.gatedGradient(
        context, inner, rows: rows, width: width, outputGradient: scratch.inner)
      try linear(
        weights.has(.mlpGateUp) ? [.mlpGateUp] : [.mlpGate, .mlpUp], record.mlpInput, inner,
        stride: 2 * width, to: inputGradient, accumulate: accumulate)
    } else {
      configuration.activation.gradient(
        context, inner, rows: rows, width: width, outputGradient: scratch.inner)
      try linear(
        [.mlpUp], record.mlpInput, inner, stride: width, to: inputGradient, accumulate: accumulate)
    }
  }

  /// Computes what the MLP-value matrix wrote once more, for the observer.
  private func show(_ record: BlockRecording.Record, _ outputGradient: Rows) throws {
    guard let observer else { return }
    let written = scratch.written
    try weights.forEachMatrix(of: [.mlpValue]) { matrix, _ in
      multiply(record.mlpOperand, by: matrix, into: written, stride: matrix.outputs, accumulate: false)
    }
    let count = record.rows * configuration.hidden
    try observer(
      MLPOutputGradient(
        block: weights.block, positions: record.positions, width: configuration.hidden,
        output: UnsafeBufferPointer(start: written, count: count),
        gradient: UnsafeBufferPointer(start: outputGradient, count: count)))
  }

  private func mix(_ record: BlockRecording.Record, outputGradient: Rows, to inputGradient: Rows) throws {
    if let deltaNet = record.deltaNet {
      try self.deltaNet(record, deltaNet, outputGradient: outputGradient, to: inputGradient)
    } else {
      try attention(record, outputGradient: outputGradient, to: inputGradient)
    }
  }

  private func attention(
    _ record: BlockRecording.Record, outputGradient: Rows, to inputGradient: Rows
  ) throws {
    let rows = record.rows
    let qkv = record.queryKeyValue
    let gradient = scratch.queryKeyValue
    try linear(
      [.attentionOutput], record.attendedOperand, outputGradient, stride: configuration.hidden,
      to: scratch.attended)
    gradient.update(repeating: 0, count: rows * qkv.stride)
    if configuration.gatesAttention {
      let head = configuration.headDimension
      gateGradient(
        context, record.attended, by: qkv.base + head, rows: rows, stride: qkv.stride,
        heads: configuration.heads, headStep: qkv.queryStep, width: head, scratch.attended,
        to: gradient + head)
    }
    configuration.attention(block: weights.block).addGradient(
      context, record.attention.jobs, keyRanges: record.attention.keyRanges,
      AttentionGradientMemory(
        rows: qkv.base, rowGradients: gradient, output: record.attended, outputGradient: scratch.attended))
    let makesKeys = weights.makesKeys
    exchangeKeyGradients(record, qkv, gradient)
    func throughNorm(
      _ weight: [Float], _ start: Int, _ heads: Int, _ headStep: Int,
      weightGradient: UnsafeMutablePointer<Float>?
    ) {
      rmsNormGradient(
        context, record.projected + start, outputGradient: gradient + start, rows: rows, width: weight.count,
        stride: qkv.stride, heads: weight.count == configuration.headDimension ? heads : 1,
        headStep: headStep, weight: weight, epsilon: configuration.normEpsilon, to: gradient + start,
        accumulate: false, weightGradient: weightGradient)
    }
    let parts = [
      (WeightRole.queryNorm, 0, configuration.heads, qkv.queryStep),
      (.keyNorm, qkv.keys, configuration.keyValueHeads, qkv.headStep),
    ].prefix(makesKeys ? 2 : 1)
    for (role, start, heads, headStep) in parts {
      record.positions.withUnsafeBufferPointer { positions in
        rotary?.table(configuration, block: weights.block, isQuery: role == .queryNorm)?.apply(
          context, gradient + start, stride: qkv.stride, heads: heads, headStep: headStep,
          positions: positions, transposed: true)
      }
      guard let weight = weights.vector(role) else { continue }
      throughNorm(
        weight, start, heads, headStep, weightGradient: gradients.pointer(role, block: weights.block))
    }
    if configuration.normsValues, makesKeys {
      throughNorm(
        Array(repeating: 1, count: configuration.headDimension), qkv.values, configuration.keyValueHeads,
        qkv.headStep, weightGradient: nil)
    }
    try linear(
      weights.has(.queryKeyValue) ? [.queryKeyValue] : makesKeys ? [.query, .key, .value] : [.query],
      record.attentionInput, gradient, stride: qkv.stride, to: inputGradient)
  }

  /// Leaves the gradients of keys and values for the block that made them, or adds those that later blocks have left.
  private func exchangeKeyGradients(
    _ record: BlockRecording.Record, _ qkv: QueryKeyValueRows, _ gradient: Rows
  ) {
    let source = configuration.keySource(block: weights.block)
    guard let other = sharedKeys?.base(block: source ?? weights.block, row: record.tokens.startIndex) else {
      return
    }
    qkv.at(gradient).forEachHead(configuration, rows: record.rows, with: other) { own, other, count in
      if source == nil {
        for index in 0..<count { own[index] += other[index] }
      } else {
        for index in 0..<count { other[index] += own[index] }
      }
    }
  }

  /// Gradients of y = x · Wᵀ + b for matrices of one input x whose outputs stand side by side.
  ///
  /// - Parameters:
  ///   - input: x, `[rows, inputs]`.
  ///   - outputGradient: dy, f32 rows `stride` elements apart.
  ///   - inputGradient: dx, `[rows, inputs]`, which is overwritten or added to.
  func linear(
    _ roles: [WeightRole], _ input: ActivationMatrix, _ outputGradient: Rows, stride: Int,
    to inputGradient: Rows, accumulate: Bool = false
  ) throws {
    let rows = input.rows
    let outputs = roles.map { (role: $0, outputs: configuration.shape(of: $0)[0]) }
    let rounded = operand(
      context, outputGradient, rows: rows, columns: outputs.reduce(0) { $0 + $1.outputs }, stride: stride,
      roundedTo: scratch.rounded)
    try weights.forEachMatrix(of: roles) { matrix, first in
      multiplyBack(
        rounded.columns(first..<first + matrix.outputs), by: matrix, into: inputGradient,
        accumulate: accumulate || first > 0)
    }
    let layout = weights.layout(of: roles[0])
    let targets = gradients.matrixTargets(
      outputs, block: weights.block, isOutputMajor: layout == .outputMajor)
    for target in targets {
      addMatrixGradient(
        input: input,
        outputGradient: rounded.columns(target.firstOutput..<target.firstOutput + target.outputs),
        layout: layout, to: target.base, accumulate: target.accumulate)
    }
    var first = 0
    for (role, outputs) in outputs {
      gradients.addFactorGradients(
        role, block: weights.block, input: input, outputGradient: rounded.columns(first..<first + outputs))
      if let gradient = gradients.pointer(role, block: weights.block, .bias) {
        addColumnSums(
          context, outputGradient + first, rows: rows, width: outputs, stride: stride, to: gradient)
      }
      first += outputs
    }
  }
}

/// Memory for the gradients inside a block, reused for every chunk and block.
final class BlockBackwardScratch {
  private let memory: AlignedBuffer<Float>
  private let offsets: [Int]

  /// Memory for chunks of at most `rows` tokens.
  init(_ configuration: ModelConfiguration, _ precision: ComputePrecision, rows: Int) {
    var offsets = [0]
    let net = configuration.deltaNet
    let queryKeyValue = max(
      configuration.queryRowWidth + 2 * configuration.keyValueWidth, net?.rowWidth ?? 0)
    let branch = 2 * (configuration.tokenBranchWidth ?? 0)
    let widest = max(configuration.hidden, queryKeyValue, 2 * configuration.intermediate, branch)
    for width in [
      configuration.hidden, configuration.hidden, max(configuration.queryWidth, net?.valueWidth ?? 0),
      queryKeyValue,
      max(configuration.intermediate, branch), configuration.hidden,
      precision == .f32 ? 0 : (widest + 1) / 2,
      net.map { $0.channels + 2 * $0.valueHeads + $0.valueWidth } ?? 0,
    ] {
      offsets.append((offsets.last ?? 0) + (rows * width + 15) / 16 * 16)
    }
    self.offsets = offsets
    memory = unsafe AlignedBuffer(uninitializedCount: offsets.last ?? 0)
  }

  /// `[rows, hidden]`: of a branch's normed input.
  var normed: UnsafeMutablePointer<Float> { region(0) }
  /// `[rows, hidden]`: of what a branch adds to the stream, or of the other branch's input.
  var branch: UnsafeMutablePointer<Float> { region(1) }
  /// `[rows, queries]`: of what attention, or a gated delta net, answered.
  var attended: UnsafeMutablePointer<Float> { region(2) }
  /// `[rows, queries + keys + values]`, or what the matrices of a gated delta net make.
  var queryKeyValue: UnsafeMutablePointer<Float> { region(3) }
  /// `[rows, intermediate]`: of the MLP-value matrix's input.
  var inner: UnsafeMutablePointer<Float> { region(4) }
  /// `[rows, hidden]`: what the MLP-value matrix wrote.
  var written: UnsafeMutablePointer<Float> { region(5) }

  /// Where the gradient of what matrices put out is rounded to, as wide as any; no room in f32.
  var rounded: UnsafeMutablePointer<Float> { region(6) }

  /// `[rows, channels + 2 · valueHeads + valueWidth]`: of what a gated delta rule is given and answers.
  var convolved: UnsafeMutablePointer<Float> { region(7) }

  private func region(_ index: Int) -> UnsafeMutablePointer<Float> {
    memory.withUnsafeBufferPointer { memory in
      guard let base = memory.baseAddress else { preconditionFailure("an allocation has an address") }
      return UnsafeMutablePointer(mutating: base) + offsets[index]
    }
  }
}

extension ModelConfiguration {
  /// The gradient of the model's norm of `[rows, hidden]` rows; see `rmsNormGradient` and `layerNormGradient`.
  func normGradient(
    _ context: ComputeContext, _ source: UnsafePointer<Float>, outputGradient: UnsafePointer<Float>,
    rows: Int, weight: [Float], to inputGradient: UnsafeMutablePointer<Float>, accumulate: Bool,
    weightGradient: UnsafeMutablePointer<Float>?, biasGradient: UnsafeMutablePointer<Float>?
  ) {
    switch norm {
    case .rms:
      rmsNormGradient(
        context, source, outputGradient: outputGradient, rows: rows, width: weight.count, weight: weight,
        epsilon: normEpsilon, to: inputGradient, accumulate: accumulate, weightGradient: weightGradient)
    case .layer:
      layerNormGradient(
        context, source, outputGradient: outputGradient, rows: rows, width: weight.count, weight: weight,
        epsilon: normEpsilon, to: inputGradient, accumulate: accumulate, weightGradient: weightGradient,
        biasGradient: biasGradient)
    }
  }
}
