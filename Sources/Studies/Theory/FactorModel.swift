internal import Kernels
package import SubspaceEditing

/// A draw of the paper's factor model: embeddings of both sides of pairs, of which it is known what makes them.
///
///     x⁺ = a⁺ μ + B f + B̃ f̃ + u⁺        rejected
///     x⁻ = a⁻ μ       + B̃ f̃ + u⁻        chosen
///
/// μ, the rows of B and those of B̃ are orthogonal, B's and B̃'s of length 1; f̃ and u are normal with mean 0.
/// Source: arXiv 2405.13967, section 5.
package struct FactorModel: Sendable {
  /// Embeddings of the rejected sides, `[pairs, hidden]`.
  package let rejected: Embeddings
  /// Those of the chosen sides, of the same shape.
  package let chosen: Embeddings
  /// What is to be recovered: an orthonormal basis of span(B), `[factors, hidden]`.
  package let basis: [Double]
  /// B f of each pair, with the sign that exchanged sides give it, as f: `[pairs, factors]`.
  package let signal: [Double]

  /// Draws the model; equal seeds draw the same.
  ///
  /// - Throws: ``StudyError`` where the width has no room for the directions.
  package init(_ settings: FactorSettings, seed: UInt64) throws {
    let (hidden, pairs, factors) = (settings.hidden, settings.pairs, settings.factors)
    let directions = 1 + factors + settings.context
    guard directions <= hidden else {
      throw StudyError(
        "hidden \(hidden)",
        "μ, \(factors) factors and \(settings.context) of the context need a width of \(directions)")
    }
    var generator = SplitMix64(seed: seed)
    func normals(_ count: Int) -> [Double] { (0..<count).map { _ in generator.nextNormal() } }
    let frame = try computing {
      try Matrix(rows: directions, columns: hidden, elements: normals(directions * hidden)).orthonormalRows()
    }
    // Weights of the frame's rows in each text: μ, B, B̃.
    let f = normals(pairs * factors).map { settings.mean + $0 }
    let context = normals(pairs * settings.context)
    func side(withFactors: Bool) throws -> Matrix {
      var weights: [Double] = []
      for pair in 0..<pairs {
        weights.append(settings.frequent * (1 + settings.spread * generator.nextNormal()))
        let own = f[pair * factors..<(pair + 1) * factors]
        weights += withFactors ? Array(own) : own.map { _ in 0 }
        weights += context[pair * settings.context..<(pair + 1) * settings.context]
      }
      var noise = Matrix(
        rows: pairs, columns: hidden, elements: normals(pairs * hidden).map { settings.noise * $0 })
      try computing {
        try noise.addProduct(Matrix(rows: pairs, columns: directions, elements: weights), frame)
      }
      return noise
    }
    var rejected = try side(withFactors: true)
    var chosen = try side(withFactors: false)
    var signal = f
    let order = (0..<pairs).shuffled(using: &generator)
    for pair in order.prefix(Int((settings.flipped * Double(pairs)).rounded())) {
      let row = pair * hidden..<(pair + 1) * hidden
      let exchanged = rejected.elements[row]
      rejected.elements.replaceSubrange(row, with: chosen.elements[row])
      chosen.elements.replaceSubrange(row, with: exchanged)
      for index in pair * factors..<(pair + 1) * factors { signal[index] = -signal[index] }
    }
    self.rejected = try Embeddings(count: pairs, hidden: hidden, values: rejected.narrowed)
    self.chosen = try Embeddings(count: pairs, hidden: hidden, values: chosen.narrowed)
    self.signal = signal
    basis = frame.rows(1..<1 + factors).elements
  }
}

/// Runs linear algebra and passes its failure on as this module's error.
func computing<R>(_ body: () throws -> R) throws -> R {
  do { return try body() } catch let error as LinearAlgebraError {
    throw StudyError("factor model", error.description)
  }
}
