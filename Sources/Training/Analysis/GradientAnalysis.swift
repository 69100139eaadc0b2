package import Kernels
package import SubspaceEditing
package import Transformer

/// The first step that DPO would take with each MLP-value matrix, and how much of it lies in a subspace.
///
/// At the reference every pair's margin is 0, so its gradient is −β σ(0) (∇ ln p(chosen) − ∇ ln p(rejected)): over N
/// pairs G = −(β / 2N) Σ (∇ ln p(chosen) − ∇ ln p(rejected)). P acts on the side of G that the matrix writes to, the
/// residual stream, so ‖P G‖_F = ‖V G‖_F for the orthonormal rows V of the subspace; of an oblique edit the subspace is
/// what it takes away. A random subspace of k of D
/// dimensions has √(k/D) of ‖G‖_F in expectation of the square.
package struct GradientAnalysis {
  /// What is found about a block's matrix.
  package struct Block: Sendable {
    /// The block, from 1.
    package let block: Int
    /// ‖G‖_F.
    package let norm: Double
    /// ‖P G‖_F / ‖G‖_F of the given subspace; `nil` where it has none for the block, as in what follows.
    package let share: Double?
    /// The same of random subspaces of equal rank: root of the mean square.
    package let randomShare: Double?
    /// The angles between the subspace and the span of G's first left singular vectors, as many as its rank.
    package let angles: PrincipalAngles?
  }

  /// What is found with a number of pairs.
  package struct Report: Sendable {
    /// Number of pairs.
    package let pairs: Int
    /// The blocks in order.
    package let blocks: [Block]
  }

  private let model: Model
  private let context: ComputeContext
  private let pairs: [ScoredPair]
  private let subspaces: [Int: BlockSubspace]
  private let beta: Double

  /// Random subspaces that are drawn for each block.
  private static let draws = 16
  /// Tokens of one pass; the residual stream is kept before every block.
  private static let passTokens = 4096

  /// - Parameters:
  ///   - context: threads, the precision of products, and the seed of random subspaces.
  ///   - subspaces: by block, from 1.
  ///   - beta: β of DPO, a factor on every gradient.
  package init(
    _ model: Model, _ context: ComputeContext, pairs: [ScoredPair], subspaces: [Int: BlockSubspace],
    beta: Double
  ) {
    self.model = model
    self.context = context
    self.pairs = pairs
    self.subspaces = subspaces
    self.beta = beta
  }

  /// Adds up gradients pair by pair and reports at each of `counts`, which are met in rising order.
  ///
  /// - Parameters:
  ///   - counts: numbers of pairs, from the first on.
  ///   - progress: told of tokens done.
  package func run(counts: [Int], progress: ProgressHandler? = nil) throws -> [Report] {
    let counts = Set(counts.map { min($0, pairs.count) }).sorted()
    let gradients = Gradients(ParameterLayout(model, .init(roles: [.mlpValue], biases: false)))
    let total = pairs.prefix(counts.last ?? 0).reduce(0) { $0 + $1.tokenCount }
    var (first, completed) = (0, 0)
    var reports: [Report] = []
    for count in counts {
      let batches = (first..<count).batches(ofAtMost: Self.passTokens) { pairs[$0].tokenCount }
      for batch in batches {
        let sequences = ScoredPair.sequences(pairs[batch])
        let pass = try ResponsePass(model, context, sequences, gradients.layout)
        let tokens = pairs[batch].reduce(0) { $0 + $1.tokenCount }
        let weights = sequences.indices.map { $0 % 2 == 0 ? -beta / 2 : beta / 2 }
        try pass.addGradient(
          weights: weights, to: gradients,
          progress: { progress?(completed + tokens * $0 / max(1, $1), total) })
        completed += tokens
      }
      first = count
      reports.append(
        Report(
          pairs: count,
          blocks: try gradients.layout.parameters.map {
            try measure($0, gradients.values(of: $0), scale: 1 / Double(count))
          }))
    }
    return reports
  }

  private func measure(
    _ parameter: ParameterLayout.Parameter, _ values: [Float], scale: Double
  ) throws -> Block {
    let block = parameter.key.block ?? 0
    let configuration = model.configuration.block(block)
    let isInputMajor = model.layout(of: .mlpValue) == .inputMajor
    let shape = WeightShape(
      layout: isInputMajor ? .inputsByOutputs : .outputsByInputs, outputs: configuration.hidden,
      inputs: configuration.intermediate)
    func share(_ subspace: BlockSubspace) throws -> (share: Double, norm: Double) {
      var coefficients = try WeightCoefficients(subspace, shape: shape)
      try coefficients.add(values.span, rows: 0..<shape.rows)
      return (coefficients.relativeNorm, coefficients.squaredWeightNorm.squareRoot())
    }
    guard let subspace = subspaces[block] else {
      let squares = values.reduce(0.0) { $0 + Double($1) * Double($1) }
      return Block(
        block: block, norm: squares.squareRoot() * scale, share: nil, randomShare: nil, angles: nil)
    }
    let own = try share(subspace.writes == nil ? subspace : .orthonormal(subspace.taken))
    var generator = SplitMix64(seed: context.seed, stream: block)
    let squares = try (0..<Self.draws).map { _ in
      let found = try share(try .random(rank: subspace.rank, hidden: subspace.hidden, &generator)).share
      return found * found
    }
    let gradient = Matrix(rows: shape.rows, columns: shape.columns, widening: values.span)
    let gram = try gradient.gram(isInputMajor ? .columns : .rows)
    let leading = try SymmetricEigen(upperTriangleOf: gram, count: subspace.rank).vectors
    return Block(
      block: block, norm: own.norm * scale, share: own.share,
      randomShare: (squares.reduce(0, +) / Double(Self.draws)).squareRoot(),
      angles: try PrincipalAngles(
        between: subspace.taken,
        and: Embeddings(count: leading.rows, hidden: leading.columns, values: leading.narrowed)))
  }
}

extension BlockSubspace {
  /// A subspace drawn evenly from all of its rank.
  fileprivate static func random(
    rank: Int, hidden: Int, _ generator: inout SplitMix64
  ) throws -> BlockSubspace {
    let values = (0..<rank * hidden).map { _ in Float(generator.nextNormal()) }
    return try orthonormal(Embeddings(count: rank, hidden: hidden, values: values))
  }

  /// The space that independent `rows` span.
  fileprivate static func orthonormal(_ rows: Embeddings) throws -> BlockSubspace {
    let (count, hidden) = (rows.count, rows.hidden)
    let basis = try Matrix(rows: count, columns: hidden, widening: rows.values.span).orthonormalRows()
    return try BlockSubspace(
      directions: Embeddings(count: count, hidden: hidden, values: basis.narrowed),
      singularValues: Array(repeating: 1, count: count))
  }
}
