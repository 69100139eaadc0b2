internal import CBLAS

/// Y ← Y − α (Y Vᵀ) V: removes a share of a subspace from every row, in place.
///
/// - Parameters:
///   - y: `[rows, width]` f32, contiguous.
///   - basis: V, `[rank, width]` f32, rows orthonormal.
///   - strength: α, 1 to remove the whole subspace.
package func removeSubspace(
  from y: UnsafeMutablePointer<Float>, rows: Int, width: Int, basis: UnsafePointer<Float>, rank: Int,
  strength: Float
) {
  guard rows > 0 else { return }
  unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: rows * rank) { coefficients in
    guard let coefficients = coefficients.baseAddress else { return }
    unsafe smallGemm(
      rows: rows, columns: rank, inner: width, scale: 1, y, width, basis, width, transposeB: true, keep: 0,
      coefficients, rank)
    unsafe smallGemm(
      rows: rows, columns: width, inner: rank, scale: -strength, coefficients, rank, basis, width,
      transposeB: false, keep: 1, y, width)
  }
}
