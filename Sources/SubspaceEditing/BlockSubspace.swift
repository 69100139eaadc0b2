internal import Kernels

/// The directions to be removed from one block: an orthonormal basis of a subspace of the residual stream.
///
/// Directions are held in single precision, as in a subspace file, so that what is applied after a fit is
/// bit for bit what is applied from the file; they are orthonormal to about 10⁻⁷.
public struct BlockSubspace: Sendable, Equatable {
  /// The basis V, `[rank, hidden]`, most important direction first, by whatever ranking it was chosen.
  public let directions: Embeddings
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
  /// than 10⁻⁴ anywhere.
  public init(directions: Embeddings, singularValues: [Double]) throws(SubspaceError) {
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
    let products = try computing { () throws(LinearAlgebraError) in
      try Matrix.product(rows, rows, transposing: .second)
    }
    let deviation =
      products.elements.enumerated()
      .map { abs($1 - ($0 % (rows.rows + 1) == 0 ? 1 : 0)) }.max() ?? 0
    guard deviation <= 1e-4 else { throw SubspaceError(reason: .notOrthonormal(deviation: deviation)) }
    self.init(checked: directions, singularValues)
  }

  /// A subspace from parts that are known to fit.
  init(checked directions: Embeddings, _ singularValues: [Double]) {
    (self.directions, self.singularValues) = (directions, singularValues)
  }

  /// The subspace of the first `rank` directions.
  ///
  /// Throws when `rank` is not between 1 and the rank there is.
  public func truncated(toRank rank: Int) throws(SubspaceError) -> BlockSubspace {
    guard (1...self.rank).contains(rank) else {
      throw SubspaceError(reason: .rankUnavailable(requested: rank, available: self.rank))
    }
    return BlockSubspace(
      checked: try Embeddings(
        count: rank, hidden: hidden, values: Array(directions.values.prefix(rank * hidden))),
      singularValues)
  }
}
