internal import Kernels
internal import SubspaceEditing
internal import Transformer

extension SubspaceFitting {
  /// The most tokens of one pass there and back: their residual streams, before every block from `first` on, take 6 GB, most
  /// of which may be on disk.
  static func passTokens(_ model: Model, fromBlock first: Int) -> Int {
    max(4096, (6 << 30) / ForwardPass.keptBytes(tokens: 1, fromBlock: first, model))
  }

  /// The steps of several recipes, from passes there and back over the pairs and the neutral text.
  ///
  /// Where one pass holds all texts, a block's moments are held only while its turn is on the way back. Of several
  /// processes each computes some of the texts.
  func naturalSteps(_ recipes: [EditRecipe], progress: ProgressHandler?) throws -> [EditSubspace] {
    guard (0..<pairs).contains(where: { texts[$0] != texts[pairs + $0] }) else {
      throw EditingError("pairs", "both sides of every pair are the same; there is nothing to prefer")
    }
    let bounds = recipes.map(\.blocks)
    let first = bounds.map(\.lowerBound).min() ?? 1
    let range = first...(bounds.map(\.upperBound).max() ?? model.configuration.blocks)
    var steps: [[Int: NaturalStep]] = recipes.map { _ in [:] }
    let items = ownTexts()
    // Each round of the size computes base and edits once, of which the pass computes and differentiates more.
    let (passed, measured) = (Self.tokens(items), calibration.reduce(0) { $0 + $1.count })
    let total = passed + Self.expectedRounds * measured
    try forEachMoments(of: range, items, progress: { done, _ in progress?(done, total) }) { block, moments in
      var ofRank: [Int: NaturalStep] = [:]
      for (index, recipe) in recipes.enumerated() where recipe.blocks.contains(block) {
        let rank = recipe.rank.largest
        do {
          let step = try ofRank[rank] ?? NaturalStep(moments, rank: rank)
          (ofRank[rank], steps[index][block]) = (step, step)
        } catch let error as SubspaceError {
          throw EditingError(model.path, "block \(block): \(error)")
        }
      }
    }
    defer { progress?(total, total) }
    return try sized(zip(recipes, steps).map { ($0, $1) }) { round in
      progress?(min(total, passed + round * measured), total)
    }
  }

  /// Calls `body` with what steps at each block of `range` are computed from, the last block first.
  private func forEachMoments(
    of range: ClosedRange<Int>, _ items: [ScoredText], progress: ProgressHandler?,
    _ body: @escaping (_ block: Int, StepMoments) throws -> Void
  ) throws {
    let hidden = model.configuration.hidden
    let batches = items.indices.batches(ofAtMost: passTokens) { items[$0].tokenCount }
    let total = Self.tokens(items)
    var completed = 0
    var moments: [Int: StepMoments] = [:]
    var open = range.upperBound
    /// Hands on the blocks from `block` up, whose moments are complete in this process.
    func finish(from block: Int) throws {
      while open >= block {
        var complete = moments.removeValue(forKey: open) ?? StepMoments(hidden: hidden)
        complete.add(over: context.ranks)
        guard complete.isFinite else {
          throw try model.explainNonFinite(throughBlock: model.configuration.blocks)
        }
        try body(open, complete)
        open -= 1
      }
    }
    for (index, batch) in batches.enumerated() {
      let items = items[batch]
      let layout = ParameterLayout(watchingFrom: range.lowerBound)
      let pass = try ResponsePass(
        model, context, items.flatMap(\.sequences), layout, alone: items.count { $0.isNeutral })
      try pass.addGradient(
        weights: items.flatMap(\.weights), to: Gradients(layout),
        observer: { seen in
          guard range.contains(seen.block) else { return }
          if index == batches.count - 1 { try finish(from: seen.block + 1) }
          try moments[seen.block, default: StepMoments(hidden: hidden)].add(
            seen, neutralFrom: pass.firstAloneRow)
        },
        progress: { progress?(completed + Self.tokens(items) * $0 / max(1, $1), total) })
      completed += Self.tokens(items)
    }
    try finish(from: range.lowerBound)
  }

  /// A pair or a neutral passage as the pass scores it.
  private struct ScoredText {
    var sequences: [ScoredSequence]
    var weights: [Double]
    var isNeutral: Bool { sequences.count == 1 }
    var tokenCount: Int { sequences.reduce(0) { $0 + $1.tokens.count } }
  }

  private static func tokens(_ items: some Sequence<ScoredText>) -> Int {
    items.reduce(0) { $0 + $1.tokenCount }
  }

  /// What this process computes: pairs, and then neutral passages that have a token to score.
  private func ownTexts() -> [ScoredText] {
    let sides = (0..<pairs).map { pair in
      // What the sides of a pair begin with has the same log-probability in both, so it need not be scored.
      let (rejected, chosen) = (texts[pair], texts[pairs + pair])
      let common = zip(rejected, chosen).prefix { $0 == $1 }.count
      return ScoredText(
        sequences: [chosen, rejected].map { ScoredSequence(tokens: $0, responseStart: common) },
        weights: [1 / Double(pairs), -1 / Double(pairs)])
    }
    let neutral = passages.filter { $0.count > 1 }.map {
      ScoredText(sequences: [ScoredSequence(tokens: $0, responseStart: 1)], weights: [1])
    }
    return [sides, neutral].flatMap { texts in
      texts[context.ranks.share(of: texts.map(\.tokenCount))]
    }
  }
}

extension StepMoments {
  /// Adds a chunk of tokens, those from the place `firstNeutral` on as neutral ones.
  ///
  /// The first tokens of texts are left out: what is written there is of another size than elsewhere.
  fileprivate mutating func add(_ seen: MLPOutputGradient, neutralFrom firstNeutral: Int) throws {
    for rows in seen.rowsBehindFirst {
      let elements = rows.lowerBound * seen.width..<rows.upperBound * seen.width
      let gradient = UnsafeBufferPointer(rebasing: seen.gradient[elements]).span
      let output = UnsafeBufferPointer(rebasing: seen.output[elements]).span
      // Neutral passages have chunks of their own.
      if seen.positions.startIndex >= firstNeutral {
        try neutralGradient.add(gradient)
        try neutralOutput.add(output)
      } else {
        try addPairs(gradient: gradient, output: output)
      }
    }
  }
}

extension MLPOutputGradient {
  /// Runs of rows that are not the first tokens of their texts.
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
