import CBLAS

/// Eigenvalues of a symmetric matrix, and the eigenvectors of its largest ones.
package struct SymmetricEigen: Sendable {
  /// All eigenvalues, largest first.
  package let values: [Double]
  /// Orthonormal eigenvectors of the first `count` values, `[count, size]`, one a row.
  package let vectors: Matrix

  /// Decomposes a symmetric matrix given by its upper triangle (column ≥ row; the rest is not read).
  ///
  /// Householder reduction to tridiagonal form, then all eigenvalues by square-root-free QR iteration, and
  /// only the wanted eigenvectors by relatively robust representations: the n³ of transforming all of them
  /// back is not paid. Absolute error of a value: about n·2⁻⁵³ times the largest. Vectors of equal values are
  /// some orthonormal basis of their span. O(n³).
  ///
  /// Throws when the matrix is beyond LAPACK's index range or holds values that are not finite.
  package init(upperTriangleOf matrix: Matrix, count: Int) throws(LinearAlgebraError) {
    precondition(matrix.rows == matrix.columns, "a symmetric matrix is square")
    precondition((0...matrix.rows).contains(count), "more eigenvectors wanted than there are")
    guard matrix.rows > 0 else {
      (values, vectors) = ([], Matrix(zeros: 0, 0))
      return
    }
    // LAPACK's routines loop or answer nonsense on NaN.
    guard matrix.elements.allSatisfy(\.isFinite) else {
      throw LinearAlgebraError(reason: .failed(routine: "dsytrd", info: -3))
    }
    let zeros = [Double](repeating: 0, count: matrix.rows)
    var n = try blasSize(matrix.rows)

    // A = Q T Qᵀ. What is the upper triangle in rows is the lower one to column-major LAPACK.
    var (reflectors, diagonal, scales) = (matrix.elements, zeros, zeros)
    // One element longer than the off-diagonal is: dstemr uses the last as scratch.
    var offDiagonal = zeros
    try unsafe withWorkspace("dsytrd") { work, count, info in
      var count = count
      unsafe dsytrd_("L", &n, &reflectors, &n, &diagonal, &offDiagonal, &scales, work, &count, &info)
    }

    var (ascending, remains, info) = (diagonal, offDiagonal, Int32(0))
    unsafe dsterf_(&n, &ascending, &remains, &info)
    guard info == 0 else { throw LinearAlgebraError(reason: .failed(routine: "dsterf", info: Int(info))) }
    values = ascending.reversed()

    guard count > 0 else {
      vectors = Matrix(zeros: 0, matrix.rows)
      return
    }
    var found = try Self.largest(count, diagonal, offDiagonal)
    var wanted = try blasSize(count)
    try unsafe withWorkspace("dormtr") { work, count, info in
      var count = count
      unsafe dormtr_(
        "L", "L", "N", &n, &wanted, &reflectors, &n, &scales, &found, &n, work, &count, &info)
    }
    // Column-major columns are rows here, in ascending order of their values.
    let ascendingVectors = Matrix(rows: count, columns: matrix.rows, elements: found)
    vectors = Matrix(
      rows: count, columns: matrix.rows,
      elements: (0..<count).reversed().flatMap { ascendingVectors[row: $0] })
  }

  /// Eigenvectors of the `count` largest values of a tridiagonal matrix, one after another, values ascending.
  private static func largest(
    _ count: Int, _ diagonal: [Double], _ offDiagonal: [Double]
  ) throws(LinearAlgebraError) -> [Double] {
    let size = diagonal.count
    var (n, wanted, info) = (try blasSize(size), try blasSize(count), Int32(0))
    var (first, tryRelativeAccuracy, foundCount) = (n - wanted + 1, Int32(1), Int32(0))
    var (diagonal, offDiagonal) = (diagonal, offDiagonal)
    var unused = 0.0
    var values = [Double](repeating: 0, count: size)
    var vectors = [Double](repeating: 0, count: size * count)
    var support = [Int32](repeating: 0, count: 2 * count)
    var work = [Double](repeating: 0, count: 18 * size)
    var integerWork = [Int32](repeating: 0, count: 10 * size)
    var (workCount, integerWorkCount) = (try blasSize(work.count), try blasSize(integerWork.count))
    unsafe dstemr_(
      "V", "I", &n, &diagonal, &offDiagonal, &unused, &unused, &first, &n, &foundCount, &values, &vectors, &n,
      &wanted, &support, &tryRelativeAccuracy, &work, &workCount, &integerWork, &integerWorkCount, &info)
    guard info == 0, foundCount == wanted else {
      throw LinearAlgebraError(reason: .failed(routine: "dstemr", info: Int(info)))
    }
    return vectors
  }
}
