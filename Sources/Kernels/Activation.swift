/// What an MLP applies between its two matrices.
package enum Activation: Sendable, Hashable {
  /// x · σ(x), also called swish.
  case silu
}

extension Activation {
  /// `act(gate) · up`, row by row: the input of the MLP-value matrix of a gated MLP.
  ///
  /// - Parameters:
  ///   - gateAndUp: `[rows, 2 · width]` f32, the gate's columns first.
  ///   - destination: `[rows, width]` in `precision`.
  package func applyGated(
    _ context: ComputeContext, _ gateAndUp: UnsafePointer<Float>, rows: Int, width: Int,
    to destination: UnsafeMutableRawPointer, _ precision: ComputePrecision
  ) {
    context.parallelRanges(rows, grain: 8) { range in
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { scratch in
        guard let row = scratch.baseAddress else { return }
        for r in range {
          let gate = unsafe gateAndUp + r * 2 * width
          unsafe gated(gate, gate + width, width, to: row)
          unsafe store(row, width, to: destination, at: r * width, precision)
        }
      }
    }
  }

  @inline(__always)
  private func gated(
    _ gate: UnsafePointer<Float>, _ up: UnsafePointer<Float>, _ count: Int,
    to row: UnsafeMutablePointer<Float>
  ) {
    var i = 0
    while i + 16 <= count {
      let g = unsafe UnsafeRawPointer(gate + i).loadUnaligned(as: Lanes.self)
      let u = unsafe UnsafeRawPointer(up + i).loadUnaligned(as: Lanes.self)
      unsafe UnsafeMutableRawPointer(row + i).storeBytes(of: value(g) * u, as: Lanes.self)
      i += 16
    }
    while i < count {
      unsafe row[i] = value(Lanes(repeating: gate[i]))[0] * up[i]
      i += 1
    }
  }

  @inline(__always)
  private func value(_ x: Lanes) -> Lanes {
    switch self {
    case .silu: x / (1 + Lanes.fastExponential(-x))
    }
  }
}
