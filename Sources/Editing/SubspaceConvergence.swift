package import SubspaceEditing
package import Transformer

/// How near the subspace of the first few pairs comes to that of many, block by block: figure 9 of the paper.
package struct SubspaceConvergence: Sendable {
  /// What is found about a block.
  package struct Block: Sendable {
    /// The block, from 1.
    package let block: Int
    /// The angles between its subspace and that of the most pairs.
    package let angles: PrincipalAngles
    /// The overlap that a random subspace of its rank has on average: the other's rank over the width.
    package let chance: Double
  }

  /// What is found with a number of pairs.
  package struct Report: Sendable {
    /// Number of pairs.
    package let pairs: Int
    /// The blocks in order.
    package let blocks: [Block]
    /// The mean of the blocks' overlaps.
    package var overlap: Double { blocks.reduce(0) { $0 + $1.angles.overlap } / Double(max(1, blocks.count)) }
  }

  /// In rising order of pairs; the last is compared with itself.
  package let reports: [Report]
  /// The subspace of the most pairs.
  package let subspace: EditSubspace

  /// Fits the first pairs of `fitting`, as many as each of `counts` says, in one pass over all of them.
  ///
  /// - Parameter counts: numbers of pairs, at least one.
  /// - Throws: ``EditingError`` where a number is below the rank, or the recipe is none whose samples one pass serves.
  package init(_ fitting: SubspaceFitting, counts: [Int], progress: ProgressHandler? = nil) throws {
    precondition(!counts.isEmpty, "a number of pairs")
    let recipe = fitting.recipe
    guard recipe.method.isProjection, recipe.method != .detoxEdit else {
      throw EditingError(
        "--recipe \(recipe.method.rawValue)",
        "its subspaces of few and of many pairs cannot be compared; give paper, protected or oblique")
    }
    let counts = Set(counts.map { min($0, fitting.pairs) }).sorted()
    if case .fixed(let rank) = recipe.rank, let least = counts.first, least < rank {
      throw EditingError(
        "--counts \(least)", "so few pairs have no \(rank) directions; give at least the rank")
    }
    let subspaces = try fitting.run(
      counts.map { .init(recipe: recipe, sample: PairSample(pairs: Array(0..<$0))) }, progress: progress)
    let last = subspaces[subspaces.count - 1]
    reports = try zip(counts, subspaces).map { count, subspace in
      Report(
        pairs: count,
        blocks: try zip(subspace.blocks, last.blocks).map { own, other in
          Block(
            block: own.block,
            angles: try PrincipalAngles(between: own.subspace.taken, and: other.subspace.taken),
            chance: Double(other.subspace.rank) / Double(other.subspace.hidden))
        })
    }
    subspace = last
  }
}
