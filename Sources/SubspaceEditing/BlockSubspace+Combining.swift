internal import Kernels

extension BlockSubspace {
  /// A direction of which less than this is left outside those before it is theirs: it is dropped.
  ///
  /// Length 1 being the whole direction, for an oblique projection the whole in the metric of the neutral text.
  static let independence = 0.01

  /// One projection that leaves nothing in any of the subspaces: V W′ = 0 for the V of each.
  ///
  /// Directions are taken in turn, the first of each subspace before the second of any, so that a prefix of the result
  /// holds the most important of all of them; those that depend on the ones before are dropped.
  /// Orthogonal projections give the orthogonal one onto what is orthogonal to all, the directions made orthonormal by QR.
  /// Oblique ones with directions V = [V₁; V₂; …] and what is taken away Ũ = [U₁; U₂; …] give U = (V Ũᵀ)⁻ᵀ Ũ: V Uᵀ = I,
  /// and nothing is taken away that no part takes. Where the parts protect the same neutral text of second moment Σ, their
  /// U being of the form A V Σ, it is U = (V Σ Vᵀ)⁻¹ V Σ: of all that leave nothing of V W the one that changes neutral
  /// outputs least.
  ///
  /// Products are in double precision. The singular values are those of all parts, largest first.
  /// Throws where there is none, widths differ, some are oblique and others not, or oblique ones of different neutral
  /// texts have no joint projection.
  public init(combining parts: [BlockSubspace]) throws(SubspaceError) {
    guard let first = parts.first else { throw SubspaceError(reason: .empty(what: "subspaces to combine")) }
    for part in parts where part.hidden != first.hidden {
      throw SubspaceError(
        reason: .sizesDisagree(
          what: "width of a subspace to combine", expected: first.hidden, found: part.hidden))
    }
    guard parts.allSatisfy({ ($0.writes == nil) == (first.writes == nil) }) else {
      throw SubspaceError(reason: .kindsDiffer)
    }
    var order: [(part: Int, row: Int)] = []
    for row in 0..<(parts.map(\.rank).max() ?? 0) {
      for part in parts.indices where row < parts[part].rank { order.append((part, row)) }
    }
    func stacked(_ rows: (BlockSubspace) -> Embeddings, _ what: String) throws(SubspaceError) -> Matrix {
      var elements: [Double] = []
      for (part, row) in order { elements += try rows(parts[part]).matrix(what)[row: row] }
      return Matrix(rows: order.count, columns: first.hidden, elements: elements)
    }
    let reads = try stacked(\.directions, "directions")
    let combined: (directions: Matrix, writes: Matrix?)
    if first.writes == nil {
      combined = (try Self.orthonormal(reads), nil)
    } else {
      combined = try Self.oblique(reads, try stacked(\.taken, "writes"))
    }
    func rounded(_ matrix: Matrix) throws(SubspaceError) -> Embeddings {
      try Embeddings(count: matrix.rows, hidden: matrix.columns, values: matrix.narrowed)
    }
    var writes: Embeddings?
    if let taken = combined.writes { writes = try rounded(taken) }
    try self.init(
      directions: try rounded(combined.directions), writes: writes,
      singularValues: parts.flatMap(\.singularValues).sorted(by: >))
  }

  /// An orthonormal basis of the span of `rows`: each row's part outside those before it, unless that is nearly nothing.
  private static func orthonormal(_ rows: Matrix) throws(SubspaceError) -> Matrix {
    var basis = Matrix(zeros: 0, rows.columns)
    var kept: [Double] = []
    for index in 0..<rows.rows {
      let row = rows.rows(index..<index + 1)
      let rest = try computing { () throws(LinearAlgebraError) in
        var rest = row
        try rest.addProduct(try Matrix.product(row, basis, transposing: .second), basis, scale: -1)
        return rest
      }
      guard rest.squaredNorm.squareRoot() >= independence, basis.rows < rows.columns else { continue }
      kept += row.elements
      let count = basis.rows + 1
      basis = try computing { () throws(LinearAlgebraError) in
        try Matrix(rows: count, columns: rows.columns, elements: kept).orthonormalRows()
      }
    }
    return basis
  }

  /// The joint oblique projection: rows of `reads` that are independent, and for each what is taken away.
  ///
  /// U is built row by row. With U of the rows so far (V Uᵀ = I), a further pair v, u has v̂ = v − (v Uᵀ) V, which is
  /// what can still be read of v, and û = u − (u Vᵀ) U; s = v̂ ûᵀ = v ûᵀ is 1 where it is independent and 0 where it is not
  /// (with one Σ: the squared sine of its angle to those before it, in Σ's metric). The new row of U is û/s, and each row
  /// before loses its part in v.
  private static func oblique(_ reads: Matrix, _ writes: Matrix) throws(SubspaceError) -> (
    directions: Matrix, writes: Matrix?
  ) {
    let hidden = reads.columns
    var (directions, taken) = (Matrix(zeros: 0, hidden), Matrix(zeros: 0, hidden))
    for index in 0..<reads.rows {
      let (v, u) = (reads.rows(index..<index + 1), writes.rows(index..<index + 1))
      let (kept, dual) = (directions, taken)
      let (left, fresh) = try computing { () throws(LinearAlgebraError) in
        var (left, fresh) = (v, u)
        try left.addProduct(try Matrix.product(v, dual, transposing: .second), kept, scale: -1)
        try fresh.addProduct(try Matrix.product(u, kept, transposing: .second), dual, scale: -1)
        return (left, fresh)
      }
      let independent = dot(v.elements, fresh.elements)
      guard independent >= independence * independence else {
        // Nothing of it is left to be removed, or what is left cannot be taken away by what the parts take.
        guard left.squaredNorm.squareRoot() < independence else {
          throw SubspaceError(reason: .noJointProjection)
        }
        continue
      }
      var row = fresh
      row.scale(row: 0, by: 1 / independent)
      let next = row
      let others = try computing { () throws(LinearAlgebraError) in
        var others = dual
        try others.addProduct(try Matrix.product(dual, v, transposing: .second), next, scale: -1)
        return others
      }
      directions = Matrix(rows: kept.rows + 1, columns: hidden, elements: kept.elements + v.elements)
      taken = Matrix(rows: kept.rows + 1, columns: hidden, elements: others.elements + next.elements)
    }
    return (directions, taken)
  }
}
