internal import Kernels

extension BlockSubspace {
  /// Fits the subspace of the `rank` directions in which the pairs differ most: the first right singular
  /// vectors of the preference matrix (arXiv 2405.13967, §4).
  ///
  /// The eigenvectors of the smaller Gram matrix, T Tᵀ for fewer pairs than dimensions and TᵀT otherwise,
  /// give the same vectors at a fraction of the price: O(pairs·hidden·min + min³). Forming it squares the
  /// singular values, so their error is about 2⁻⁵³·σ₁²/σ instead of 2⁻⁵³·σ₁ (values under 10⁻⁷ σ₁ are noise),
  /// and that of direction i about 2⁻⁵³·σ₁² over its gap |σᵢ² − σⱼ²|. Where that would be felt, σ_rank < 10⁻³
  /// σ₁, T itself is decomposed instead.
  ///
  /// A direction's sign is such that the mean of T's rows along it is not negative, or, where that mean is
  /// zero to rounding, that its component of largest magnitude is positive. Directions with equal singular
  /// values are some basis of their span. The span does not change when pairs swap sides, μ held fixed.
  ///
  /// Throws when `rank` is not between 1 and the number of directions in which T is distinguishable from the
  /// single-precision rounding of its input, σ > 2⁻²⁴ ‖T⁰‖_F.
  public init(fitting preference: PreferenceMatrix, rank: Int) throws(SubspaceError) {
    let matrix = preference.matrix
    guard (1...min(matrix.rows, matrix.columns)).contains(rank) else {
      throw SubspaceError(
        reason: .rankUnavailable(requested: rank, available: min(matrix.rows, matrix.columns)))
    }
    let (values, directions) = try computing { () throws(LinearAlgebraError) in
      var (values, vectors) = try Self.decompose(matrix, rank)
      let mean = Matrix(rows: 1, columns: matrix.columns, elements: try matrix.meanRow())
      let means = try Matrix.product(vectors, mean, transposing: .second).elements
      for (row, value) in means.enumerated() {
        // |mean| ≤ σ/√pairs, so this is a relative measure of zero.
        let isZero = abs(value) <= 1e-9 * values[row] / Double(matrix.rows).squareRoot()
        let signed = isZero ? vectors[row: row].max { abs($0) < abs($1) } ?? 0 : value
        if signed < 0 { vectors.scale(row: row, by: -1) }
      }
      return (values, vectors)
    }
    let available = values.count { $0 > 0x1p-24 * preference.differenceNorm }
    guard rank <= available else {
      throw SubspaceError(reason: .rankUnavailable(requested: rank, available: available))
    }
    self.init(
      checked: try Embeddings(count: rank, hidden: matrix.columns, values: directions.narrowed), values)
  }

  /// All singular values of `matrix` and its first `rank` right singular vectors, `[rank, columns]`.
  private static func decompose(
    _ matrix: Matrix, _ rank: Int
  ) throws(LinearAlgebraError) -> ([Double], Matrix) {
    let side = matrix.rows <= matrix.columns ? GramSide.rows : .columns
    let eigen = try SymmetricEigen(upperTriangleOf: try matrix.gram(side), count: rank)
    let values = eigen.values.map { max(0, $0).squareRoot() }
    guard values[rank - 1] >= 1e-3 * values[0], values[0] > 0 else {
      let exact = try SingularValues(of: matrix)
      return (exact.values, exact.right.rows(0..<rank))
    }
    guard side == .rows else { return (values, eigen.vectors) }
    // V = Uᵀ T / σ: orthonormal to about 2⁻⁵³·σ₁²/σ², so here to 10⁻⁹, below single precision's rounding.
    var right = try Matrix.product(eigen.vectors, matrix)
    for row in 0..<rank { right.scale(row: row, by: 1 / values[row]) }
    return (values, right)
  }
}
