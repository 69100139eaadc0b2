import CBLAS

/// Which factor of a product is taken transposed.
package enum Transposing: Sendable {
  /// A B.
  case neither
  /// Aᵀ B.
  case first
  /// A Bᵀ.
  case second
}

/// Which products with itself `gram` forms.
package enum GramSide: Sendable {
  /// A Aᵀ, `[rows, rows]`: inner products of the rows.
  case rows
  /// Aᵀ A, `[columns, columns]`: inner products of the columns.
  case columns
}

extension Matrix {
  /// Adds `scale` times the product of `a` and `b` to this matrix.
  ///
  /// A double-precision GEMM: each element's error is at most about n·2⁻⁵³·Σ|aᵢbᵢ| for inner length n.
  /// Throws when a dimension exceeds what the BLAS can address.
  package mutating func addProduct(
    _ a: Matrix, _ b: Matrix, transposing: Transposing = .neither, scale: Double = 1
  ) throws(LinearAlgebraError) {
    let (left, inner) = transposing == .first ? (a.columns, a.rows) : (a.rows, a.columns)
    let (right, innerB) = transposing == .second ? (b.rows, b.columns) : (b.columns, b.rows)
    precondition(inner == innerB, "inner dimensions disagree")
    precondition(rows == left && columns == right, "the result has another shape")
    if left == 0 || right == 0 || inner == 0 { return }
    let (m, n, k) = (try blasSize(left), try blasSize(right), try blasSize(inner))
    let (lda, ldb) = (try blasSize(a.columns), try blasSize(b.columns))
    let (operationA, operationB) = (
      transposing == .first ? CblasTrans : CblasNoTrans, transposing == .second ? CblasTrans : CblasNoTrans
    )
    unsafe a.elements.withUnsafeBufferPointer { a in
      unsafe b.elements.withUnsafeBufferPointer { b in
        unsafe elements.withUnsafeMutableBufferPointer { c in
          unsafe cblas_dgemm(
            CblasRowMajor, operationA, operationB, m, n, k, scale, a.baseAddress, lda, b.baseAddress, ldb, 1,
            c.baseAddress, n)
        }
      }
    }
  }

  /// The product of `a` and `b` in double precision.
  ///
  /// Throws as `addProduct` does.
  package static func product(
    _ a: Matrix, _ b: Matrix, transposing: Transposing = .neither
  ) throws(LinearAlgebraError) -> Matrix {
    var result = Matrix(
      zeros: transposing == .first ? a.columns : a.rows, transposing == .second ? b.rows : b.columns)
    try result.addProduct(a, b, transposing: transposing)
    return result
  }

  /// The product of this matrix with itself on one side, half the work of a general product.
  ///
  /// Only the upper triangle (column ≥ row) is filled, which is the one `SymmetricEigen` reads.
  /// Throws as `addProduct` does.
  package func gram(_ side: GramSide) throws(LinearAlgebraError) -> Matrix {
    let size = side == .rows ? rows : columns
    var result = Matrix(zeros: size, size)
    try result.addGram(of: self, side)
    return result
  }

  /// Adds the product of `other` with itself on one side to the upper triangle of this square matrix.
  ///
  /// Throws as `addProduct` does.
  package mutating func addGram(of other: Matrix, _ side: GramSide) throws(LinearAlgebraError) {
    let (size, inner) = side == .rows ? (other.rows, other.columns) : (other.columns, other.rows)
    precondition(rows == size && columns == size, "the result has another shape")
    if size == 0 || inner == 0 { return }
    let (n, k, lda) = (try blasSize(size), try blasSize(inner), try blasSize(other.columns))
    unsafe other.elements.withUnsafeBufferPointer { a in
      unsafe elements.withUnsafeMutableBufferPointer { c in
        unsafe cblas_dsyrk(
          CblasRowMajor, CblasUpper, side == .rows ? CblasNoTrans : CblasTrans, n, k, 1, a.baseAddress, lda,
          1, c.baseAddress, n)
      }
    }
  }
}

/// The inner product of two vectors of one length, summed in double precision.
package func dot(_ a: [Double], _ b: [Double]) -> Double {
  precondition(a.count == b.count, "vectors of different lengths")
  // Eight running sums: a single one is a chain of dependent additions, which does not vectorise.
  let (a, b) = (a.span, b.span)
  var lanes = SIMD8<Double>.zero
  let whole = a.count & ~7
  for start in stride(from: 0, to: whole, by: 8) {
    for lane in 0..<8 { lanes[lane] += a[start + lane] * b[start + lane] }
  }
  var tail = 0.0
  for index in whole..<a.count { tail += a[index] * b[index] }
  return lanes.sum() + tail
}
