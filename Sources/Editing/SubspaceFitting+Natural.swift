internal import Kernels
internal import SubspaceEditing
internal import Transformer

extension SubspaceFitting {
  /// How far a step of strength 1 moves the model on neutral text, to second order: nats a token, over all its blocks.
  package static let stepDivergence = 0.00025
  /// Tokens of one pass; the residual stream is kept before every block.
  static let passTokens = 4096

  /// The steps of several recipes, from one pass there and back over the pairs and the neutral text.
  func naturalSteps(_ recipes: [EditRecipe], progress: ProgressHandler?) throws -> [EditSubspace] {
    guard (0..<pairs).contains(where: { texts[$0] != texts[pairs + $0] }) else {
      throw EditingError("pairs", "both sides of every pair are the same; there is nothing to prefer")
    }
    let bounds = recipes.map(\.blocks)
    let first = bounds.map(\.lowerBound).min() ?? 1
    let moments = try stepMoments(
      first...(bounds.map(\.upperBound).max() ?? model.configuration.blocks), progress: progress)
    return try recipes.map { recipe in
      let steps = try recipe.blocks.map { block in
        do {
          return try NaturalStep(moments[block - first], rank: recipe.rank.largest)
        } catch let error as SubspaceError {
          throw EditingError(model.path, "block \(block): \(error)")
        }
      }
      let divergence = steps.reduce(0) { $0 + $1.divergence }
      let scale = (Self.stepDivergence / divergence).squareRoot()
      return EditSubspace(
        blocks: try zip(recipe.blocks, steps).map {
          EditSubspace.Block(block: $0, subspace: try $1.subspace(scale: scale))
        },
        provenance: try provenance(recipe, pairs: pairs))
    }
  }

  /// What steps at the blocks `range` are computed from, in order.
  private func stepMoments(_ range: ClosedRange<Int>, progress: ProgressHandler?) throws -> [StepMoments] {
    let hidden = model.configuration.hidden
    var moments = range.map { _ in StepMoments(hidden: hidden) }
    // What the sides of a pair begin with has the same log-probability in both, so it need not be scored.
    let sides = (0..<pairs).map { pair in
      let (rejected, chosen) = (texts[pair], texts[pairs + pair])
      let common = zip(rejected, chosen).prefix { $0 == $1 }.count
      return [chosen, rejected].map { ScoredSequence(tokens: $0, responseStart: common) }
    }
    let neutral = passages.filter { $0.count > 1 }.map { [ScoredSequence(tokens: $0, responseStart: 1)] }
    func tokens(_ item: [ScoredSequence]) -> Int { item.reduce(0) { $0 + $1.tokens.count } }
    /// What this process computes of `items`.
    func own(_ items: [[ScoredSequence]]) -> [[ScoredSequence]] {
      Array(items[context.ranks.share(of: items.map(tokens))])
    }
    let total = (own(sides) + own(neutral)).reduce(0) { $0 + tokens($1) }
    var completed = 0
    /// - Parameter weights: of the sequences of an item.
    func run(
      _ items: [[ScoredSequence]], weights: [Double], sharing: Bool,
      _ add: @escaping (inout StepMoments, _ gradient: Span<Float>, _ output: Span<Float>) throws -> Void
    ) throws {
      for batch in items.indices.batches(ofAtMost: Self.passTokens, tokens: { tokens(items[$0]) }) {
        let layout = ParameterLayout(watchingFrom: range.lowerBound)
        let sequences = items[batch].flatMap { $0 }
        let pass = try ResponsePass(model, context, sequences, layout, sharing: sharing)
        try pass.addGradient(
          weights: batch.flatMap { _ in weights }, to: Gradients(layout),
          observer: { seen in
            guard range.contains(seen.block) else { return }
            for rows in seen.rowsBehindFirst {
              let elements = rows.lowerBound * hidden..<rows.upperBound * hidden
              try add(
                &moments[seen.block - range.lowerBound],
                UnsafeBufferPointer(rebasing: seen.gradient[elements]).span,
                UnsafeBufferPointer(rebasing: seen.output[elements]).span)
            }
          },
          progress: { progress?(completed + tokens(sequences) * $0 / max(1, $1), total) })
        completed += tokens(sequences)
      }
    }
    try run(own(sides), weights: [1 / Double(pairs), -1 / Double(pairs)], sharing: true) {
      try $0.addPairs(gradient: $1, output: $2)
    }
    // A prefix that two passages shared would have the gradient of both.
    try run(own(neutral), weights: [1], sharing: false) {
      try $0.neutralGradient.add($1)
      try $0.neutralOutput.add($2)
    }
    guard moments.allSatisfy(\.isFinite) else {
      throw try model.explainNonFinite(throughBlock: model.configuration.blocks)
    }
    for index in moments.indices { moments[index].add(over: context.ranks) }
    return moments
  }
}

extension MLPOutputGradient {
  /// Runs of rows that are not the first tokens of their texts: what is written there is of another size than elsewhere.
  fileprivate var rowsBehindFirst: [Range<Int>] {
    var runs: [Range<Int>] = []
    for (row, position) in positions.enumerated() where position > 0 {
      if let last = runs.last, last.upperBound == row {
        runs[runs.count - 1] = last.lowerBound..<row + 1
      } else {
        runs.append(row..<row + 1)
      }
    }
    return runs
  }
}
