import CBLAS

/// The thin singular value decomposition A = U Σ Vᵀ, by divide and conquer (LAPACK's dgesdd).
///
/// Every singular value is within about n·2⁻⁵³ σ₁ of the true one, small ones too, which a Gram matrix
/// cannot give. O(max·min²), with a large constant: meant for small matrices and for ill-conditioned ones.
package struct SingularValues: Sendable {
  /// The min(rows, columns) singular values, largest first.
  package let values: [Double]
  /// Right singular vectors, `[min(rows, columns), columns]`, one a row.
  package let right: Matrix

  /// Decomposes `matrix`, `[rows, columns]`.
  ///
  /// Throws when it is beyond LAPACK's index range or holds values that are not finite.
  package init(of matrix: Matrix) throws(LinearAlgebraError) {
    let rank = min(matrix.rows, matrix.columns)
    guard rank > 0 else {
      (values, right) = ([], Matrix(zeros: 0, matrix.columns))
      return
    }
    guard matrix.elements.allSatisfy(\.isFinite) else {
      throw LinearAlgebraError(reason: .failed(routine: "dgesdd", info: -4))
    }
    // Column-major LAPACK sees Aᵀ = V Σ Uᵀ: its left vectors, column after column, are our right ones.
    var (m, n) = (try blasSize(matrix.columns), try blasSize(matrix.rows))
    var (r, elements) = (try blasSize(rank), matrix.elements)
    var found = [Double](repeating: 0, count: rank)
    var left = [Double](repeating: 0, count: rank * matrix.columns)
    var other = [Double](repeating: 0, count: rank * matrix.rows)
    var integerWork = [Int32](repeating: 0, count: 8 * rank)
    try unsafe withWorkspace("dgesdd") { work, count, info in
      var count = count
      unsafe dgesdd_(
        "S", &m, &n, &elements, &m, &found, &left, &m, &other, &r, work, &count, &integerWork, &info)
    }
    values = found
    right = Matrix(rows: rank, columns: matrix.columns, elements: left)
  }
}
