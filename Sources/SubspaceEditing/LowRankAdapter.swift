internal import Kernels

/// The edit of one weight as a low-rank adapter: W + B A = W′, with A = V W and B = −α Vᵀ in single precision,
/// obliquely B = −α Uᵀ.
///
/// Stored W is not touched, so its own type costs nothing: W + B A in exact arithmetic differs from the exact W′ by
/// the rounding of A, half a unit in the last place of single precision.
public struct LowRankAdapter: Sendable {
  /// A, `[rank, inputs]` row after row.
  public let inputFactor: [Float]
  /// B, `[outputs, rank]` row after row.
  public let outputFactor: [Float]
  /// ‖V W′‖_F / ‖W′‖_F of W′ = W + B A in double precision, obliquely over ‖W‖_F; for full strength what the factors' rounding leaves.
  public let residual: Double
  /// ‖B A‖_F / ‖W‖_F; 0 for a matrix of zeros.
  public let relativeChange: Double

  /// The adapter of a matrix whose rows were all added to `coefficients`.
  ///
  /// - Parameter strength: α, the share of the subspace that is removed.
  ///
  /// Throws when the strength is not finite.
  public init(_ coefficients: WeightCoefficients, strength: Double) throws(SubspaceError) {
    guard strength.isFinite else { throw SubspaceError(reason: .notFinite(what: "strength", row: 0)) }
    let (subspace, exact) = (coefficients.subspace, coefficients.matrix)
    let (input, output) = (exact.narrowed, Self.outputFactor(of: subspace, strength: strength))
    (inputFactor, outputFactor) = (input, output)
    let a = Matrix(rows: exact.rows, columns: exact.columns, widening: input.span)
    let b = Matrix(rows: subspace.hidden, columns: subspace.rank, widening: output.span)
    let (rest, squaredChange) = try computing { () throws(LinearAlgebraError) in
      var rest = exact
      try rest.addProduct(try Matrix.product(coefficients.basis, b), a)
      let gram = try Matrix.product(b, b, transposing: .first)
      return (rest, dot(try Matrix.product(gram, a).elements, a.elements))
    }
    // ‖W + B A‖² without W itself: BᵀW = −α V W, which was gathered.
    let original = coefficients.squaredWeightNorm
    let squaredNorm =
      subspace.writes == nil
      ? original - 2 * strength * dot(exact.elements, a.elements) + squaredChange : original
    residual = squaredNorm > 0 ? (rest.squaredNorm / squaredNorm).squareRoot() : 0
    relativeChange = original > 0 ? (squaredChange / original).squareRoot() : 0
  }

  /// B, `[hidden, rank]` row after row, which depends on no weight.
  public static func outputFactor(of subspace: BlockSubspace, strength: Double) -> [Float] {
    let (rank, hidden) = (subspace.rank, subspace.hidden)
    return (0..<hidden * rank).map {
      Float(-strength * Double(subspace.taken.values[$0 % rank * hidden + $0 / rank]))
    }
  }
}
