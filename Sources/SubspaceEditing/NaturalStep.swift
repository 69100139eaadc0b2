package import Kernels

/// What steps at one matrix are computed from: sums over the tokens of samples of the pairs, and of neutral text.
///
/// y is what the matrix writes for a token and g the gradient with respect to it: of the pairs' Σ ln p(chosen) − ln p(rejected),
/// of neutral text's Σ ln p.
public struct StepMoments: Sendable {
  /// Σ g yᵀ over the tokens of each sample's pairs, `[hidden, hidden]`: the gradient with respect to M in y′ = (I + M) y.
  package private(set) var gradients: [Matrix]
  /// Σ g gᵀ over neutral tokens.
  package var neutralGradient: SecondMoment
  /// Σ y yᵀ over neutral tokens.
  package var neutralOutput: SecondMoment

  /// No tokens, of any of `samples` samples.
  package init(hidden: Int, samples: Int = 1) {
    gradients = Array(repeating: Matrix(zeros: hidden, hidden), count: samples)
    neutralGradient = SecondMoment(width: hidden)
    neutralOutput = SecondMoment(width: hidden)
  }

  /// Adds tokens of pairs of one sample, `[tokens, hidden]` each.
  package mutating func addPairs(
    of sample: Int = 0, gradient g: Span<Float>, output y: Span<Float>
  ) throws(SubspaceError) {
    let hidden = gradients[sample].rows
    precondition(g.count == y.count && g.count.isMultiple(of: hidden), "a gradient for every output")
    for start in stride(from: 0, to: g.count / hidden, by: 1024) {
      let range = start * hidden..<min((start + 1024) * hidden, g.count)
      let g = Matrix(rows: range.count / hidden, columns: hidden, widening: g.extracting(range))
      let y = Matrix(rows: range.count / hidden, columns: hidden, widening: y.extracting(range))
      try computing { () throws(LinearAlgebraError) in
        try gradients[sample].addProduct(g, y, transposing: .first)
      }
    }
  }

  /// Adds what the other processes have added, in all of them.
  package mutating func add(over ranks: Communicator) {
    for sample in gradients.indices { ranks.sum(&gradients[sample].elements) }
    neutralGradient.add(over: ranks)
    neutralOutput.add(over: ranks)
  }

  /// Whether everything that was added is finite.
  package var isFinite: Bool {
    gradients.allSatisfy { $0.elements.allSatisfy(\.isFinite) } && neutralGradient.isFinite
      && neutralOutput.isFinite
  }
}

/// The coordinates in which neutral text's outputs and gradients are of equal size in every direction.
package struct StepCoordinates: Sendable {
  /// Those of what is written, A.
  let gradient: Whitening
  /// Those of what is read, B.
  let output: Whitening

  /// The coordinates that the neutral tokens of `moments` give; throws where there are none.
  package init(_ moments: StepMoments) throws(SubspaceError) {
    (gradient, output) = (try Whitening(moments.neutralGradient), try Whitening(moments.neutralOutput))
  }
}

/// The step of natural gradient that DPO would begin with, at one matrix, of low rank, seen as an edit of what the matrix
/// writes: y′ = (I + η M) y.
///
/// To second order, the divergence of the edited model from the base on neutral text is ½ η² tr(Mᵀ F M Σ) nats a token, with
/// F and Σ the mean of g gᵀ and of y yᵀ (the Kronecker factors of K-FAC, arXiv 1503.05671). Of all M of equal divergence
/// F⁻¹ G Σ⁻¹ raises the pairs' margin most, G the gradient. With F = A⁻¹A⁻ᵀ, Σ = B⁻¹B⁻ᵀ it is Aᵀ (A G Bᵀ) B, and of rank k
/// the best is the one whose A G Bᵀ is cut to its first k singular triplets (s, p, q): M = Σ s (Aᵀ p)(Bᵀ q)ᵀ, of divergence
/// ½ η² Σ s². F and Σ get the ridge of `Whitening`, which can only make that too large.
public struct NaturalStep: Sendable {
  /// All singular values s, largest first.
  public let singularValues: [Double]
  /// Bᵀ q of the first of them, one a row.
  private let reads: Matrix
  /// Aᵀ p of the same.
  private let writes: Matrix

  /// The step of rank `rank` for Σ g yᵀ = `sum`.
  ///
  /// Throws where there was no gradient, or `rank` is more than the width.
  package init(_ sum: Matrix, in coordinates: StepCoordinates, rank: Int) throws(SubspaceError) {
    let hidden = sum.rows
    guard (1...hidden).contains(rank) else {
      throw SubspaceError(reason: .rankUnavailable(requested: rank, available: hidden))
    }
    let (a, b) = (coordinates.gradient, coordinates.output)
    // A G Bᵀ, the rows of G in the coordinates of B and then its columns in those of A.
    let half = try b.whitened(sum).transposed
    let whole = try a.whitened(half).transposed
    let (values, right, left) = try computing { () throws(LinearAlgebraError) in
      var (values, right) = try BlockSubspace.decompose(whole, rank)
      // The component of largest magnitude is positive, so that a direction has one sign.
      for row in 0..<rank where (right[row: row].max { abs($0) < abs($1) } ?? 0) < 0 {
        right.scale(row: row, by: -1)
      }
      return (values, right, try Matrix.product(right, whole, transposing: .second))
    }
    let available = values.count { $0 > 1e-9 * (values.first ?? 0) }
    guard rank <= available else {
      throw SubspaceError(reason: .rankUnavailable(requested: rank, available: available))
    }
    singularValues = values
    // The rows of `left` are s p already.
    (reads, writes) = (try b.readers(right), try a.readers(left))
  }

  /// Divergence of the step with η = 1, in nats for a token of neutral text.
  public var divergence: Double { singularValues.prefix(reads.rows).reduce(0) { $0 + $1 * $1 } / 2 }

  /// The step as directions V that are read, of length 1, and what is taken away for each, U: η M = −UᵀV.
  ///
  /// - Parameter scale: η.
  public func subspace(scale: Double) throws(SubspaceError) -> BlockSubspace {
    var (directions, taken) = (reads, writes)
    for row in 0..<reads.rows {
      let length = reads.rows(row..<row + 1).squaredNorm.squareRoot()
      directions.scale(row: row, by: 1 / length)
      taken.scale(row: row, by: -scale * length)
    }
    let (count, hidden) = (reads.rows, reads.columns)
    return try BlockSubspace(
      directions: try Embeddings(count: count, hidden: hidden, values: directions.narrowed),
      writes: try Embeddings(count: count, hidden: hidden, values: taken.narrowed), isProjection: false,
      singularValues: singularValues)
  }
}
