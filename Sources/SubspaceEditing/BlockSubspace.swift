internal import Kernels

/// The directions to be removed from one block: an orthonormal basis of a subspace of the residual stream, or, for an
/// oblique projection, directions that are read and for each what is taken away.
///
/// Directions are held in single precision, as in a subspace file, so that what is applied after a fit is
/// bit for bit what is applied from the file; they are orthonormal to about 10⁻⁷.
public struct BlockSubspace: Sendable, Equatable {
  /// The basis V, `[rank, hidden]`, most important direction first, by whatever ranking it was chosen.
  ///
  /// Where there are ``writes`` its rows are of length 1, and not orthogonal.
  public let directions: Embeddings
  /// U of W′ = W − α Uᵀ(V W), `[rank, hidden]`.
  ///
  /// Of an oblique projection V Uᵀ = I; of a step (``NaturalStep``) it is anything. `nil` for an orthogonal projection, whose U is V.
  public let writes: Embeddings?
  /// All singular values of the matrix the basis was fitted to, largest first; at least `rank` of them.
  public let singularValues: [Double]

  /// Number of directions.
  public var rank: Int { directions.count }
  /// Width of the residual stream.
  public var hidden: Int { directions.hidden }

  /// A subspace from its parts, as read from a file.
  ///
  /// Throws when there is no direction or more than `hidden`, a value is not finite, a singular value is
  /// negative or out of order, there are fewer of those than directions, or V Vᵀ is off the identity by more
  /// than 10⁻⁴ anywhere; with `writes`, where a direction is not of length 1 or, for a projection, V Uᵀ is off by more
  /// than 10⁻³.
  public init(
    directions: Embeddings, writes: Embeddings? = nil, isProjection: Bool = true, singularValues: [Double]
  ) throws(SubspaceError) {
    guard directions.count > 0 else { throw SubspaceError(reason: .empty(what: "directions")) }
    guard directions.count <= directions.hidden else {
      throw SubspaceError(
        reason: .rankUnavailable(requested: directions.count, available: directions.hidden))
    }
    guard singularValues.count >= directions.count else {
      throw SubspaceError(
        reason: .sizesDisagree(
          what: "singular values, at least one a direction", expected: directions.count,
          found: singularValues.count))
    }
    var last = Double.infinity
    for (index, value) in singularValues.enumerated() {
      guard value.isFinite, value >= 0, value <= last else {
        throw SubspaceError(reason: .notFinite(what: "singular values (falling, not negative)", row: index))
      }
      last = value
    }
    let rows = try directions.matrix("directions")
    let deviation = try Self.deviation(rows, rows, diagonalOnly: writes != nil)
    guard deviation <= 1e-4 else { throw SubspaceError(reason: .notOrthonormal(deviation: deviation)) }
    if let writes {
      guard writes.count == directions.count, writes.hidden == directions.hidden else {
        throw SubspaceError(
          reason: .sizesDisagree(
            what: "rows that are written, one a direction", expected: directions.count, found: writes.count))
      }
      let taken = try writes.matrix("writes")
      let deviation = isProjection ? try Self.deviation(rows, taken) : 0
      guard deviation <= 1e-3 else { throw SubspaceError(reason: .notOrthonormal(deviation: deviation)) }
    }
    self.init(checked: directions, writes: writes, singularValues)
  }

  /// How far the products of all rows of `a` and `b` are from the identity, or those of each row with its own.
  private static func deviation(_ a: Matrix, _ b: Matrix, diagonalOnly: Bool = false) throws(SubspaceError)
    -> Double
  {
    let products = try computing { () throws(LinearAlgebraError) in
      try Matrix.product(a, b, transposing: .second)
    }
    return products.elements.enumerated().map { index, value in
      let isDiagonal = index % (a.rows + 1) == 0
      return diagonalOnly && !isDiagonal ? 0 : abs(value - (isDiagonal ? 1 : 0))
    }.max() ?? 0
  }

  /// A subspace from parts that are known to fit.
  init(checked directions: Embeddings, writes: Embeddings? = nil, _ singularValues: [Double]) {
    (self.directions, self.writes, self.singularValues) = (directions, writes, singularValues)
  }

  /// What is taken away, `[rank, hidden]`: ``writes``, or the directions themselves.
  public var taken: Embeddings { writes ?? directions }

  /// The subspace of the first `rank` directions.
  ///
  /// Throws when `rank` is not between 1 and the rank there is.
  public func truncated(toRank rank: Int) throws(SubspaceError) -> BlockSubspace {
    guard (1...self.rank).contains(rank) else {
      throw SubspaceError(reason: .rankUnavailable(requested: rank, available: self.rank))
    }
    return BlockSubspace(
      checked: try directions.prefix(rank), writes: try writes?.prefix(rank), singularValues)
  }
}
