internal import CVectorLoops

/// The shape of a gated delta net, which mixes tokens through a state of fixed size in place of attention.
///
/// A causal convolution of few taps, an activation, and then for each head the gated delta rule,
/// S ← a S + b k (v − a Sᵀk)ᵀ and o = Sᵀq, with queries and keys of length one. Source: Yang et al. 2024, arXiv 2412.06464.
package struct GatedDeltaNet: Sendable, Hashable {
  /// Which head of keys a head of values goes with.
  package enum HeadOrder: Sendable, Hashable {
    /// Neighbouring heads of values share one.
    case grouped
    /// Heads of values go through those of the keys in turn.
    case tiled
  }

  /// Heads of queries and of keys.
  package var keyHeads: Int
  /// Heads of values, a multiple of those of the keys.
  package var valueHeads: Int
  /// Width of a head of queries or keys.
  package var keyDimension: Int
  /// Width of a head of values.
  package var valueDimension: Int
  /// Tokens that the convolution sees, its own included.
  package var taps: Int
  /// How heads of values share those of the keys.
  package var headOrder: HeadOrder = .grouped

  /// A shape from its numbers.
  package init(keyHeads: Int, valueHeads: Int, keyDimension: Int, valueDimension: Int, taps: Int) {
    (self.keyHeads, self.valueHeads) = (keyHeads, valueHeads)
    (self.keyDimension, self.valueDimension, self.taps) = (keyDimension, valueDimension, taps)
  }

  /// Columns of all queries (or keys) side by side.
  package var keyWidth: Int { keyHeads * keyDimension }
  /// Columns of all values side by side.
  package var valueWidth: Int { valueHeads * valueDimension }
  /// Columns of queries, keys and values, which the convolution goes over one by one.
  package var channels: Int { 2 * keyWidth + valueWidth }

  /// The key head that a head of values goes with.
  func keyHead(_ valueHead: Int) -> Int {
    switch headOrder {
    case .grouped: valueHead / (valueHeads / keyHeads)
    case .tiled: valueHead % keyHeads
    }
  }

  /// The heads of values that go with a key head.
  func valueHeads(ofKeyHead keyHead: Int) -> [Int] { (0..<valueHeads).filter { self.keyHead($0) == keyHead } }

  /// Floats of what is carried from one token of a text to the next: the convolution's last inputs, `[taps − 1, channels]`,
  /// and each head's state, `[valueHeads, keyDimension, valueDimension]`.
  package var stateCount: Int { tailCount + valueHeads * keyDimension * valueDimension }
  /// Floats of the convolution's last inputs.
  var tailCount: Int { (taps - 1) * channels }
}

/// A run of tokens that a recurrence goes through one after another.
@safe package struct RecurrentRun {
  /// Their rows.
  package var rows: Range<Int>
  /// The run whose last token comes before its first, an earlier one; `nil` for the beginning of a text.
  package var parent: Int?
  /// How many runs come before it on the way from the beginning.
  ///
  /// Of runs in order, those between a run and one that goes on from it are deeper than the first; but for padding, which may go
  /// on from any state, as nothing is read out of it.
  package var depth: Int
  /// Whether its tokens are padding, which brings nothing in.
  package var isPadding = false
  /// What is carried over to its first token where no run is its parent; `nil` for zeros.
  package var initial: UnsafePointer<Float>?
  /// Where what its last token leaves goes; may be `initial`.
  package var finals: [UnsafeMutablePointer<Float>] = unsafe []

  /// A run from its parts.
  package init(rows: Range<Int>, parent: Int? = nil, depth: Int = 0) {
    (self.rows, self.parent, self.depth) = (rows, parent, depth)
  }
}

extension GatedDeltaNet {
  /// What the delta rule is given: rows `stride` elements apart, from the first row's elements.
  @safe package struct Inputs {
    /// Convolved queries of length 1/√keyDimension, `[rows, keyHeads, keyDimension]`.
    package var queries: UnsafePointer<Float>
    /// Convolved keys of length one, laid out alike.
    package var keys: UnsafePointer<Float>
    /// `[rows, valueHeads, valueDimension]`.
    package var values: UnsafePointer<Float>
    /// Elements from one row to the next.
    package var stride: Int
    /// `[rows, 2 · valueHeads]`: the factor on the state of each head, and then how much of what it lacks is added to it.
    package var gates: UnsafePointer<Float>

    /// `rows`, `[rows, channels]`, as the convolution leaves them.
    package init(_ net: GatedDeltaNet, _ rows: UnsafePointer<Float>, gates: UnsafePointer<Float>) {
      unsafe (queries, keys, values) = (rows, rows + net.keyWidth, rows + 2 * net.keyWidth)
      stride = net.channels
      unsafe self.gates = gates
    }
  }

  /// Columns of a head's state that the loops go through at a time.
  static let columns = Int(PROFS_DELTA_COLUMNS)

  /// The pieces of at most ``columns`` columns that a head of values is cut into.
  var columnBlocks: [Range<Int>] {
    stride(from: 0, to: valueDimension, by: Self.columns).map {
      $0..<min($0 + Self.columns, valueDimension)
    }
  }

  /// What the loops in C take of a head and some of its columns.
  func loopRows(_ inputs: Inputs, head: Int, columns: Range<Int>, from row: Int) -> profs_delta_rows {
    let key = keyHead(head) * keyDimension + row * inputs.stride
    return unsafe profs_delta_rows(
      queries: inputs.queries + key, keys: inputs.keys + key,
      values: inputs.values + row * inputs.stride + head * valueDimension + columns.lowerBound,
      decays: inputs.gates + row * 2 * valueHeads + head,
      rates: inputs.gates + row * 2 * valueHeads + valueHeads + head,
      key_row: Int64(inputs.stride), value_row: Int64(inputs.stride), gate_row: Int64(2 * valueHeads))
  }

  /// What each token reads out of the state, for every head: o, `[rows, valueHeads, valueDimension]`.
  ///
  /// - Parameters:
  ///   - runs: the tokens, each run after its parent.
  ///   - outputs: the first row's; rows `stride` elements apart.
  ///   - vectorWidth: floats of a vector register that the loops use, 4, 8 or 16 and at most `Attention.widestVector`.
  package func applyRule(
    _ context: ComputeContext, _ runs: [RecurrentRun], _ inputs: Inputs,
    to outputs: UnsafeMutablePointer<Float>, stride: Int, vectorWidth: Int = Attention.widestVector
  ) {
    let blocks = columnBlocks
    context.parallelForEach(valueHeads * blocks.count) { item in
      unsafe applyRule(
        runs, inputs, head: item / blocks.count, columns: blocks[item % blocks.count], startsIn: nil,
        to: outputs, stride: stride, vectorWidth: vectorWidth)
    }
  }

  /// The same of one head and some columns.
  ///
  /// - Parameter starts: gets the state before each of the runs' pieces, `[pieces, keyDimension, columns]`.
  func applyRule(
    _ runs: [RecurrentRun], _ inputs: Inputs, head: Int, columns: Range<Int>,
    startsIn starts: UnsafeMutablePointer<Float>?, to outputs: UnsafeMutablePointer<Float>, stride: Int,
    vectorWidth: Int
  ) {
    let size = keyDimension * Self.columns
    let levels = (runs.map(\.depth).max() ?? 0) + 1
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: levels * size) { memory in
      guard let states = memory.baseAddress else { return }
      var piece = 0
      for run in runs {
        let state = unsafe states + run.depth * size
        if run.parent != nil {
          unsafe state.update(from: state - size, count: size)
        } else {
          unsafe state.update(repeating: 0, count: size)
          if let initial = unsafe run.initial {
            unsafe copyColumns(columns, of: initial + stateOffset(head), to: state)
          }
        }
        for rows in Self.pieces(of: run.rows) {
          if let starts = unsafe starts {
            unsafe (starts + piece * size).update(from: state, count: size)
            piece += 1
          }
          var input = unsafe loopRows(inputs, head: head, columns: columns, from: rows.lowerBound)
          unsafe profs_delta_rule(
            Int64(vectorWidth), Int64(rows.count), Int64(keyDimension), Int64(columns.count), &input, state,
            nil, outputs + rows.lowerBound * stride + head * valueDimension + columns.lowerBound,
            Int64(stride))
        }
        unsafe run.finals.forEach { final in
          for i in 0..<keyDimension {
            unsafe (final + stateOffset(head) + i * valueDimension + columns.lowerBound)
              .update(from: state + i * Self.columns, count: columns.count)
          }
        }
      }
    }
  }

  /// Rows between which the way back keeps states.
  private static let pieceRows = 64

  /// A run's rows, cut where the way back keeps states.
  static func pieces(of rows: Range<Int>) -> [Range<Int>] {
    stride(from: rows.lowerBound, to: rows.upperBound, by: pieceRows).map {
      $0..<min($0 + pieceRows, rows.upperBound)
    }
  }

  private func copyColumns(
    _ columns: Range<Int>, of source: UnsafePointer<Float>, to state: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<keyDimension {
      unsafe (state + i * Self.columns)
        .update(from: source + i * valueDimension + columns.lowerBound, count: columns.count)
    }
  }

  /// Where a head's state is in what is carried from token to token.
  private func stateOffset(_ head: Int) -> Int { tailCount + head * keyDimension * valueDimension }
}
