/// Why a subspace could not be computed or applied.
public struct SubspaceError: Error, Equatable, CustomStringConvertible {
  /// What was wrong.
  public enum Reason: Sendable, Equatable {
    /// Two sizes that must agree do not.
    case sizesDisagree(what: String, expected: Int, found: Int)
    /// A row holds NaN or infinity; rows count from 0.
    case notFinite(what: String, row: Int)
    /// There is no row to work on.
    case empty(what: String)
    /// The mean that should be projected out is zero, so it has no direction.
    case meanHasNoDirection
    /// The directions wanted are none, or more than the data has.
    case rankUnavailable(requested: Int, available: Int)
    /// Rows that should be orthonormal are not; the largest deviation of V Vᵀ from the identity.
    case notOrthonormal(deviation: Double)
    /// Oblique projections and orthogonal ones are to be one.
    case kindsDiffer
    /// Oblique projections leave something of a direction that none of them takes away.
    case noJointProjection
    /// A decomposition failed.
    case linearAlgebra(String)
  }

  /// What was wrong.
  public let reason: Reason

  /// An error for a reason.
  package init(reason: Reason) { self.reason = reason }

  /// One sentence: what was expected, what was found, what to do.
  public var description: String {
    switch reason {
    case .sizesDisagree(let what, let expected, let found):
      "\(what): expected \(expected), found \(found)"
    case .notFinite(let what, let row):
      "\(what), row \(row + 1): holds a value that is not a finite number; "
        + "look at the text behind it and at the weights of the model"
    case .empty(let what):
      "\(what): there are no rows; give at least one"
    case .meanHasNoDirection:
      "the mean of the chosen embeddings is zero, so it cannot be projected out; "
        + "if they were centred before, ask for no protection of the mean"
    case .rankUnavailable(_, 0):
      "beyond rounding, the pairs' differences have no direction left once what they share is taken away, as of a single pair, "
        + "or of texts cut to the same tokens; use more and other pairs, or longer texts"
    case .rankUnavailable(let requested, let available):
      "a rank of \(requested) was asked for, but the pairs span only \(available) direction(s) "
        + "that differ from rounding; use a rank from 1 to \(available), or more and other pairs"
    case .notOrthonormal(let deviation):
      "the directions are not orthonormal: an inner product is off by \(deviation); "
        + "the subspace is damaged or was not written by this method"
    case .kindsDiffer:
      "an oblique projection takes away what neutral text misses least, an orthogonal one the directions themselves, and "
        + "no one projection does both; apply one, then the other to its output"
    case .noJointProjection:
      "a direction cannot be taken away beside the others by what these oblique projections take; "
        + "fit them with the same neutral text"
    case .linearAlgebra(let message):
      message
    }
  }
}
