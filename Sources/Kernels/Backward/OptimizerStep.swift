internal import CBLAS

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
  let (step, inverse) = (rate / corrections.0, 1 / corrections.1.squareRoot())
  context.parallelLanes(count) { i, lanes in
    let g = unsafe lanes.load(gradient + i) * gradientScale
    let m = unsafe betas.0 * lanes.load(first + i) + (1 - betas.0) * g
    let v = unsafe betas.1 * lanes.load(second + i) + (1 - betas.1) * g * g
    unsafe lanes.store(m, at: first + i)
    unsafe lanes.store(v, at: second + i)
    let p = unsafe lanes.load(parameters + i) * (1 - rate * decay)
    unsafe lanes.store(p - step * m / (profs_square_roots(v) * inverse + epsilon), at: parameters + i)
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
  context.parallelLanes(count) { i, lanes in
    let g = unsafe lanes.load(gradient + i) * gradientScale
    let v = unsafe smoothing * lanes.load(second + i) + (1 - smoothing) * g * g
    unsafe lanes.store(v, at: second + i)
    let p = unsafe lanes.load(parameters + i)
    unsafe lanes.store(p - rate * g / (profs_square_roots(v) + epsilon), at: parameters + i)
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

/// How many of sixteen floats there are: all of them, but at the end of a run.
private struct LaneCount {
  let count: Int

  @inline(__always)
  func load(_ source: UnsafePointer<Float>) -> Lanes {
    if count == 16 { return unsafe UnsafeRawPointer(source).loadUnaligned(as: Lanes.self) }
    var lanes = Lanes.zero
    for i in 0..<count { unsafe lanes[i] = source[i] }
    return lanes
  }

  @inline(__always)
  func store(_ lanes: Lanes, at destination: UnsafeMutablePointer<Float>) {
    if count == 16 {
      return unsafe UnsafeMutableRawPointer(destination).storeBytes(of: lanes, as: Lanes.self)
    }
    for i in 0..<count { unsafe destination[i] = lanes[i] }
  }
}

extension ComputeContext {
  /// Calls `body` with the first index of each sixteen of `0..<count`, in parallel, and how many they are.
  @inline(__always)
  fileprivate func parallelLanes(_ count: Int, _ body: (_ first: Int, LaneCount) -> Void) {
    let whole = count / 16
    parallelRanges(whole, grain: 1 << 10) { range in
      for index in range { body(index * 16, LaneCount(count: 16)) }
    }
    if count % 16 != 0 { body(whole * 16, LaneCount(count: count % 16)) }
  }
}
