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
  /// Where one pass holds all texts, moments are held only of the block whose turn is on the way back, and of a few that are
  /// decomposed together. Of several processes each computes some of the texts.
  func naturalSteps(_ recipes: [EditRecipe], progress: ProgressHandler?) throws -> [EditSubspace] {
    guard (0..<pairs).contains(where: { texts.sides[$0] != texts.sides[pairs + $0] }) else {
      throw EditingError("pairs", "both sides of every pair are the same; there is nothing to prefer")
    }
    let range = ClosedRange.enclosing(recipes.map(\.blocks))
    var steps: [[Int: NaturalStep]] = recipes.map { _ in [:] }
    let items = OwnTexts(texts, context)
    // Each round of the size computes base and edits once, of which the pass computes and differentiates more.
    let (passed, measured) = (items.tokenCount, calibration.reduce(0) { $0 + $1.count })
    let total = passed + Self.expectedRounds * measured
    try forEachMoments(of: range, items, progress: { done, _ in progress?(done, total) }) { complete in
      let found = try context.parallelMap(complete.count) { item in
        let (block, moments) = complete[item]
        return try stepsOfRanks(recipes.filter { $0.blocks.contains(block) }, block, moments)
      }
      for ((block, _), ofRank) in zip(complete, found) {
        for (index, recipe) in recipes.enumerated() where recipe.blocks.contains(block) {
          steps[index][block] = ofRank[recipe.rank.largest]
        }
      }
    }
    defer { progress?(total, total) }
    return try sized(zip(recipes, steps).map { ($0, $1) }) { round in
      progress?(min(total, passed + round * measured), total)
    }
  }

  /// The steps at one block, by rank.
  private func stepsOfRanks(_ recipes: [EditRecipe], _ block: Int, _ moments: StepMoments) throws -> [Int:
    NaturalStep]
  {
    try explaining(block) {
      try Dictionary(
        uniqueKeysWithValues: Set(recipes.map(\.rank.largest)).map {
          ($0, try NaturalStep(moments, rank: $0))
        })
    }
  }

  /// Calls `body` with what steps at the blocks of `range` are computed from, some blocks at a time, the last first.
  private func forEachMoments(
    of range: ClosedRange<Int>, _ texts: OwnTexts, progress: ProgressHandler?,
    _ body: @escaping ([(block: Int, moments: StepMoments)]) throws -> Void
  ) throws {
    let hidden = model.configuration.hidden
    let batches = (0..<texts.count).batches(ofAtMost: passTokens, tokens: texts.tokens)
    let total = texts.tokenCount
    var completed = 0
    var moments: [Int: StepMoments] = [:]
    var open = range.upperBound
    var complete: [(block: Int, moments: StepMoments)] = []
    let together = stepsTogether
    /// Hands on the blocks from `block` up, whose moments are complete in this process.
    func finish(from block: Int) throws {
      while open >= block {
        var own = moments.removeValue(forKey: open) ?? StepMoments(hidden: hidden)
        own.add(over: context.ranks)
        guard own.isFinite else {
          throw try model.explainNonFinite(throughBlock: model.configuration.blocks)
        }
        complete.append((open, own))
        open -= 1
        guard complete.count == together || open < range.lowerBound else { continue }
        try body(complete)
        complete = []
      }
    }
    for (index, batch) in batches.enumerated() {
      let items = batch.map { texts[$0] }
      let tokens = batch.reduce(0) { $0 + texts.tokens($1) }
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
        progress: { progress?(completed + tokens * $0 / max(1, $1), total) })
      completed += tokens
    }
    try finish(from: range.lowerBound)
  }
}

/// A pair or a neutral passage as the pass scores it.
private struct ScoredText {
  var sequences: [ScoredSequence]
  var weights: [Double]
  var isNeutral: Bool { sequences.count == 1 }
}

/// What this process computes: pairs, and then neutral passages that have a token to score; each is made when it is needed.
private struct OwnTexts {
  private let texts: FitTexts
  private let pairs: Range<Int>
  private let passages: ArraySlice<Int>

  init(_ texts: FitTexts, _ context: ComputeContext) {
    self.texts = texts
    pairs = context.ranks.share(
      of: (0..<texts.pairs).map { texts.sides[$0].count + texts.sides[texts.pairs + $0].count })
    let scored = texts.passages.indices.filter { texts.passages[$0].count > 1 }
    passages = scored[context.ranks.share(of: scored.map { texts.passages[$0].count })]
  }

  var count: Int { pairs.count + passages.count }
  var tokenCount: Int { (0..<count).reduce(0) { $0 + tokens($1) } }

  private func passage(_ index: Int) -> [Int32] {
    texts.passages[passages[passages.startIndex + index - pairs.count]]
  }

  /// Chosen side and rejected side.
  private func sides(_ index: Int) -> [[Int32]] {
    let pair = pairs.lowerBound + index
    return [texts.sides[texts.pairs + pair], texts.sides[pair]]
  }

  func tokens(_ index: Int) -> Int {
    index < pairs.count ? sides(index).reduce(0) { $0 + $1.count } : passage(index).count
  }

  subscript(index: Int) -> ScoredText {
    guard index < pairs.count else {
      return ScoredText(sequences: [ScoredSequence(tokens: passage(index), responseStart: 1)], weights: [1])
    }
    // What the sides of a pair begin with has the same log-probability in both, so it need not be scored.
    let sides = sides(index)
    let common = zip(sides[0], sides[1]).prefix { $0 == $1 }.count
    return ScoredText(
      sequences: sides.map { ScoredSequence(tokens: $0, responseStart: common) },
      weights: [1 / Double(texts.pairs), -1 / Double(texts.pairs)])
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
