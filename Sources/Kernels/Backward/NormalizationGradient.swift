/// Gradient of ``rmsNorm(_:_:rows:width:weight:epsilon:to:_:)``.
///
/// With r = 1/√(mean(x²) + ε) and g = dy ∘ w: dx = r (g − x r² mean(g ∘ x)), dw = Σ over rows of dy ∘ x r.
/// - Parameters:
///   - source: x, `[rows, width]`, rows `stride` elements apart, each with `heads` parts of `width` elements that are
///     normed by themselves, `headStep` apart.
///   - outputGradient: dy, laid out alike.
///   - inputGradient: dx goes here, laid out alike; may be `outputGradient` itself.
///   - accumulate: add dx to what is there instead of overwriting it.
///   - weightGradient: dw is added here, `[width]`; `nil` where nobody wants it.
package func rmsNormGradient(
  _ context: ComputeContext, _ source: UnsafePointer<Float>, outputGradient: UnsafePointer<Float>, rows: Int,
  width: Int, stride: Int? = nil, heads: Int = 1, headStep: Int = 0, weight: UnsafePointer<Float>,
  epsilon: Float, to inputGradient: UnsafeMutablePointer<Float>, accumulate: Bool,
  weightGradient: UnsafeMutablePointer<Float>?
) {
  unsafe context.parallelSums(rows, width: width, into: weightGradient) { range, sums in
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { scratch in
      guard let g = scratch.baseAddress else { return }
      for r in range {
        for head in 0..<heads {
          let offset = r * (stride ?? width) + head * headStep
          let (x, dy) = unsafe (source + offset, outputGradient + offset)
          let dx = unsafe inputGradient + offset
          let scale = unsafe 1 / (laneDot(x, x, width) / Float(width) + epsilon).squareRoot()
          if let sums = unsafe sums { for i in 0..<width { unsafe sums[i] += dy[i] * x[i] * scale } }
          for i in 0..<width { unsafe g[i] = dy[i] * weight[i] }
          let share = unsafe scale * scale * laneDot(g, x, width) / Float(width)
          // From here on dy is no longer read: dx may take its place.
          if !accumulate { unsafe dx.update(repeating: 0, count: width) }
          for i in 0..<width { unsafe dx[i] += scale * (g[i] - x[i] * share) }
        }
      }
    }
  }
}

/// Gradient of ``layerNorm(_:_:rows:width:weight:bias:epsilon:to:_:)``.
///
/// With x̂ = (x − mean) r, r = 1/√(variance + ε) and g = dy ∘ w: dx = r (g − mean(g) − x̂ mean(g ∘ x̂)),
/// dw = Σ over rows of dy ∘ x̂, db = Σ dy.
/// - Parameters:
///   - source: x, `[rows, width]`, contiguous.
///   - outputGradient: dy, laid out alike.
///   - inputGradient: dx goes here; may be `outputGradient` itself.
///   - accumulate: add dx to what is there instead of overwriting it.
///   - weightGradient: dw is added here, `[width]`; `nil` where nobody wants it; `biasGradient` likewise.
package func layerNormGradient(
  _ context: ComputeContext, _ source: UnsafePointer<Float>, outputGradient: UnsafePointer<Float>, rows: Int,
  width: Int, weight: UnsafePointer<Float>, epsilon: Float, to inputGradient: UnsafeMutablePointer<Float>,
  accumulate: Bool, weightGradient: UnsafeMutablePointer<Float>?, biasGradient: UnsafeMutablePointer<Float>?
) {
  if let biasGradient = unsafe biasGradient {
    unsafe addColumnSums(
      context, outputGradient, rows: rows, width: width, stride: width, to: biasGradient)
  }
  unsafe context.parallelSums(rows, width: width, into: weightGradient) { range, sums in
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * width) { scratch in
      guard let normed = scratch.baseAddress else { return }
      let g = unsafe normed + width
      for r in range {
        let (x, dy) = unsafe (source + r * width, outputGradient + r * width)
        let dx = unsafe inputGradient + r * width
        let mean = unsafe laneSum(x, width) / Float(width)
        for i in 0..<width { unsafe normed[i] = x[i] - mean }
        let scale = unsafe 1 / (laneDot(normed, normed, width) / Float(width) + epsilon).squareRoot()
        for i in 0..<width { unsafe normed[i] *= scale }
        if let sums = unsafe sums { for i in 0..<width { unsafe sums[i] += dy[i] * normed[i] } }
        for i in 0..<width { unsafe g[i] = dy[i] * weight[i] }
        let level = unsafe laneSum(g, width) / Float(width)
        let share = unsafe laneDot(g, normed, width) / Float(width)
        if !accumulate { unsafe dx.update(repeating: 0, count: width) }
        for i in 0..<width { unsafe dx[i] += scale * (g[i] - level - normed[i] * share) }
      }
    }
  }
}
