internal import Kernels
internal import SubspaceEditing
internal import Transformer

extension SubspaceFitting {
  /// The most tokens of one pass there and back: their residual streams, before every block from `first` on, take 6 GB, most
  /// of which may be on disk.
  static func passTokens(_ model: Model, fromBlock first: Int) -> Int {
    max(4096, (6 << 30) / ForwardPass.keptBytes(tokens: 1, fromBlock: first, model))
  }

  /// The steps of fits to samples of the pairs, from passes there and back over the pairs of the samples and the neutral text.
  ///
  /// Where one pass holds all texts, moments are held only of the block whose turn is on the way back, and of a few that are
  /// decomposed together. Of several processes each computes some of the texts.
  func naturalSteps(_ fits: [SampledFit], progress: ProgressHandler?) throws -> [EditSubspace] {
    let samples = Self.samples(of: fits)
    guard
      samples.allSatisfy({ sample in
        sample.pairs.contains { texts.sides[$0] != texts.sides[pairs + $0] }
      })
    else { throw EditingError("pairs", "both sides of every pair are the same; there is nothing to prefer") }
    let range = ClosedRange.enclosing(fits.map(\.recipe.blocks))
    var steps: [[Int: NaturalStep]] = fits.map { _ in [:] }
    let items = StepTexts(texts, samples, context)
    // Each round of the size computes base and edits once, of which the pass computes and differentiates more.
    let (passed, measured) = (items.tokenCount, calibration.reduce(0) { $0 + $1.count })
    let total = passed + Self.expectedRounds * measured
    try forEachMoments(of: range, items, progress: { done, _ in progress?(done, total) }) { complete in
      let found = try context.parallelMap(complete.count) { item in
        let (block, moments) = complete[item]
        return try explaining(block) { try self.steps(fits, of: samples, block, moments) }
      }
      for ((block, _), ofFits) in zip(complete, found) {
        for (index, step) in ofFits { steps[index][block] = step }
      }
    }
    defer { progress?(total, total) }
    return try sized(zip(fits, steps).map { ($0, $1) }) { round in
      progress?(min(total, passed + round * measured), total)
    }
  }

  /// The steps at one block, by the index of the fit.
  private func steps(
    _ fits: [SampledFit], of samples: [PairSample], _ block: Int, _ moments: StepMoments
  ) throws -> [Int: NaturalStep] {
    let coordinates = try StepCoordinates(moments)
    var steps: [Int: NaturalStep] = [:]
    for (sample, sum) in zip(samples, moments.gradients) {
      var ofRank: [Int: NaturalStep] = [:]
      for (index, fit) in fits.enumerated() where fit.sample == sample && fit.recipe.blocks.contains(block) {
        let rank = fit.recipe.rank.largest
        let step = try ofRank[rank] ?? NaturalStep(sum, in: coordinates, rank: rank)
        ofRank[rank] = step
        steps[index] = step
      }
    }
    return steps
  }

  /// Calls `body` with what steps at the blocks of `range` are computed from, some blocks at a time, the last first.
  private func forEachMoments(
    of range: ClosedRange<Int>, _ texts: StepTexts, progress: ProgressHandler?,
    _ body: @escaping ([(block: Int, moments: StepMoments)]) throws -> Void
  ) throws {
    let hidden = model.configuration.hidden
    let batches = (0..<texts.count).batches(ofAtMost: passTokens, tokens: texts.tokens)
    let total = texts.tokenCount
    var completed = 0
    var moments: [Int: StepMoments] = [:]
    var open = range.upperBound
    var complete: [(block: Int, moments: StepMoments)] = []
    let samples = texts.samples.count
    let together = stepsTogether(samples: samples)
    /// Hands on the blocks from `block` up, whose moments are complete in this process.
    func finish(from block: Int) throws {
      while open >= block {
        var own = moments.removeValue(forKey: open) ?? StepMoments(hidden: hidden, samples: samples)
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
    for (index, part) in batches.enumerated() {
      let batch = texts.batch(part)
      let tokens = part.reduce(0) { $0 + texts.tokens($1) }
      let layout = ParameterLayout(watchingFrom: range.lowerBound)
      let pass = try ResponsePass(model, context, batch.sequences, layout, alone: batch.alone)
      let rows = batch.rows(of: pass)
      try pass.addGradient(
        weights: batch.weights, to: Gradients(layout),
        observer: { seen in
          guard range.contains(seen.block) else { return }
          if index == batches.count - 1 { try finish(from: seen.block + 1) }
          try moments[seen.block, default: StepMoments(hidden: hidden, samples: samples)].add(seen, rows)
        },
        progress: { progress?(completed + tokens * $0 / max(1, $1), total) })
      completed += tokens
    }
    try finish(from: range.lowerBound)
  }
}
