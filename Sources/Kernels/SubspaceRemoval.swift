internal import CBLAS

/// Y ← Y − α (Y Vᵀ) U: removes from every row what it has along some directions, in place.
///
/// - Parameters:
///   - y: `[rows, width]` f32, contiguous.
///   - basis: V, `[rank, width]` f32.
///   - writes: U, `[rank, width]` f32, with V Uᵀ = I; V itself, its rows orthonormal, for an orthogonal projection.
///   - strength: α, 1 to remove all of it.
package func removeSubspace(
  from y: UnsafeMutablePointer<Float>, rows: Int, width: Int, basis: UnsafePointer<Float>,
  writing writes: UnsafePointer<Float>, rank: Int, strength: Float
) {
  guard rows > 0 else { return }
  unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: rows * rank) { coefficients in
    guard let coefficients = coefficients.baseAddress else { return }
    unsafe smallGemm(
      rows: rows, columns: rank, inner: width, scale: 1, y, width, basis, width, transposeB: true, keep: 0,
      coefficients, rank)
    unsafe smallGemm(
      rows: rows, columns: width, inner: rank, scale: -strength, coefficients, rank, writes, width,
      transposeB: false, keep: 1, y, width)
  }
}
