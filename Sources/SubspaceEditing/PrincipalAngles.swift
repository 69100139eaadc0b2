internal import Foundation
internal import Kernels

/// How two subspaces of one space lie to each other.
public struct PrincipalAngles: Sendable, Equatable {
  /// The principal angles in radians, from 0 to π/2, smallest first; as many as the smaller subspace has
  /// dimensions.
  public let angles: [Double]

  /// Sine of the largest angle: 0 when the smaller subspace lies in the larger, 1 when some direction of it
  /// is orthogonal to the larger.
  public var largestSine: Double { sin(angles.last ?? 0) }
  /// The share of the smaller subspace that lies in the larger: the mean squared cosine, from 0 to 1.
  public var overlap: Double {
    angles.isEmpty ? 1 : angles.reduce(0) { $0 + cos($1) * cos($1) } / Double(angles.count)
  }

  /// Angles between two subspaces given by linearly independent vectors, one a row.
  ///
  /// Small angles come from their sines, the singular values of what of the smaller basis lies outside the
  /// larger, and large ones from their cosines, so both are accurate (Björck and Golub 1973); an arc cosine
  /// alone cannot tell angles under 10⁻⁸ from zero. Inputs being single precision, angles between subspaces
  /// that were equal before rounding are of the order of 10⁻⁷.
  ///
  /// Throws when the widths differ, a value is not finite, or there are more vectors than dimensions.
  public init(between first: Embeddings, and second: Embeddings) throws(SubspaceError) {
    guard first.hidden == second.hidden else {
      throw SubspaceError(
        reason: .sizesDisagree(
          what: "width of the second subspace", expected: first.hidden, found: second.hidden))
    }
    for one in [first, second] where one.count > one.hidden {
      throw SubspaceError(reason: .rankUnavailable(requested: one.count, available: one.hidden))
    }
    let (one, other) = first.count <= second.count ? (first, second) : (second, first)
    let (smallRows, largeRows) = (try one.matrix("subspace"), try other.matrix("subspace"))
    angles = try computing { () throws(LinearAlgebraError) in
      let (small, large) = (try smallRows.orthonormalRows(), try largeRows.orthonormalRows())
      let inside = try Matrix.product(small, large, transposing: .second)
      var outside = small
      try outside.addProduct(inside, large, scale: -1)
      let cosines = try SingularValues(of: inside).values
      let sines = try SingularValues(of: outside).values.reversed()
      return zip(sines, cosines).map { atan2($0, $1) }
    }
  }
}
