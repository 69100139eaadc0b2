internal import Kernels

/// What of the residual stream an edit must leave alone.
///
/// The rows of the preference matrix are projected off these directions, so no fitted direction has a
/// component along them.
public enum Protection: Sendable {
  /// Nothing: the plain differences. Such an edit destroys fluency; for study only.
  case none
  /// The mean of the chosen embeddings, as in the paper (arXiv 2405.13967, §4).
  case chosenMean
  /// The first right singular vector of the chosen embeddings, uncentred, as in the paper's published code.
  case chosenPrincipal
  /// The span of given vectors, of any length and number, and of the chosen mean too where `withChosenMean`.
  case directions(Embeddings, withChosenMean: Bool)
}

/// The preference matrix T of one block: what the rejected texts' embeddings have that the chosen ones' lack.
///
/// T = T⁰ (I − Q Qᵀ) with T⁰ = X⁺ − X⁻, X⁺ the embeddings of the rejected and X⁻ of the chosen texts,
/// `[pairs, hidden]`, and Q an orthonormal basis of the protected directions. With the chosen mean μ alone,
/// Q = μ/‖μ‖ and this is the paper's T⁰ (I − μμᵀ/‖μ‖²). Everything is computed in double precision.
public struct PreferenceMatrix: Sendable {
  /// What there is of T, in double precision.
  enum Form: Sendable {
    /// T itself, `[pairs, hidden]`.
    case rows(Matrix)
    /// The upper triangle of TᵀT, `[hidden, hidden]`, and the mean of T's rows, `[1, hidden]`.
    case moments(gram: Matrix, mean: Matrix)
  }

  /// Number of pairs, the rows of T.
  public let pairs: Int
  /// Width of the residual stream, the columns of T.
  public let hidden: Int
  /// Mean of the chosen embeddings, μ, `[hidden]`.
  public let chosenMean: [Double]
  /// Number of independent directions that were projected out.
  public let protectedRank: Int

  /// T, or sums over its rows.
  let form: Form
  /// ‖T⁰‖_F: the scale against which a direction of T counts as rounding.
  let differenceNorm: Double

  /// Forms T from embeddings of both sides, row i of each belonging to pair i; both `[pairs, hidden]`.
  ///
  /// Throws when the shapes disagree, there is no pair, a value is not finite (naming the row), or the chosen
  /// mean is to be protected and is zero.
  public init(
    rejected: Embeddings, chosen: Embeddings, protecting protection: Protection = .chosenMean
  ) throws(SubspaceError) {
    guard chosen.count > 0, chosen.hidden > 0 else { throw SubspaceError(reason: .empty(what: "pairs")) }
    guard rejected.count == chosen.count else {
      throw SubspaceError(
        reason: .sizesDisagree(
          what: "rejected embeddings, one for each chosen one", expected: chosen.count, found: rejected.count)
      )
    }
    guard rejected.hidden == chosen.hidden else {
      throw SubspaceError(
        reason: .sizesDisagree(
          what: "width of the rejected embeddings", expected: chosen.hidden, found: rejected.hidden))
    }
    let chosenRows = try chosen.matrix("chosen embeddings")
    var difference = try rejected.matrix("rejected embeddings")
    difference.subtract(chosenRows)
    let mean = try computing { () throws(LinearAlgebraError) in try chosenRows.meanRow() }
    let norm = difference.squaredNorm.squareRoot()

    let basis = try Self.basis(
      of: protection, mean: mean, typicalLength: (chosenRows.squaredNorm / Double(chosen.count)).squareRoot()
    ) { () throws(LinearAlgebraError) in Array(try BlockSubspace.decompose(chosenRows, 1).1[row: 0]) }
    let unprotected = Form.rows(difference)
    form = try computing { () throws(LinearAlgebraError) in try unprotected.without(basis) }
    (pairs, hidden, protectedRank) = (chosen.count, chosen.hidden, basis.rows)
    (chosenMean, differenceNorm) = (mean, norm)
  }

  /// Forms what T is decomposed from, from sums over pairs: TᵀT = (I − Q Qᵀ) T⁰ᵀT⁰ (I − Q Qᵀ).
  ///
  /// Singular values of T under about 10⁻⁷ ‖T⁰‖ are noise then. Throws when there is no pair, or the chosen mean is to be
  /// protected and is zero.
  package init(_ sums: PairMoments, protecting protection: Protection = .chosenMean) throws(SubspaceError) {
    guard sums.pairs > 0, sums.hidden > 0 else { throw SubspaceError(reason: .empty(what: "pairs")) }
    precondition(
      !protection.includesMean || sums.chosenSquares != nil,
      "a mean in coordinates of its own is not protected")
    let count = Double(sums.pairs)
    let mean = sums.chosenSum.elements.map { $0 / count }
    let basis = try Self.basis(
      of: protection, mean: mean, typicalLength: ((sums.chosenSquares ?? 0) / count).squareRoot()
    ) { () throws(LinearAlgebraError) in
      guard let chosen = sums.chosen else { preconditionFailure("made without the chosen side's moment") }
      return Array(try SymmetricEigen(upperTriangleOf: chosen, count: 1).vectors[row: 0])
    }
    var difference = sums.differenceSum
    difference.scale(row: 0, by: 1 / count)
    let meanDifference = difference
    form = try computing { () throws(LinearAlgebraError) in
      try Form.moments(gram: sums.difference, mean: meanDifference).without(basis)
    }
    (pairs, hidden, protectedRank) = (sums.pairs, sums.hidden, basis.rows)
    chosenMean = mean
    differenceNorm = (0..<sums.hidden).reduce(0) { $0 + sums.difference.elements[$1 * (sums.hidden + 1)] }
      .squareRoot()
  }

  /// An orthonormal basis of what is protected, one vector a row.
  ///
  /// - Parameters:
  ///   - mean: the mean of the chosen embeddings.
  ///   - typicalLength: the root of the mean of their squared lengths.
  ///   - principal: computes their first right singular vector.
  private static func basis(
    of protection: Protection, mean: [Double], typicalLength: Double,
    principal: () throws(LinearAlgebraError) -> [Double]
  ) throws(SubspaceError) -> Matrix {
    var vectors: [[Double]] = []
    if protection.includesMean {
      // Rows that were centred in single precision leave a mean of rounding errors, with a random direction.
      guard dot(mean, mean).squareRoot() > 1e-6 * typicalLength else {
        throw SubspaceError(reason: .meanHasNoDirection)
      }
      vectors.append(mean)
    }
    if case .chosenPrincipal = protection { vectors.append(try computing(principal)) }
    if case .directions(let directions, _) = protection {
      guard directions.hidden == mean.count else {
        throw SubspaceError(
          reason: .sizesDisagree(
            what: "width of the protected directions", expected: mean.count, found: directions.hidden))
      }
      let rows = try directions.matrix("protected directions")
      vectors += (0..<rows.rows).map { Array(rows[row: $0]) }
    }
    let protected = vectors
    return try computing { () throws(LinearAlgebraError) in
      try Matrix.orthonormalBasis(spanning: protected, width: mean.count)
    }
  }

  /// Some `rows` of `whole`, whose mean and protection they keep.
  init(rows: Matrix, of whole: PreferenceMatrix) {
    (form, pairs, hidden) = (.rows(rows), rows.rows, rows.columns)
    (chosenMean, protectedRank) = (whole.chosenMean, whole.protectedRank)
    differenceNorm = whole.differenceNorm * (Double(rows.rows) / Double(whole.pairs)).squareRoot()
  }
}

extension Protection {
  /// Whether the chosen mean is among what is protected.
  var includesMean: Bool {
    switch self {
    case .none, .chosenPrincipal: false
    case .chosenMean: true
    case .directions(_, let withChosenMean): withChosenMean
    }
  }
}

extension Matrix {
  /// An orthonormal basis, one vector a row, of the span of `vectors`.
  ///
  /// Each is scaled to length 1 first; a direction in which they agree to a millionth is counted once, and
  /// zero vectors not at all. Unpivoted QR would answer such a case with a made-up direction.
  static func orthonormalBasis(
    spanning vectors: [[Double]], width: Int
  ) throws(LinearAlgebraError) -> Matrix {
    var units: [Double] = []
    for vector in vectors {
      let length = dot(vector, vector).squareRoot()
      if length > 0 { units += vector.map { $0 / length } }
    }
    let decomposition = try SingularValues(
      of: Matrix(rows: units.count / width, columns: width, elements: units))
    let rank = decomposition.values.count { $0 > 1e-6 }
    return decomposition.right.rows(0..<rank)
  }
}
