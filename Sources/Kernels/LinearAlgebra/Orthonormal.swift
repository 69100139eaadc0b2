import CBLAS

extension Matrix {
  /// Rows made orthonormal: A = L Q with L lower triangular and a positive diagonal; returns Q, same shape.
  ///
  /// Row i of Q is what Gram–Schmidt makes of row i given the rows before it, with its sign, so rows that are
  /// orthonormal already stay as they are; Householder reflections keep QQᵀ = I to about n·2⁻⁵³ all the same.
  /// Rows must be linearly independent to mean anything, and no more than there are columns.
  ///
  /// Throws when the matrix is beyond LAPACK's index range.
  package func orthonormalRows() throws(LinearAlgebraError) -> Matrix {
    precondition(rows <= columns, "more rows than dimensions cannot be orthonormal")
    if rows == 0 { return self }
    // Row-major rows are column-major columns, so this is LAPACK's QR of the transpose.
    var (m, n) = (try blasSize(columns), try blasSize(rows))
    var factors = elements
    var scales = [Double](repeating: 0, count: rows)
    try unsafe withWorkspace("dgeqrf") { work, count, info in
      var count = count
      unsafe dgeqrf_(&m, &n, &factors, &m, &scales, work, &count, &info)
    }
    let diagonal = (0..<rows).map { factors[$0 * columns + $0] }
    try unsafe withWorkspace("dorgqr") { work, count, info in
      var count = count
      unsafe dorgqr_(&m, &n, &n, &factors, &m, &scales, work, &count, &info)
    }
    var result = Matrix(rows: rows, columns: columns, elements: factors)
    for (row, value) in diagonal.enumerated() where value < 0 { result.scale(row: row, by: -1) }
    return result
  }
}
