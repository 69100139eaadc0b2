/// One step of AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101).
///
/// p ← p (1 − η λ); m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²; p ← p − η m̂ / (√v̂ + ε) with
/// m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ).
/// - Parameters:
///   - parameters: p, `[count]`; `first` and `second` are m and v.
///   - gradient: g before it is multiplied by `gradientScale`.
///   - rate: η, and `decay` λ.
///   - corrections: 1 − β₁ᵗ and 1 − β₂ᵗ.
package func adamWStep(
  _ context: ComputeContext, _ parameters: UnsafeMutablePointer<Float>, first: UnsafeMutablePointer<Float>,
  second: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>, gradientScale: Float, count: Int,
  rate: Float, decay: Float, betas: (Float, Float), epsilon: Float, corrections: (Float, Float)
) {
  context.parallelRanges(count, grain: 1 << 14) { range in
    let step = rate / corrections.0
    let inverse = 1 / corrections.1.squareRoot()
    for i in range {
      let g = unsafe gradient[i] * gradientScale
      let m = unsafe betas.0 * first[i] + (1 - betas.0) * g
      let v = unsafe betas.1 * second[i] + (1 - betas.1) * g * g
      unsafe (first[i], second[i]) = (m, v)
      unsafe parameters[i] =
        parameters[i] * (1 - rate * decay) - step * m / (v.squareRoot() * inverse + epsilon)
    }
  }
}

/// One step of RMSprop (Hinton's lecture 6e): v ← α v + (1 − α) g²; p ← p − η g / (√v + ε).
///
/// - Parameters:
///   - parameters: p, `[count]`; `second` is v.
///   - gradient: g before it is multiplied by `gradientScale`.
///   - rate: η, and `smoothing` α.
package func rmsPropStep(
  _ context: ComputeContext, _ parameters: UnsafeMutablePointer<Float>, second: UnsafeMutablePointer<Float>,
  gradient: UnsafePointer<Float>, gradientScale: Float, count: Int, rate: Float, smoothing: Float,
  epsilon: Float
) {
  context.parallelRanges(count, grain: 1 << 14) { range in
    for i in range {
      let g = unsafe gradient[i] * gradientScale
      let v = unsafe smoothing * second[i] + (1 - smoothing) * g * g
      unsafe second[i] = v
      unsafe parameters[i] -= rate * g / (v.squareRoot() + epsilon)
    }
  }
}

/// Σ x² in double precision; equal for equal inputs whatever the threads.
package func sumOfSquares(
  _ context: ComputeContext, _ x: UnsafePointer<Float>, count: Int
) -> Double {
  let piece = 1 << 14
  let pieces = (count + piece - 1) / piece
  var sums = [Double](repeating: 0, count: pieces)
  unsafe sums.withUnsafeMutableBufferPointer { sums in
    context.parallelForEach(pieces) { index in
      let start = index * piece
      let portion = unsafe x + start
      unsafe sums[index] = Double(laneDot(portion, portion, min(piece, count - start)))
    }
  }
  return sums.reduce(0, +)
}
