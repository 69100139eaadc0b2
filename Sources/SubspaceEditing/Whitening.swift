package import Kernels

/// Coordinates in which neutral outputs are of equal size in every direction: x ↦ x Σ^(−1/2), with Σ their second moment
/// and a ridge for the directions that they hardly use.
///
/// A projection that is orthogonal there is oblique in the plain coordinates, x′ = x − (x Mᵀ) U with M = B Σ^(−1/2),
/// U = B Σ^(1/2) and B orthonormal. Among all linear maps that leave nothing of x Mᵀ it changes neutral outputs least, in
/// mean square (closed form as in LEACE, arXiv 2306.03819).
package struct Whitening: Sendable {
  /// Share of the mean eigenvalue of the second moment that is added to every eigenvalue.
  package static let ridge = 0.1

  /// Eigenvectors of Σ, one a row, `[hidden, hidden]`.
  private let vectors: Matrix
  /// The square roots of its eigenvalues, with the ridge.
  private let scales: [Double]

  /// Coordinates for outputs whose second moment is `moment`.
  ///
  /// Throws where there are none, or the decomposition fails.
  package init(_ moment: SecondMoment) throws(SubspaceError) {
    let eigen = try computing { () throws(LinearAlgebraError) in
      try SymmetricEigen(upperTriangleOf: moment.sum, count: moment.width)
    }
    let mean = eigen.values.reduce(0) { $0 + max(0, $1) } / Double(max(1, moment.width))
    guard mean > 0 else { throw SubspaceError(reason: .empty(what: "neutral outputs")) }
    // The number of outputs is a common factor, which the map leaves out.
    scales = eigen.values.map { ((max(0, $0) + Self.ridge * mean) / Double(moment.count)).squareRoot() }
    vectors = eigen.vectors
  }

  /// `rows` in these coordinates: in the order of the eigenvectors, which is as good as any.
  package func whitened(_ rows: Embeddings) throws(SubspaceError) -> Embeddings {
    let result = try whitened(try rows.matrix("embeddings"))
    return try Embeddings(count: rows.count, hidden: rows.hidden, values: result.narrowed)
  }

  /// The same in double precision.
  func whitened(_ rows: Matrix) throws(SubspaceError) -> Matrix {
    var result = try computing { () throws(LinearAlgebraError) in
      try Matrix.product(rows, vectors, transposing: .second)
    }
    result.scaleColumns(by: scales.map { 1 / $0 })
    return result
  }

  /// Rows r whose products with plain vectors x are those of `rows` with x in these coordinates.
  func readers(_ rows: Matrix) throws(SubspaceError) -> Matrix {
    var scaled = rows
    scaled.scaleColumns(by: scales.map { 1 / $0 })
    let result = scaled
    return try computing { () throws(LinearAlgebraError) in try Matrix.product(result, vectors) }
  }

  /// The oblique projection that removes `subspace`, which was found in these coordinates.
  package func oblique(_ subspace: BlockSubspace) throws(SubspaceError) -> BlockSubspace {
    let basis = try subspace.directions.matrix("directions")
    var reads = try readers(basis)
    var scaled = basis
    scaled.scaleColumns(by: scales)
    let product = scaled
    var writes = try computing { () throws(LinearAlgebraError) in try Matrix.product(product, vectors) }
    for row in 0..<reads.rows {
      let length = reads.rows(row..<row + 1).squaredNorm.squareRoot()
      reads.scale(row: row, by: 1 / length)
      writes.scale(row: row, by: length)
    }
    let (count, hidden) = (subspace.rank, subspace.hidden)
    return try BlockSubspace(
      directions: try Embeddings(count: count, hidden: hidden, values: reads.narrowed),
      writes: try Embeddings(count: count, hidden: hidden, values: writes.narrowed),
      singularValues: subspace.singularValues)
  }
}
