/// Replaces logits by the gradient of Σ over rows of weight · ln p(target).
///
/// ∂/∂z_j = weight · (1[j = target] − p_j), and through a bound c on the logits, z = c tanh(u/c), times 1 − (z/c)².
/// - Parameters:
///   - logits: z, `[rows, width]` f32: the tokens `firstToken ..< firstToken + width`, under the bound already.
///   - targets: the token whose probability counts, a row; `weights` and `logNormalizers` (ln Σ e^z) likewise.
///   - bound: c; `nil` for none.
package func logProbabilityGradient(
  _ context: ComputeContext, _ logits: UnsafeMutablePointer<Float>, firstToken: Int, width: Int,
  targets: ArraySlice<Int32>, weights: ArraySlice<Float>, logNormalizers: ArraySlice<Float>, bound: Float?
) {
  context.parallelRanges(targets.count, grain: 1) { range in
    for r in range {
      let row = unsafe logits + r * width
      let weight = weights[weights.startIndex + r]
      let normalizer = logNormalizers[logNormalizers.startIndex + r]
      let target = Int(targets[targets.startIndex + r]) - firstToken
      let isHere = target >= 0 && target < width
      let targetLogit = isHere ? unsafe row[target] : 0
      unsafe weighProbabilities(row, width, by: -weight, shift: normalizer, bound)
      if isHere {
        let pressed = bound.map { 1 - (targetLogit / $0) * (targetLogit / $0) } ?? 1
        unsafe row[target] += weight * pressed
      }
    }
  }
}

/// z ← factor · e^(z − shift), times 1 − (z/bound)² where there is a bound.
@inline(__always)
private func weighProbabilities(
  _ z: UnsafeMutablePointer<Float>, _ count: Int, by factor: Float, shift: Float, _ bound: Float?
) {
  let inverse = bound.map { 1 / $0 } ?? 0
  func weigh(_ value: Lanes) -> Lanes {
    let pressed = value * inverse
    return factor * Lanes.fastExponential(value - shift) * (1 - pressed * pressed)
  }
  var i = 0
  while i + 16 <= count {
    let at = unsafe UnsafeMutableRawPointer(z + i)
    unsafe at.storeBytes(of: weigh(at.loadUnaligned(as: Lanes.self)), as: Lanes.self)
    i += 16
  }
  while i < count {
    unsafe z[i] = weigh(Lanes(repeating: z[i]))[0]
    i += 1
  }
}
