internal import Kernels

/// The tokens whose rows a block is applied to.
struct ChunkRows {
  /// Each row's position.
  let positions: UnsafeBufferPointer<Int32>
  /// Each row's token.
  let tokens: UnsafeBufferPointer<Int32>
  /// The keys and values that blocks take over from one another; `nil` where none does.
  var sharedKeys: SharedKeys?
  /// The chunk's first row among theirs.
  var firstRow = 0
}

/// One block applied to one chunk of tokens.
struct BlockPass {
  /// Threads and precision.
  let context: ComputeContext
  /// Rotary tables of blocks without and with a window; `nil` where positions are learned.
  var rotary: RotaryTables?
  /// The weights of the block that is loaded.
  private(set) var weights: BlockWeights
  /// The model's axes as that block has them.
  private(set) var configuration: ModelConfiguration
  /// Memory for the activations inside the block.
  let scratch: BlockScratch

  /// A pass of the block that is loaded in `weights`.
  init(context: ComputeContext, rotary: RotaryTables?, weights: BlockWeights, scratch: BlockScratch) {
    self.context = context
    self.rotary = rotary
    self.weights = weights
    configuration = weights.configuration
    self.scratch = scratch
  }

  /// Makes the block that is loaded in `weights` the next.
  mutating func take(_ weights: BlockWeights) {
    self.weights = weights
    configuration = weights.configuration
  }

  /// Queries, keys and values of a chunk as attention takes them.
  typealias QueryKeyValue = QueryKeyValueRows

  /// What attention is to compute.
  typealias AttentionPlan = Transformer.AttentionPlan

  /// Applies the loaded block to `residual`, `[rows, hidden]` f32, in place.
  ///
  /// - Parameters:
  ///   - chunk: which tokens the rows are.
  ///   - outputs: the rows, ascending, whose result is needed; all where `nil`. The others give keys and values, and
  ///     hold anything afterwards.
  ///   - edits: what is different about the block in the variants that runs of the needed rows belong to, covering them in
  ///     order; nothing where it is empty.
  ///   - plan: given queries, keys and values and where to write, which rows attend to which keys.
  ///   - runs: which rows follow which, where the block has a gated delta net.
  func callAsFunction(
    _ residual: UnsafeMutablePointer<Float>, of chunk: ChunkRows, outputs: [Int]? = nil,
    edits: [RowEdits] = [],
    attention plan: (QueryKeyValue, _ output: UnsafeMutablePointer<Float>) -> AttentionPlan,
    recurrence runs: () -> [RecurrentRun]
  ) throws {
    let all = chunk.positions.count
    let rows = outputs?.count ?? all
    let rowBytes = configuration.hidden * MemoryLayout<Float>.size
    precondition(outputs == nil || scratch.layout.record == nil, "what is recorded is of all rows")
    let mixed: WeightRole = weights.isRecurrent ? .deltaOutput : .attentionOutput
    try scratch.lend { base in
      func mix(_ normed: UnsafeRawPointer, _ finish: (_ operand: UnsafeRawPointer) throws -> Void) throws {
        if weights.isRecurrent {
          try deltaNet(normed, all, outputs, base, runs(), finish)
        } else {
          try attention(normed, chunk, outputs, base, plan, finish)
        }
      }
      let record = scratch.layout.record
      let normed = base + scratch.layout.normed
      let mlpNormed = base + (record?.mlpNormed ?? scratch.layout.normed)
      let branch = (base + scratch.layout.branch).assumingMemoryBound(to: Float.self)
      switch configuration.arrangement {
      case .sequential:
        try input(.attentionNorm, residual, all, to: normed)
        try mix(normed) { operand in
          if let outputs { bring(outputs, of: residual, rowBytes: rowBytes) }
          try add(
            mixed, operand, rows, edits, to: residual, branch,
            keep: record.map { base + $0.attentionSum }, .postAttentionNorm, .attentionNorm)
        }
        if let record { keep(residual, rows, at: base + record.middle) }
        try input(.mlpNorm, residual, rows, to: mlpNormed)
        try mlp(mlpNormed, rows, base) { operand in
          try add(
            .mlpValue, operand, rows, edits, to: residual, branch, keep: record.map { base + $0.mlpSum },
            .postMLPNorm, .mlpNorm)
        }
      case .parallel, .parallelWithSharedNorm:
        try input(.attentionNorm, residual, all, to: normed)
        // Held back until the MLP has seen the block's input too.
        try mix(normed) { operand in
          try write(mixed, operand, rows, edits, into: branch)
        }
        let isShared = configuration.arrangement == .parallelWithSharedNorm
        if let outputs {
          bring(outputs, of: residual, rowBytes: rowBytes)
          bring(outputs, of: normed, rowBytes: configuration.hidden * context.precision.elementBytes)
        }
        if !isShared { try input(.mlpNorm, residual, rows, to: mlpNormed) }
        try mlp(isShared ? normed : mlpNormed, rows, base) { operand in
          try write(.mlpValue, operand, rows, edits, into: residual, accumulate: true)
        }
        Kernels.add(context, branch, to: residual, count: rows * configuration.hidden)
      }
      if let layout = scratch.layout.tokenBranch {
        try tokenBranch(
          residual, outputs.map { $0.map { chunk.tokens[$0] } } ?? Array(chunk.tokens), base, layout)
      }
      if let factor = weights.blockScale {
        scale(context, residual, by: factor, count: rows * configuration.hidden)
      }
      if let outputs { putBack(outputs, of: residual, rowBytes: rowBytes) }
    }
  }

  /// Moves the rows `chosen`, ascending, to the front.
  func bring(_ chosen: [Int], of rows: UnsafeMutableRawPointer, rowBytes: Int) {
    for (place, row) in chosen.enumerated() where place != row {
      (rows + place * rowBytes).copyMemory(from: rows + row * rowBytes, byteCount: rowBytes)
    }
  }

  /// Moves rows that ``bring(_:of:rowBytes:)`` has brought to the front to where they were.
  private func putBack(_ chosen: [Int], of rows: UnsafeMutableRawPointer, rowBytes: Int) {
    for (place, row) in chosen.enumerated().reversed() where place != row {
      (rows + row * rowBytes).copyMemory(from: rows + place * rowBytes, byteCount: rowBytes)
    }
  }

  /// A branch's input: the residual stream through the branch's norm, where that stands before it, as operands.
  private func input(
    _ role: WeightRole, _ residual: UnsafePointer<Float>, _ rows: Int, to destination: UnsafeMutableRawPointer
  ) throws {
    if configuration.normsFollowResidual || weights.vector(role) == nil {
      narrow(
        context, residual, rows: rows, width: configuration.hidden, stride: configuration.hidden,
        to: destination,
        context.precision)
    } else {
      norm(role, residual, rows, to: destination, context.precision)
    }
  }

  /// residual ← residual + s · norm(operand · Wᵀ + bias), with whichever norms and factor s the family has there; a norm's
  /// input is kept at `kept`.
  private func add(
    _ role: WeightRole, _ operand: UnsafeRawPointer, _ rows: Int, _ edits: [RowEdits],
    to residual: UnsafeMutablePointer<Float>, _ branch: UnsafeMutablePointer<Float>,
    keep kept: UnsafeMutableRawPointer?, _ branchNorm: WeightRole, _ residualNorm: WeightRole
  ) throws {
    let width = configuration.hidden
    if weights.vector(branchNorm) == nil, configuration.residualScale == nil {
      try write(role, operand, rows, edits, into: residual, accumulate: true)
    } else {
      try write(role, operand, rows, edits, into: branch)
      if weights.vector(branchNorm) != nil {
        if let kept { keep(branch, rows, at: kept) }
        norm(branchNorm, branch, rows, to: branch, .f32)
      }
      if let factor = configuration.residualScale { scale(context, branch, by: factor, count: rows * width) }
      Kernels.add(context, branch, to: residual, count: rows * width)
    }
    guard configuration.normsFollowResidual else { return }
    if let kept { keep(residual, rows, at: kept) }
    norm(residualNorm, residual, rows, to: residual, .f32)
  }

  /// Copies `[rows, hidden]` rows before they are changed.
  private func keep(_ rows: UnsafePointer<Float>, _ count: Int, at destination: UnsafeMutableRawPointer) {
    destination.copyMemory(from: rows, byteCount: count * configuration.hidden * MemoryLayout<Float>.size)
  }

  private func attention(
    _ normed: UnsafeRawPointer, _ chunk: ChunkRows, _ outputs: [Int]?,
    _ base: UnsafeMutableRawPointer,
    _ plan: (QueryKeyValue, _ output: UnsafeMutablePointer<Float>) -> AttentionPlan,
    _ finish: (_ operand: UnsafeRawPointer) throws -> Void
  ) throws {
    let positions = chunk.positions
    let rows = positions.count
    let layout = scratch.layout
    let queryWidth = configuration.queryWidth
    let qkv = try queryKeyValue(
      normed, rows, (base + layout.queryKeyValue).assumingMemoryBound(to: Float.self))
    if let record = layout.record, weights.normsHeads {
      (base + record.projected).copyMemory(
        from: qkv.base, byteCount: rows * qkv.stride * MemoryLayout<Float>.size)
    }
    normHeads(.queryNorm, qkv.base, qkv.queryStep, qkv, rows, configuration.heads)
    normHeads(.keyNorm, qkv.base + qkv.keys, qkv.headStep, qkv, rows, configuration.keyValueHeads)
    let makesKeys = weights.makesKeys
    if configuration.normsValues, makesKeys {
      let width = configuration.headDimension
      rmsNormHeads(
        context, qkv.base + qkv.values, rows: rows, stride: qkv.stride, heads: configuration.keyValueHeads,
        headStep: qkv.headStep, width: width, weight: Array(repeating: 1, count: width),
        epsilon: configuration.normEpsilon)
    }
    let turning =
      [(0, configuration.heads, qkv.queryStep)]
      + (makesKeys ? [(qkv.keys, configuration.keyValueHeads, qkv.headStep)] : [])
    for (start, heads, step) in turning {
      rotary?.table(configuration, block: weights.block, isQuery: start == 0)?.apply(
        context, qkv.base + start, stride: qkv.stride, heads: heads, headStep: step,
        positions: positions)
    }

    exchangeKeys(qkv, chunk)
    let attended = (base + layout.attended).assumingMemoryBound(to: Float.self)
    let jobs = plan(qkv, attended)
    let attend = configuration.attention(block: weights.block)
    attend(context, jobs.jobs, keyRanges: jobs.keyRanges)
    if configuration.gatesAttention {
      let operand = base + layout.attendedOperand
      gate(
        context, attended, by: qkv.base + configuration.headDimension, rows: rows, stride: qkv.stride,
        heads: configuration.heads, headStep: qkv.queryStep, width: configuration.headDimension, to: operand,
        context.precision)
      if let outputs {
        bring(outputs, of: operand, rowBytes: queryWidth * context.precision.elementBytes)
      }
      return try finish(operand)
    }
    if let outputs { bring(outputs, of: attended, rowBytes: queryWidth * MemoryLayout<Float>.size) }

    guard context.precision != .f32 else { return try finish(attended) }
    let operand = base + layout.attendedOperand
    narrow(
      context, attended, rows: outputs?.count ?? rows, width: queryWidth, stride: queryWidth, to: operand,
      context.precision)
    try finish(operand)
  }

  /// Projects to queries, keys and values, which a family does with three matrices or one.
  private func queryKeyValue(
    _ normed: UnsafeRawPointer, _ rows: Int, _ base: UnsafeMutablePointer<Float>
  ) throws -> QueryKeyValue {
    let rowLayout = QueryKeyValueRows(configuration, isFused: weights.has(.queryKeyValue), base)
    if weights.has(.queryKeyValue) {
      try project(.queryKeyValue, normed, rows, into: base, rowLayout.stride)
    } else if !weights.makesKeys {
      try project(.query, normed, rows, into: base, rowLayout.stride)
    } else {
      try project([.query, .key, .value], of: weights, normed, rows, into: base, rowLayout.stride)
    }
    return rowLayout
  }

  /// Takes over the keys and values of an earlier block, or leaves those of this one for later blocks.
  private func exchangeKeys(_ qkv: QueryKeyValue, _ chunk: ChunkRows) {
    guard let shared = chunk.sharedKeys else { return }
    let rows = chunk.positions.count
    if let source = configuration.keySource(block: weights.block) {
      guard let other = shared.base(block: source, row: chunk.firstRow) else { return }
      qkv.forEachHead(configuration, rows: rows, with: other) { own, other, count in
        own.update(from: other, count: count)
      }
    } else if let other = shared.base(block: weights.block, row: chunk.firstRow) {
      qkv.forEachHead(configuration, rows: rows, with: other) { own, other, count in
        other.update(from: own, count: count)
      }
    }
  }

  /// residual ← residual + norm(W (act(gate · residual) ∘ what the tokens bring)).
  private func tokenBranch(
    _ residual: UnsafeMutablePointer<Float>, _ tokens: [Int32], _ base: UnsafeMutableRawPointer,
    _ layout: TokenBranchLayout
  ) throws {
    guard let branch = TokenBranch(context, weights), let width = configuration.tokenBranchWidth else {
      return
    }
    let rows = tokens.count
    let inner = (base + layout.inner).assumingMemoryBound(to: Float.self)
    try branch.write(
      tokens, embedded: (base + layout.embedded).assumingMemoryBound(to: Float.self),
      operand: base + layout.embeddedOperand, to: inner + width, stride: 2 * width)
    narrow(
      context, residual, rows: rows, width: configuration.hidden, stride: configuration.hidden,
      to: base + layout.stream, context.precision)
    try project(.tokenGate, base + layout.stream, rows, into: inner, 2 * width)
    configuration.activation.applyGated(
      context, inner, rows: rows, width: width, to: base + layout.operand, context.precision)
    try add(
      .tokenOutput, base + layout.operand, rows, [], to: residual,
      (base + scratch.layout.branch).assumingMemoryBound(to: Float.self),
      keep: scratch.layout.record.map { _ in base + layout.sum }, .postTokenNorm, .postTokenNorm)
  }

  /// The norm of queries or keys: of each head, or, where the weight is as wide as all heads, of all together.
  private func normHeads(
    _ role: WeightRole, _ base: UnsafeMutablePointer<Float>, _ headStep: Int, _ qkv: QueryKeyValue,
    _ rows: Int, _ heads: Int
  ) {
    guard let weight = weights.vector(role) else { return }
    let isWhole = weight.count != configuration.headDimension
    rmsNormHeads(
      context, base, rows: rows, stride: qkv.stride, heads: isWhole ? 1 : heads, headStep: headStep,
      width: weight.count, weight: weight, epsilon: configuration.normEpsilon)
  }

  private func mlp(
    _ normed: UnsafeRawPointer, _ rows: Int, _ base: UnsafeMutableRawPointer,
    _ finish: (_ operand: UnsafeRawPointer) throws -> Void
  ) throws {
    let width = configuration.intermediate
    let inner = (base + scratch.layout.gateAndUp).assumingMemoryBound(to: Float.self)
    let operand = base + scratch.layout.mlpOperand
    if weights.has(.mlpGate) || weights.has(.mlpGateUp) {
      if weights.has(.mlpGateUp) {
        try project(.mlpGateUp, normed, rows, into: inner, 2 * width)
      } else {
        try project([.mlpGate, .mlpUp], of: weights, normed, rows, into: inner, 2 * width)
      }
      configuration.activation.applyGated(
        context, inner, rows: rows, width: width, to: operand, context.precision)
    } else {
      try project(.mlpUp, normed, rows, into: inner, width)
      configuration.activation.apply(context, inner, rows: rows, width: width, to: operand, context.precision)
    }
    try finish(operand)
  }

  private func norm(
    _ role: WeightRole, _ source: UnsafePointer<Float>, _ rows: Int, to destination: UnsafeMutableRawPointer,
    _ precision: ComputePrecision
  ) {
    guard let weight = weights.vector(role) else { return }
    configuration.applyNorm(
      context, source, rows: rows, weight: weight, bias: weights.vector(role, .bias), to: destination,
      precision)
  }

  /// What a matrix writes to the residual stream, edited where a variant says so: result (+)= operand · W′ᵀ + bias.
  ///
  /// Rows of all variants that only remove something of what the base's matrix writes are multiplied with it together.
  private func write(
    _ role: WeightRole, _ operand: UnsafeRawPointer, _ rows: Int, _ edits: [RowEdits],
    into result: UnsafeMutablePointer<Float>, accumulate: Bool = false
  ) throws {
    let width = configuration.hidden
    if role == .mlpValue, let note = edits.first?.edits.mlpOutput {
      try multiplyAll([role], of: weights, operand, rows, into: note, width, accumulate: false)
      if !accumulate { result.update(repeating: 0, count: rows * width) }
      Kernels.add(context, note, to: result, count: rows * width)
      return addBiases([role], of: weights, rows, to: result, width)
    }
    if edits.count > 1, edits.contains(where: { $0.edits.replacement(of: role) != nil }) {
      let operandStride = configuration.shape(of: role)[1] * context.precision.elementBytes
      for run in edits {
        try write(
          role, operand + run.rows.lowerBound * operandStride, run.rows.count,
          [RowEdits(rows: 0..<run.rows.count, edits: run.edits)], into: result + run.rows.lowerBound * width,
          accumulate: accumulate)
      }
      return
    }
    let matrix = edits.first?.edits.replacement(of: role) ?? weights
    guard edits.contains(where: { $0.edits.projection(of: role) != nil }) else {
      return try project([role], of: matrix, operand, rows, into: result, width, accumulate: accumulate)
    }
    try scratch.lend { base in
      let target = accumulate ? (base + scratch.layout.edited).assumingMemoryBound(to: Float.self) : result
      try multiplyAll([role], of: matrix, operand, rows, into: target, width, accumulate: false)
      for run in edits {
        guard let projection = run.edits.projection(of: role) else { continue }
        projection.withBases { basis, writes in
          removeSubspace(
            from: target + run.rows.lowerBound * width, rows: run.rows.count, width: width, basis: basis,
            writing: writes, rank: projection.rank, strength: projection.strength)
        }
      }
      if accumulate { Kernels.add(context, target, to: result, count: rows * width) }
      addBiases([role], of: weights, rows, to: result, width)
    }
  }

  /// result (+)= operand · Wᵀ + bias.
  private func project(
    _ role: WeightRole, _ operand: UnsafeRawPointer, _ rows: Int, into result: UnsafeMutablePointer<Float>,
    _ stride: Int, accumulate: Bool = false
  ) throws {
    try project([role], of: weights, operand, rows, into: result, stride, accumulate: accumulate)
  }

  /// The same for several matrices, whose results stand side by side.
  func project(
    _ roles: [WeightRole], of weights: BlockWeights, _ operand: UnsafeRawPointer, _ rows: Int,
    into result: UnsafeMutablePointer<Float>, _ stride: Int, accumulate: Bool = false
  ) throws {
    try multiplyAll(roles, of: weights, operand, rows, into: result, stride, accumulate: accumulate)
    addBiases(roles, of: self.weights, rows, to: result, stride)
  }

  private func multiplyAll(
    _ roles: [WeightRole], of weights: BlockWeights, _ operand: UnsafeRawPointer, _ rows: Int,
    into result: UnsafeMutablePointer<Float>, _ stride: Int, accumulate: Bool
  ) throws {
    try weights.forEachMatrix(of: roles) { matrix, firstOutput in
      multiply(
        ActivationMatrix(operand, context.precision, rows: rows, columns: matrix.inputs), by: matrix,
        into: result + firstOutput, stride: stride, accumulate: accumulate)
    }
  }

  private func addBiases(
    _ roles: [WeightRole], of weights: BlockWeights, _ rows: Int, to result: UnsafeMutablePointer<Float>,
    _ stride: Int
  ) {
    var firstOutput = 0
    for role in roles {
      let outputs = configuration.shape(of: role)[0]
      if let bias = weights.vector(role, .bias) {
        addBias(context, bias, to: result + firstOutput, rows: rows, width: outputs, stride: stride)
      }
      firstOutput += outputs
    }
  }
}
