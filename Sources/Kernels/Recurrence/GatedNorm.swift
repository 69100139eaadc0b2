/// The root-mean-square norm of each head of each row, times SiLU of a gate: yᵢ = xᵢ / √(mean(x²) + ε) · wᵢ · silu(zᵢ).
package struct GatedNorm {
  /// Heads of a row.
  private let heads: Int
  /// w, the same for every head.
  private let weight: [Float]
  /// ε.
  private let epsilon: Float

  /// - Parameter weight: w, as wide as a head.
  package init(heads: Int, weight: [Float], epsilon: Float) {
    (self.heads, self.weight, self.epsilon) = (heads, weight, epsilon)
  }

  /// Writes y, `[rows, heads · width]`, in `precision`.
  ///
  /// - Parameters:
  ///   - source: x, `[rows, heads · width]`.
  ///   - gates: the first row's z; rows `stride` elements apart.
  package func apply(
    _ context: ComputeContext, _ source: UnsafePointer<Float>, gates: UnsafePointer<Float>, rows: Int,
    stride: Int, to destination: UnsafeMutableRawPointer, _ precision: ComputePrecision
  ) {
    let width = heads * weight.count
    context.parallelRanges(rows, grain: 8) { range in
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * width) { scratch in
        guard let normed = scratch.baseAddress else { return }
        for row in range {
          unsafe norm(source + row * width, to: normed)
          unsafe Activation.silu.apply(gates + row * stride, times: normed, width, to: normed + width)
          unsafe store(normed + width, width, to: destination, at: row * width, precision)
        }
      }
    }
  }

  private func norm(_ row: UnsafePointer<Float>, to result: UnsafeMutablePointer<Float>) {
    let width = weight.count
    for head in 0..<heads {
      let (x, y) = unsafe (row + head * width, result + head * width)
      let scale = unsafe 1 / (laneDot(x, x, width) / Float(width) + epsilon).squareRoot()
      for i in 0..<width { unsafe y[i] = x[i] * scale * weight[i] }
    }
  }

  /// Gradient of ``apply(_:_:gates:rows:stride:to:_:)``.
  ///
  /// - Parameters:
  ///   - outputGradient: dy, `[rows, heads · width]`.
  ///   - sourceGradient: dx is written here, `[rows, heads · width]`.
  ///   - gateGradient: dz is written here, laid out as the gates.
  ///   - weightGradient: dw is added here; `nil` where nobody wants it.
  package func gradient(
    _ context: ComputeContext, _ source: UnsafePointer<Float>, gates: UnsafePointer<Float>, rows: Int,
    stride: Int, outputGradient: UnsafePointer<Float>, to sourceGradient: UnsafeMutablePointer<Float>,
    gateGradient: UnsafeMutablePointer<Float>, weightGradient: UnsafeMutablePointer<Float>?
  ) {
    let width = heads * weight.count
    context.parallelRanges(rows, grain: 8) { range in
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * width) { scratch in
        guard let both = scratch.baseAddress else { return }
        for row in range {
          unsafe both.update(from: gates + row * stride, count: width)
          unsafe norm(source + row * width, to: both + width)
          unsafe Activation.silu.apply(both, up: both + width, width, outputGradient + row * width)
          unsafe (gateGradient + row * stride).update(from: both, count: width)
          unsafe (sourceGradient + row * width).update(from: both + width, count: width)
        }
      }
    }
    unsafe rmsNormGradient(
      context, source, outputGradient: sourceGradient, rows: rows, width: weight.count, stride: width,
      heads: heads, headStep: weight.count, weight: weight, epsilon: epsilon, to: sourceGradient,
      accumulate: false, weightGradient: weightGradient)
  }
}
