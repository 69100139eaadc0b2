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
    let pieces = runs.flatMap { Self.pieces(of: $0.rows) }
    // Heads of values that share one of the keys add to the same gradients.
    context.parallelForEach(keyHeads) { keyHead in
      for head in valueHeads(ofKeyHead: keyHead) {
        for columns in columnBlocks {
          unsafe ruleGradient(
            runs, pieces, inputs, head, columns, outputGradient, stride, gradients, vectorWidth)
        }
      }
    }
  }

  private func ruleGradient(
    _ runs: [RecurrentRun], _ pieces: [Range<Int>], _ inputs: Inputs, _ head: Int, _ columns: Range<Int>,
    _ outputGradient: UnsafePointer<Float>, _ stride: Int, _ gradients: InputGradients, _ vectorWidth: Int
  ) {
    let size = keyDimension * Self.columns
    let longest = pieces.map(\.count).max() ?? 0
    let rows = (runs.last?.rows.upperBound ?? 0) * columns.count
    let levels = (runs.map(\.depth).max() ?? 0) + 1
    // States before the pieces, before each row of one, their gradients, what is put out again, and the loops' own.
    var memory = unsafe AlignedBuffer<Float>(
      uninitializedCount: (pieces.count + longest + levels + 2) * size + keyDimension + rows)
    unsafe memory.withUnsafeMutableBufferPointer { memory in
      guard let starts = memory.baseAddress else { return }
      let before = unsafe starts + pieces.count * size
      let states = unsafe before + longest * size
      let scratch = unsafe states + levels * size
      let outputs = unsafe scratch + 2 * size + keyDimension
      unsafe applyRule(
        runs, inputs, head: head, columns: columns, startsIn: starts,
        to: outputs - head * valueDimension - columns.lowerBound, stride: columns.count,
        vectorWidth: vectorWidth)
      unsafe states.update(repeating: 0, count: levels * size)
      var piece = pieces.count
      for run in runs.reversed() {
        let state = unsafe states + run.depth * size
        for rows in Self.pieces(of: run.rows).reversed() {
          piece -= 1
          var input = unsafe loopRows(inputs, head: head, columns: columns, from: rows.lowerBound)
          let (count, depth) = (Int64(rows.count), Int64(keyDimension))
          unsafe profs_delta_rule(
            Int64(vectorWidth), count, depth, Int64(columns.count), &input, starts + piece * size, before,
            outputs, Int64(columns.count))
          var output = unsafe loopGradients(gradients, inputs.stride, head, columns, from: rows.lowerBound)
          unsafe profs_delta_gradient(
            Int64(vectorWidth), count, depth, Int64(columns.count), &input, before,
            outputGradient + rows.lowerBound * stride + head * valueDimension + columns.lowerBound,
            Int64(stride), state, scratch, &output)
        }
        if run.parent != nil {
          for i in 0..<size { unsafe (state - size)[i] += state[i] }
        }
        unsafe state.update(repeating: 0, count: size)
      }
    }
  }

  /// Where the loops in C write the gradients of a head and some of its columns.
  private func loopGradients(
    _ gradients: InputGradients, _ stride: Int, _ head: Int, _ columns: Range<Int>, from row: Int
  ) -> profs_delta_gradients {
    let key = keyHead(head) * keyDimension + row * stride
    let gates = unsafe gradients.gates + row * 2 * valueHeads + head
    return unsafe profs_delta_gradients(
      queries: gradients.queries + key, keys: gradients.keys + key,
      values: gradients.values + row * stride + head * valueDimension + columns.lowerBound,
      decays: gates, rates: gates + valueHeads,
      key_row: Int64(stride), value_row: Int64(stride), gate_row: Int64(2 * valueHeads))
  }
}
