internal import Kernels

extension BlockSubspace {
  /// Fits a subspace of `rank` right singular vectors of the preference matrix: the first ones, along which the pairs
  /// differ most (arXiv 2405.13967, §4), or as `ranking` says.
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
  /// Of sums over the pairs there is TᵀT alone, and no T to be decomposed.
  ///
  /// Throws when `rank` is not between 1 and the number of directions in which T is distinguishable from the
  /// single-precision rounding of its input, σ > 2⁻²⁴ ‖T⁰‖_F, or of sums from theirs, σ > √hidden 2⁻²⁶ ‖T⁰‖_F.
  public init(
    fitting preference: PreferenceMatrix, rank: Int, by ranking: DirectionRanking = .singularValue
  ) throws(SubspaceError) {
    let possible = min(preference.pairs, preference.hidden)
    guard (1...possible).contains(rank) else {
      throw SubspaceError(reason: .rankUnavailable(requested: rank, available: possible))
    }
    let candidates =
      switch ranking {
      case .singularValue, .mean: rank
      case .consistency: min(possible, max(rank, DirectionRanking.candidates))
      }
    if ranking == .mean {
      self = try Self.meanFirst(preference, rank: rank)
      return
    }
    let (values, vectors, means) = try computing { () throws(LinearAlgebraError) in
      var (values, vectors) = try preference.form.decompose(candidates)
      let mean = try preference.form.meanRow()
      let means = try Matrix.product(vectors, mean, transposing: .second).elements
      for (row, value) in means.enumerated() {
        // |mean| ≤ σ/√pairs, so this is a relative measure of zero.
        let isZero = abs(value) <= 1e-9 * values[row] / Double(preference.pairs).squareRoot()
        let signed = isZero ? vectors[row: row].max { abs($0) < abs($1) } ?? 0 : value
        if signed < 0 { vectors.scale(row: row, by: -1) }
      }
      return (values, vectors, means)
    }
    let available = values.count { $0 > preference.noise }
    guard rank <= available else {
      throw SubspaceError(reason: .rankUnavailable(requested: rank, available: available))
    }
    var chosen = Array(0..<min(candidates, available))
    if ranking == .consistency {
      // The mean square along a direction is σ²/pairs, so the share of it that is the mean's, from 0 to 1, rises with
      // |mean| / standard deviation and needs no division by a spread of zero.
      let shares = chosen.map { means[$0] * means[$0] / (values[$0] * values[$0]) }
      chosen.sort { (shares[$0], $1) > (shares[$1], $0) }
    }
    let directions = chosen.prefix(rank).flatMap { vectors[row: $0].map(Float.init) }
    self.init(checked: try Embeddings(count: rank, hidden: preference.hidden, values: directions), values)
  }

  /// The mean of T's rows first, then the right singular vectors of what T has besides.
  private static func meanFirst(_ preference: PreferenceMatrix, rank: Int) throws(SubspaceError)
    -> BlockSubspace
  {
    let values = try preference.singularValues()
    let (vectors, length) = try computing { () throws(LinearAlgebraError) in
      var mean = try preference.form.meanRow()
      let length = mean.squaredNorm.squareRoot()
      guard length > 0, rank > 1 else {
        mean.scale(row: 0, by: length > 0 ? 1 / length : 0)
        return (mean, length)
      }
      mean.scale(row: 0, by: 1 / length)
      let others = try preference.form.without(mean).decompose(rank - 1).1
      return (
        Matrix(rows: rank, columns: preference.hidden, elements: mean.elements + others.elements), length
      )
    }
    // A mean that is rounding has no direction.
    guard length > preference.noise / Double(preference.pairs).squareRoot() else {
      throw SubspaceError(reason: .rankUnavailable(requested: rank, available: 0))
    }
    return BlockSubspace(
      checked: try Embeddings(count: rank, hidden: preference.hidden, values: vectors.narrowed), values)
  }

  /// All singular values of `matrix` and its first `rank` right singular vectors, `[rank, columns]`.
  static func decompose(
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

extension PreferenceMatrix {
  /// All singular values, largest first; those under 10⁻⁷ of the largest are noise.
  func singularValues() throws(SubspaceError) -> [Double] {
    try computing { () throws(LinearAlgebraError) in
      let gram =
        switch form {
        case .rows(let matrix): try matrix.gram(matrix.rows <= matrix.columns ? .rows : .columns)
        case .moments(let gram, _): gram
        }
      return try SymmetricEigen(upperTriangleOf: gram, count: 0).values.map { max(0, $0).squareRoot() }
    }
  }

  /// The length up to which a direction of T counts as rounding.
  var noise: Double {
    switch form {
    case .rows: 0x1p-24 * differenceNorm
    // Eigenvalues are within about hidden·2⁻⁵² ‖T⁰‖² of the true ones.
    case .moments: max(0x1p-24, 0x1p-26 * Double(hidden).squareRoot()) * differenceNorm
    }
  }
}

extension PreferenceMatrix.Form {
  /// All singular values and the first `rank` right singular vectors, `[rank, hidden]`.
  func decompose(_ rank: Int) throws(LinearAlgebraError) -> ([Double], Matrix) {
    switch self {
    case .rows(let matrix): return try BlockSubspace.decompose(matrix, rank)
    case .moments(let gram, _):
      let eigen = try SymmetricEigen(upperTriangleOf: gram, count: rank)
      return (eigen.values.map { max(0, $0).squareRoot() }, eigen.vectors)
    }
  }

  /// The mean of T's rows, `[1, hidden]`.
  func meanRow() throws(LinearAlgebraError) -> Matrix {
    switch self {
    case .rows(let matrix): Matrix(rows: 1, columns: matrix.columns, elements: try matrix.meanRow())
    case .moments(_, let mean): mean
    }
  }

  /// T (I − Q Qᵀ), Q the orthonormal rows of `basis`.
  func without(_ basis: Matrix) throws(LinearAlgebraError) -> PreferenceMatrix.Form {
    guard basis.rows > 0 else { return self }
    switch self {
    case .rows(let matrix):
      var rest = matrix
      try rest.addProduct(try Matrix.product(matrix, basis, transposing: .second), basis, scale: -1)
      return .rows(rest)
    case .moments(let gram, let mean):
      var (rest, restMean) = (gram.mirrored, mean)
      try rest.addProduct(basis, try Matrix.product(basis, rest), transposing: .first, scale: -1)
      try rest.addProduct(try Matrix.product(rest, basis, transposing: .second), basis, scale: -1)
      try restMean.addProduct(try Matrix.product(mean, basis, transposing: .second), basis, scale: -1)
      return .moments(gram: rest, mean: restMean)
    }
  }
}
