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
      switch gramSide {
      case .rows:
        // Single precision: both sides. Double: the chosen side, the differences, and them centred. The Gram matrix and its
        // tridiagonal form.
        let embeddings = 2 * pairs * hidden * 4 * (1 + waiting) + 3 * pairs * hidden * 8
        plan.add(
          .init("embeddings of \(pairs) pairs and their decomposition", embeddings + 2 * pairs * pairs * 8))
      case .columns:
        let square = hidden * hidden * 8
        let sums = recipe.method == .detoxEdit ? 2 : 1
        plan.add(.init("sums over pairs of \(max(1, waiting)) blocks", max(1, waiting) * sums * square))
        // The whole of the symmetric matrix, it projected, its tridiagonal form; in other coordinates, two of them more.
        let copies = recipe.method == .oblique ? 5 : 3
        plan.add(.init("their decomposition", copies * square))
        let most = portions.map(\.pairs.count).max() ?? 0
        plan.add(.init("embeddings of \(most) pairs", 2 * most * hidden * 4))
      }
    }
    if recipe.method.usesNeutralText, recipe.method.isProjection {
      // The sum, and its copy in tridiagonal form; of a text in several portions a sum waits for every block.
      let spread = portions.count { !$0.passages.isEmpty } > 1 ? waiting : 0
      plan.add(.init("second moment of neutral text", (2 + spread) * hidden * hidden * 8))
    }
    if recipe.method == .natural {
      // One pass finishes block by block; several add up the moments of all blocks.
      let tokens = packing.ownTokens.reduce(0, +)
      let blocks = tokens <= passTokens ? 1 : recipe.blocks.count
      // And of one, eigenvectors and products of them.
      plan.add(.init("moments of \(blocks) blocks and a step", 3 * (blocks + 1) * hidden * hidden * 8))
      let kept = ForwardPass.keptBytes(
        tokens: min(tokens, passTokens), fromBlock: recipe.blocks.lowerBound, model)
      if kept <= ForwardPass.keptInMemory { plan.add(.init("residual streams before every block", kept)) }
      plan.add(.init("gradients of \(tokens) tokens", 2 * min(tokens, passTokens) * hidden * 4))
    }
    if recipe.method == .oblique {
      plan.add(.init("what an MLP writes", packing.largest * hidden * 4))
    }
    return plan
  }

  /// Floating-point operations of the matrix products of the pass.
  package var operations: Double {
    let c = model.configuration
    let weights = c.hidden * (2 * c.queryWidth + 2 * c.keyValueWidth + 3 * c.intermediate)
    let forward = 2 * Double(weights) * Double(tokenCount) * Double(recipe.blocks.upperBound)
    // The way back computes a block again and differentiates it, which takes twice that.
    let share = Double(c.blocks - recipe.blocks.lowerBound + 1) / Double(c.blocks)
    return recipe.method == .natural ? forward * (1 + 3 * share) : forward
  }
}
