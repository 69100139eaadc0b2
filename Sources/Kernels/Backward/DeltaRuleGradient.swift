internal import CVectorLoops
internal import Storage

extension GatedDeltaNet {
  /// Where the gradients of what the delta rule is given go, laid out as that is.
  @safe package struct InputGradients {
    package var queries: UnsafeMutablePointer<Float>
    package var keys: UnsafeMutablePointer<Float>
    package var values: UnsafeMutablePointer<Float>
    package var gates: UnsafeMutablePointer<Float>

    /// `rows`, `[rows, channels]`, and `[rows, 2 · valueHeads]` of the gates.
    package init(
      _ net: GatedDeltaNet, _ rows: UnsafeMutablePointer<Float>, gates: UnsafeMutablePointer<Float>
    ) {
      unsafe (queries, keys, values) = (rows, rows + net.keyWidth, rows + 2 * net.keyWidth)
      unsafe self.gates = gates
    }
  }

  /// Bytes that the gradient of the rule takes a thread for `rows` tokens: the state before each of them.
  package func gradientBytes(rows: Int) -> Int { rows * keyDimension * Self.columns * 4 }

  /// Gradient of ``applyRule(_:_:_:to:stride:)`` for runs to which nothing was carried over.
  ///
  /// - Parameters:
  ///   - outputGradient: of o, the first row's; rows `stride` elements apart.
  ///   - gradients: are written.
  package func ruleGradient(
    _ context: ComputeContext, _ runs: [RecurrentRun], _ inputs: Inputs, rows: Int,
    outputGradient: UnsafePointer<Float>, stride: Int, to gradients: InputGradients,
    vectorWidth: Int = Attention.widestVector
  ) {
    unsafe clear(context, gradients.queries, count: rows * inputs.stride)
    unsafe clear(context, gradients.gates, count: rows * 2 * valueHeads)
    // Heads of values that share one of the keys add to the same gradients.
    context.parallelForEach(keyHeads) { keyHead in
      var before = unsafe AlignedBuffer<Float>(uninitializedCount: rows * keyDimension * Self.columns)
      unsafe before.withUnsafeMutableBufferPointer { before in
        guard let before = before.baseAddress else { return }
        for head in valueHeads(ofKeyHead: keyHead) {
          for columns in columnBlocks {
            unsafe ruleGradient(
              runs, inputs, head, columns, before, rows, outputGradient, stride, gradients,
              vectorWidth)
          }
        }
      }
    }
  }

  private func ruleGradient(
    _ runs: [RecurrentRun], _ inputs: Inputs, _ head: Int, _ columns: Range<Int>,
    _ before: UnsafeMutablePointer<Float>, _ rows: Int, _ outputGradient: UnsafePointer<Float>, _ stride: Int,
    _ gradients: InputGradients, _ vectorWidth: Int
  ) {
    let size = keyDimension * Self.columns
    let levels = (runs.map(\.depth).max() ?? 0) + 1
    let capacity = max(rows * columns.count, (levels + 2) * size + keyDimension)
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: capacity) { memory in
      guard let states = memory.baseAddress else { return }
      // What is put out is not needed again: it goes where the gradients of the states will be.
      unsafe applyRule(
        runs, inputs, head: head, columns: columns, notingIn: before,
        to: states - head * valueDimension - columns.lowerBound, stride: columns.count,
        vectorWidth: vectorWidth)
      unsafe states.update(repeating: 0, count: levels * size)
      for run in runs.reversed() {
        let state = unsafe states + run.depth * size
        let first = run.rows.lowerBound
        var input = unsafe loopRows(inputs, head: head, columns: columns, from: first)
        let key = keyHead(head) * keyDimension + first * inputs.stride
        let gates = unsafe gradients.gates + first * 2 * valueHeads + head
        var output = unsafe profs_delta_gradients(
          queries: gradients.queries + key, keys: gradients.keys + key,
          values: gradients.values + first * inputs.stride + head * valueDimension + columns.lowerBound,
          decays: gates, rates: gates + valueHeads,
          key_row: Int64(inputs.stride), value_row: Int64(inputs.stride), gate_row: Int64(2 * valueHeads))
        unsafe profs_delta_gradient(
          Int64(vectorWidth), Int64(run.rows.count), Int64(keyDimension), Int64(columns.count),
          &input, before + first * size,
          outputGradient + first * stride + head * valueDimension + columns.lowerBound, Int64(stride), state,
          states + levels * size, &output)
        if run.parent != nil {
          for i in 0..<size { unsafe (state - size)[i] += state[i] }
        }
        unsafe state.update(repeating: 0, count: size)
      }
    }
  }
}
