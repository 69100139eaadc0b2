internal import Kernels
package import Transformer

extension SubspaceFitting {
  /// What ``run(progress:)`` will hold in memory, in this process.
  package func memoryPlan() throws -> MemoryPlan {
    var plan = packing.plan
    let hidden = model.configuration.hidden
    // With one portion a block is finished before the next is begun; of several, all blocks wait for the last.
    let waiting = portions.count == 1 ? 0 : recipe.blocks.count
    if recipe.method.isProjection {
      let together = blocksTogether(from: gramSide)
      let decompositions = together * decompositionBytes(gramSide)
      switch gramSide {
      case .rows:
        // Single precision: both sides.
        let embeddings = 2 * pairs * hidden * 4 * max(together, waiting + 1)
        plan.add(
          .init("embeddings of \(pairs) pairs and their decomposition", embeddings + decompositions))
      case .columns:
        let held = max(together, waiting)
        let sums = recipe.method == .detoxEdit ? 2 : 1
        plan.add(.init("sums over pairs of \(held) blocks", held * sums * hidden * hidden * 8))
        plan.add(.init("their decomposition", decompositions))
        let most = portions.map(\.pairs.count).max() ?? 0
        plan.add(.init("embeddings of \(most) pairs", 2 * most * hidden * 4))
      }
    }
    addNeutralText(
      to: &plan, decomposing: blocksTogether(from: gramSide),
      waiting: portions.count { !$0.passages.isEmpty } > 1 ? waiting : 0)
    if recipe.method == .natural { addSteps(to: &plan, samples: 1, tokens: packing.ownTokens.reduce(0, +)) }
    if recipe.method == .oblique {
      plan.add(.init("what an MLP writes", packing.largest * hidden * 4))
    }
    return plan
  }

  /// Bytes of blocks that are decomposed together.
  private static let togetherBytes = 256 << 20

  /// What steps of so many samples will hold, of passes over so many tokens.
  private func addSteps(to plan: inout MemoryPlan, samples: Int, tokens: Int) {
    let hidden = model.configuration.hidden
    // One pass finishes block by block; several add up the moments of all blocks.
    let together = stepsTogether(samples: samples)
    let blocks = tokens <= passTokens ? together : recipe.blocks.count
    // And of those that are decomposed together, two bases of eigenvectors, products of them, and LAPACK's copies.
    plan.add(
      .init(
        "moments of \(blocks) blocks and steps",
        ((2 + samples) * blocks + 6 * together) * hidden * hidden * 8))
    let kept = ForwardPass.keptBytes(
      tokens: min(tokens, passTokens), fromBlock: recipe.blocks.lowerBound, model)
    if kept <= ForwardPass.keptInMemory { plan.add(.init("residual streams before every block", kept)) }
    plan.add(.init("gradients of \(tokens) tokens", 2 * min(tokens, passTokens) * hidden * 4))
  }

  /// How many blocks' steps are computed together, a thread each.
  func stepsTogether(samples: Int) -> Int {
    let hidden = model.configuration.hidden
    let bytes = (2 + samples) * hidden * hidden * 8
    return max(1, min(context.threads, recipe.blocks.count, Self.togetherBytes / bytes))
  }

  /// Tokens of all pairs and passages, beginnings that they share counted twice.
  private var unsharedTokens: Int {
    (texts.sides + texts.passages).reduce(0) { $0 + $1.count }
  }

  /// How many samples' steps one pass serves: as many as leave the sums of the blocks that wait within 1 GiB.
  var samplesPerPass: Int {
    let hidden = model.configuration.hidden
    let blocks =
      unsharedTokens <= passTokens ? min(context.threads, recipe.blocks.count) : recipe.blocks.count
    return max(1, (1 << 30) / (blocks * hidden * hidden * 8))
  }

  /// How many blocks' preference matrices are decomposed together, a thread each.
  func blocksTogether(from side: GramSide) -> Int {
    let bytes = decompositionBytes(side) + neutralBytes
    return max(1, min(context.threads, recipe.blocks.count, Self.togetherBytes / bytes))
  }

  /// What the decomposition of one block's preference matrix of all pairs holds, neutral text left out.
  private func decompositionBytes(_ side: GramSide) -> Int {
    let hidden = model.configuration.hidden
    switch side {
    // In double precision the differences, beside them first the chosen side and then them centred. The smaller Gram matrix and
    // its tridiagonal form.
    case .rows: return 2 * pairs * hidden * 8 + 2 * gramSize * gramSize * 8
    // The whole of the symmetric matrix, it projected, its tridiagonal form; in other coordinates, two of them more.
    case .columns: return (recipe.method == .oblique ? 5 : 3) * hidden * hidden * 8
    }
  }

  /// The second moment of neutral text of a block that is decomposed, and its copy in tridiagonal form, where the recipe has one.
  private var neutralBytes: Int {
    recipe.method.usesNeutralText ? 2 * model.configuration.hidden * model.configuration.hidden * 8 : 0
  }

  /// What a pass will hold that keeps a row for each pair in any case: ``stability(seed:progress:)``, whose halves are of all
  /// pairs, and ``run(_:progress:)`` of samples.
  ///
  /// - Parameter most: pairs that are decomposed together.
  package func rowMemoryPlan(decomposing most: Int) throws -> MemoryPlan {
    let portions = rowPortions
    let hidden = model.configuration.hidden
    var plan =
      try portions == self.portions
      ? packing.plan : texts.embedding(texts.whole, model, context).memoryPlan()
    let waiting = portions.count == 1 ? 0 : recipe.blocks.count
    // In single precision both sides, those of a portion beside those that wait; and again in other coordinates.
    let together = blocksTogether(from: .rows)
    let copies = max(together, 1 + waiting) + (recipe.method == .oblique ? together : 0)
    plan.add(.init("embeddings of \(pairs) pairs", copies * 2 * pairs * hidden * 4))
    // Those of a sample, and in double precision its chosen side, the differences, and them centred, or divided in halves. The
    // smaller of both products and its tridiagonal form.
    let small = min(most, hidden)
    plan.add(
      .init(
        "decomposition of \(most) pairs",
        together * (2 * most * hidden * 4 + 3 * most * hidden * 8 + 2 * small * small * 8)))
    addNeutralText(to: &plan, decomposing: together, waiting: waiting)
    return plan
  }

  /// What ``run(_:progress:)`` of so many samples will hold where the recipe makes steps.
  package func stepMemoryPlan(samples: Int) -> MemoryPlan {
    var plan = packing.plan
    let measured = calibration.reduce(0) { $0 + $1.count } * model.configuration.hidden * 4
    plan.add(.init("steps that are measured together", (1 + Self.measuredTogether) * measured))
    addSteps(to: &plan, samples: min(samples, samplesPerPass), tokens: unsharedTokens)
    return plan
  }

  /// The second moment of the neutral text, where the recipe uses one: of blocks that are decomposed together, and the sums of
  /// `waiting` others.
  private func addNeutralText(to plan: inout MemoryPlan, decomposing together: Int, waiting: Int) {
    guard recipe.method.usesNeutralText, recipe.method.isProjection else { return }
    let hidden = model.configuration.hidden
    plan.add(
      .init("second moment of neutral text", together * neutralBytes + waiting * hidden * hidden * 8))
  }

  /// Floating-point operations of the matrix products of the pass.
  package var operations: Double {
    let c = model.configuration
    let weights = (1...recipe.blocks.upperBound).reduce(0.0) { $0 + Double(c.block($1).blockWeightCount) }
    let forward = 2 * weights * Double(tokenCount)
    // The way back computes a block again and differentiates it, which takes twice that.
    let share = Double(c.blocks - recipe.blocks.lowerBound + 1) / Double(c.blocks)
    return recipe.method == .natural ? forward * (1 + 3 * share) : forward
  }
}
