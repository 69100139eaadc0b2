extension Activation {
  /// Gradient of ``applyGated(_:_:rows:width:to:_:)``: of h = act(gate) ∘ up, dgate = dh ∘ up ∘ act′(gate) and
  /// dup = dh ∘ act(gate).
  ///
  /// - Parameters:
  ///   - gateAndUp: `[rows, 2 · width]` f32, the gate's columns first; the gradients take their place.
  ///   - outputGradient: dh, `[rows, width]`.
  package func gatedGradient(
    _ context: ComputeContext, _ gateAndUp: UnsafeMutablePointer<Float>, rows: Int, width: Int,
    outputGradient: UnsafePointer<Float>
  ) {
    context.parallelRanges(rows, grain: 8) { range in
      for r in range {
        let gate = unsafe gateAndUp + r * 2 * width
        unsafe apply(gate, up: gate + width, width, outputGradient + r * width)
      }
    }
  }

  /// Gradient of ``apply(_:_:rows:width:to:_:)``: of h = act(x), dx = dh ∘ act′(x).
  ///
  /// - Parameters:
  ///   - source: x, `[rows, width]` f32; the gradient takes its place.
  ///   - outputGradient: dh, `[rows, width]`.
  package func gradient(
    _ context: ComputeContext, _ source: UnsafeMutablePointer<Float>, rows: Int, width: Int,
    outputGradient: UnsafePointer<Float>
  ) {
    context.parallelRanges(rows, grain: 8) { range in
      for r in range { unsafe apply(source + r * width, up: nil, width, outputGradient + r * width) }
    }
  }

  /// The same of one row: x becomes its gradient, and `up`, where there is one, its own.
  @inline(__always)
  func apply(
    _ x: UnsafeMutablePointer<Float>, up: UnsafeMutablePointer<Float>?, _ count: Int,
    _ outputGradient: UnsafePointer<Float>
  ) {
    // The switch stands outside the loop, and each loop is compiled for its own function.
    switch self {
    case .silu:
      unsafe map(x, up, count, outputGradient) {
        let sigmoid = 1 / (1 + Lanes.fastExponential(-$0))
        return ($0 * sigmoid, sigmoid * (1 + $0 * (1 - sigmoid)))
      }
    case .gelu:
      unsafe map(x, up, count, outputGradient) {
        let share = 0.5 * (1 + Lanes.fastErrorFunction($0 * 0.707_106_77))
        return ($0 * share, share + $0 * 0.398_942_28 * Lanes.fastExponential(-0.5 * $0 * $0))
      }
    case .geluTangent:
      unsafe map(x, up, count, outputGradient) {
        let tangent = Lanes.fastTangent(0.797_884_6 * ($0 + 0.044_715 * $0 * $0 * $0))
        let slope = 0.797_884_6 * (1 + 0.134_145 * $0 * $0)
        return (
          0.5 * $0 * (1 + tangent), 0.5 * (1 + tangent) + 0.5 * $0 * (1 - tangent * tangent) * slope
        )
      }
    case .geluSigmoid:
      unsafe map(x, up, count, outputGradient) {
        let sigmoid = 1 / (1 + Lanes.fastExponential(-1.702 * $0))
        return ($0 * sigmoid, sigmoid * (1 + 1.702 * $0 * (1 - sigmoid)))
      }
    case .reluSquared:
      unsafe map(x, up, count, outputGradient) {
        let positive = $0.replacing(with: 0, where: $0 .< 0)
        return (positive * positive, 2 * positive)
      }
    case .relu:
      unsafe map(x, up, count, outputGradient) {
        ($0.replacing(with: 0, where: $0 .< 0), Lanes(repeating: 1).replacing(with: 0, where: $0 .<= 0))
      }
    case .tangent:
      unsafe map(x, up, count, outputGradient) {
        let tangent = Lanes.fastTangent($0)
        return (tangent, 1 - tangent * tangent)
      }
    }
  }

  /// Replaces x by its gradient, and `up`, where there is one, by its own; `function` answers value and derivative.
  @inline(__always)
  private func map(
    _ x: UnsafeMutablePointer<Float>, _ up: UnsafeMutablePointer<Float>?, _ count: Int,
    _ outputGradient: UnsafePointer<Float>, _ function: (Lanes) -> (value: Lanes, derivative: Lanes)
  ) {
    var i = 0
    while i + 16 <= count {
      let at = unsafe UnsafeMutableRawPointer(x + i)
      let dh = unsafe UnsafeRawPointer(outputGradient + i).loadUnaligned(as: Lanes.self)
      let result = unsafe function(at.loadUnaligned(as: Lanes.self))
      var dx = dh * result.derivative
      if let up = unsafe up {
        let factor = unsafe UnsafeMutableRawPointer(up + i)
        unsafe dx *= factor.loadUnaligned(as: Lanes.self)
        unsafe factor.storeBytes(of: dh * result.value, as: Lanes.self)
      }
      unsafe at.storeBytes(of: dx, as: Lanes.self)
      i += 16
    }
    while i < count {
      let result = unsafe function(Lanes(repeating: x[i]))
      let dh = unsafe outputGradient[i]
      unsafe x[i] = dh * result.derivative[0] * (up.map { unsafe $0[i] } ?? 1)
      if let up = unsafe up { unsafe up[i] = dh * result.value[0] }
      i += 1
    }
  }
}
