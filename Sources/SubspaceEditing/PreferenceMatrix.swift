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
  /// Number of pairs, the rows of T.
  public var pairs: Int { matrix.rows }
  /// Width of the residual stream, the columns of T.
  public var hidden: Int { matrix.columns }
  /// Mean of the chosen embeddings, μ, `[hidden]`.
  public let chosenMean: [Double]
  /// Number of independent directions that were projected out.
  public let protectedRank: Int

  /// T, `[pairs, hidden]`.
  let matrix: Matrix
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

    var vectors: [[Double]] = []
    if protection.includesMean {
      // Rows that were centred in single precision leave a mean of rounding errors, with a random direction.
      let typical = (chosenRows.squaredNorm / Double(chosen.count)).squareRoot()
      guard dot(mean, mean).squareRoot() > 1e-6 * typical else {
        throw SubspaceError(reason: .meanHasNoDirection)
      }
      vectors.append(mean)
    }
    if case .chosenPrincipal = protection {
      vectors.append(
        try computing { () throws(LinearAlgebraError) in
          Array(try BlockSubspace.decompose(chosenRows, 1).1[row: 0])
        })
    }
    if case .directions(let directions, _) = protection {
      guard directions.hidden == chosen.hidden else {
        throw SubspaceError(
          reason: .sizesDisagree(
            what: "width of the protected directions", expected: chosen.hidden, found: directions.hidden))
      }
      let rows = try directions.matrix("protected directions")
      vectors += (0..<rows.rows).map { Array(rows[row: $0]) }
    }
    let protected = vectors
    (matrix, protectedRank) = try computing { () throws(LinearAlgebraError) in
      let basis = try Matrix.orthonormalBasis(spanning: protected, width: chosen.hidden)
      var result = difference
      if basis.rows > 0 {
        let along = try Matrix.product(difference, basis, transposing: .second)
        try result.addProduct(along, basis, scale: -1)
      }
      return (result, basis.rows)
    }
    (chosenMean, differenceNorm) = (mean, norm)
  }

  /// Some `rows` of `whole`, whose mean and protection they keep.
  init(rows: Matrix, of whole: PreferenceMatrix) {
    (matrix, chosenMean, protectedRank) = (rows, whole.chosenMean, whole.protectedRank)
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
