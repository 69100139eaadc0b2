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
      guard divergence > 0 else {
        throw EditingError("pairs", "both sides of every pair are the same; there is nothing to prefer")
      }
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
    let sides = (0..<pairs).flatMap { pair in
      let (rejected, chosen) = (texts[pair], texts[pairs + pair])
      let common = zip(rejected, chosen).prefix { $0 == $1 }.count
      return [chosen, rejected].map { ScoredSequence(tokens: $0, responseStart: common) }
    }
    let neutral = passages.filter { $0.count > 1 }.map { ScoredSequence(tokens: $0, responseStart: 1) }
    let total = (sides + neutral).reduce(0) { $0 + $1.tokens.count }
    var completed = 0
    func run(
      _ sequences: [ScoredSequence], unit: Int, weights: [Double], sharing: Bool,
      _ add: @escaping (inout StepMoments, _ gradient: Span<Float>, _ output: Span<Float>) throws -> Void
    ) throws {
      for batch in Self.batches(sequences, unit: unit) {
        let layout = ParameterLayout(watchingFrom: range.lowerBound)
        let pass = try ResponsePass(model, context, Array(sequences[batch]), layout, sharing: sharing)
        let tokens = sequences[batch].reduce(0) { $0 + $1.tokens.count }
        try pass.addGradient(
          weights: batch.map { weights[$0 % weights.count] }, to: Gradients(layout),
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
          progress: { progress?(completed + tokens * $0 / max(1, $1), total) })
        completed += tokens
      }
    }
    try run(sides, unit: 2, weights: [1 / Double(pairs), -1 / Double(pairs)], sharing: true) {
      try $0.addPairs(gradient: $1, output: $2)
    }
    // A prefix that two passages shared would have the gradient of both.
    try run(neutral, unit: 1, weights: [1], sharing: false) {
      try $0.neutralGradient.add($1)
      try $0.neutralOutput.add($2)
    }
    guard moments.allSatisfy(\.isFinite) else {
      throw try model.explainNonFinite(throughBlock: model.configuration.blocks)
    }
    return moments
  }

  /// Runs of sequences of at most ``passTokens`` tokens, or of `unit` sequences, that do not tear units apart.
  private static func batches(_ sequences: [ScoredSequence], unit: Int) -> [Range<Int>] {
    var batches: [Range<Int>] = []
    var size = 0
    for start in stride(from: 0, to: sequences.count, by: unit) {
      let count = sequences[start..<start + unit].reduce(0) { $0 + $1.tokens.count }
      if let last = batches.last, size + count <= passTokens {
        batches[batches.count - 1] = last.lowerBound..<start + unit
        size += count
      } else {
        batches.append(start..<start + unit)
        size = count
      }
    }
    return batches
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
