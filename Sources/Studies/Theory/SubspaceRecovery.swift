internal import Kernels
package import SubspaceEditing

/// How well an edit's subspace recovers the space it should, beside a bound that holds for every draw.
///
/// With Π = I − m mᵀ/‖m‖² of the mean m of the chosen side (I where nothing is centred), T = T⁰ Π is the signal S = F B Π
/// plus E = (T⁰ − F B) Π. For V, the first k right singular vectors of T, and any w orthogonal to the rows of S,
/// V w = Σ_k⁻¹ Uᵀ E w, so
///
///     sin θ(V, rows of S) ≤ ‖E‖₂ / σ_k(T),      sin θ(rows of S, B) = ‖B m‖ / ‖m‖,
///
/// and the largest sine between subspaces of one dimension is a metric, ‖P − P′‖₂: the bound is the sum of both, at most 1.
/// Source: Wedin 1972, "Perturbation bounds in connection with singular value decomposition"; Davis and Kahan 1970.
package struct SubspaceRecovery: Sendable {
  /// Sine of the largest principal angle between the edit's subspace and span(B).
  package let sine: Double
  /// What it cannot exceed, but for the rounding of directions to single precision, about 10⁻⁷.
  package let bound: Double
  /// ‖E‖₂.
  package let noise: Double
  /// σ_k(T), the smallest singular value that is kept.
  package let gap: Double

  /// Fits a subspace as an edit does, and compares it.
  ///
  /// - Parameters:
  ///   - rejected: `[pairs, hidden]`.
  ///   - chosen: of the same shape.
  ///   - basis: B, orthonormal rows, `[k, hidden]`.
  ///   - signal: F, what of B is in each pair's rejected side and not in its chosen one, `[pairs, k]`.
  ///   - centred: whether the chosen side's mean is projected out.
  package init(
    rejected: Embeddings, chosen: Embeddings, basis: [Double], signal: [Double], centred: Bool
  ) throws {
    let (pairs, hidden) = (chosen.count, chosen.hidden)
    let rank = basis.count / hidden
    let preference = try PreferenceMatrix(
      rejected: rejected, chosen: chosen, protecting: centred ? .chosenMean : .none)
    let subspace = try BlockSubspace(fitting: preference, rank: rank)
    let target = try Embeddings(count: rank, hidden: hidden, values: basis.map(Float.init))
    sine = try PrincipalAngles(between: subspace.directions, and: target).largestSine
    gap = subspace.singularValues[rank - 1]

    let directions = Matrix(rows: rank, columns: hidden, elements: basis)
    var rest = Matrix(rows: pairs, columns: hidden, widening: rejected.values.span)
    rest.subtract(Matrix(rows: pairs, columns: hidden, widening: chosen.values.span))
    var lost = 0.0
    noise = try computing {
      try rest.addProduct(Matrix(rows: pairs, columns: rank, elements: signal), directions, scale: -1)
      if centred {
        var mean = Matrix(rows: 1, columns: hidden, elements: preference.chosenMean)
        mean.scale(row: 0, by: 1 / mean.squaredNorm.squareRoot())
        try rest.addProduct(Matrix.product(rest, mean, transposing: .second), mean, scale: -1)
        lost = try Matrix.product(directions, mean, transposing: .second).squaredNorm.squareRoot()
      }
      let gram = try rest.gram(pairs <= hidden ? .rows : .columns)
      return max(0, try SymmetricEigen(upperTriangleOf: gram, count: 0).values[0]).squareRoot()
    }
    bound = min(1, noise / gap + lost)
  }
}
