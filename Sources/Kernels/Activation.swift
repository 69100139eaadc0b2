/// What stands between two matrices.
package enum Activation: Sendable, Hashable, CaseIterable {
  /// x · σ(x), also called swish.
  case silu
  /// x · Φ(x) with the normal distribution function, exact.
  case gelu
  /// The tangent approximation of ``gelu``: ½x (1 + tanh(√(2/π) (x + 0.044715 x³))).
  case geluTangent
  /// The approximation x · σ(1.702 x) of ``gelu``.
  case geluSigmoid
  /// max(x, 0).
  case relu
  /// max(x, 0)².
  case reluSquared
  /// tanh x.
  case tangent
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
    unsafe forEachRow(context, gateAndUp, 2 * width, rows, width, destination, precision) { gate, row in
      unsafe apply(gate, times: gate + width, width, to: row)
    }
  }

  /// `act(x)`, row by row: the input of the MLP-value matrix of a plain MLP.
  ///
  /// - Parameters:
  ///   - source: `[rows, width]` f32.
  ///   - destination: `[rows, width]` in `precision`.
  package func apply(
    _ context: ComputeContext, _ source: UnsafePointer<Float>, rows: Int, width: Int,
    to destination: UnsafeMutableRawPointer, _ precision: ComputePrecision
  ) {
    unsafe forEachRow(context, source, width, rows, width, destination, precision) { x, row in
      unsafe apply(x, times: nil, width, to: row)
    }
  }

  /// Computes each row from its input, `stride` elements after that before it, and stores it in `precision`.
  @inline(__always)
  private func forEachRow(
    _ context: ComputeContext, _ source: UnsafePointer<Float>, _ stride: Int, _ rows: Int, _ width: Int,
    _ destination: UnsafeMutableRawPointer, _ precision: ComputePrecision,
    _ body: (UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) {
    context.parallelRanges(rows, grain: 8) { range in
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { scratch in
        guard let scratch = scratch.baseAddress else { return }
        for r in range {
          let x = unsafe source + r * stride
          let row = unsafe place(ofRow: r, width, in: destination, precision, notOver: x) ?? scratch
          unsafe body(x, row)
          unsafe store(row, width, to: destination, at: r * width, precision)
        }
      }
    }
  }

  /// `act(x)`, or that times `factor`, of one row.
  @inline(__always)
  func apply(
    _ x: UnsafePointer<Float>, times factor: UnsafePointer<Float>?, _ count: Int,
    to row: UnsafeMutablePointer<Float>
  ) {
    // The switch stands outside the loop, and each loop is compiled for its own function.
    switch self {
    case .silu: unsafe map(x, factor, count, row) { $0 / (1 + Lanes.fastExponential(-$0)) }
    case .gelu:
      unsafe map(x, factor, count, row) { 0.5 * $0 * (1 + Lanes.fastErrorFunction($0 * 0.707_106_77)) }
    case .geluTangent:
      unsafe map(x, factor, count, row) {
        0.5 * $0 * (1 + Lanes.fastTangent(0.797_884_6 * ($0 + 0.044_715 * $0 * $0 * $0)))
      }
    case .geluSigmoid:
      unsafe map(x, factor, count, row) { $0 / (1 + Lanes.fastExponential(-1.702 * $0)) }
    case .relu: unsafe map(x, factor, count, row) { $0.replacing(with: 0, where: $0 .< 0) }
    case .reluSquared:
      unsafe map(x, factor, count, row) { ($0 * $0).replacing(with: 0, where: $0 .< 0) }
    case .tangent: unsafe map(x, factor, count, row) { Lanes.fastTangent($0) }
    }
  }

  @inline(__always)
  private func map(
    _ x: UnsafePointer<Float>, _ factor: UnsafePointer<Float>?, _ count: Int,
    _ row: UnsafeMutablePointer<Float>,
    _ function: (Lanes) -> Lanes
  ) {
    var i = 0
    while i + 16 <= count {
      var value = unsafe function(UnsafeRawPointer(x + i).loadUnaligned(as: Lanes.self))
      if let factor = unsafe factor {
        unsafe value *= UnsafeRawPointer(factor + i).loadUnaligned(as: Lanes.self)
      }
      unsafe UnsafeMutableRawPointer(row + i).storeBytes(of: value, as: Lanes.self)
      i += 16
    }
    while i < count {
      let value = unsafe function(Lanes(repeating: x[i]))[0]
      unsafe row[i] = value * (factor.map { unsafe $0[i] } ?? 1)
      i += 1
    }
  }
}
