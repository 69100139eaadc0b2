public import SubspaceEditing

/// The directions an edit removes, block by block, and how they were found.
public struct EditSubspace: Sendable {
  /// One block's directions; blocks are counted from 1.
  public struct Block: Sendable, Equatable {
    /// The block, from 1.
    public let block: Int
    /// Its directions.
    public let subspace: BlockSubspace

    /// The directions of a block.
    public init(block: Int, subspace: BlockSubspace) {
      self.block = block
      self.subspace = subspace
    }
  }

  /// Where the directions come from.
  public struct Provenance: Sendable, Equatable {
    /// How the directions were computed.
    public var recipe: EditRecipe
    /// Number of pairs.
    public var pairs: Int
    /// SHA-256 of the pairs as they were used: token ids of both sides.
    public var pairsDigest: String
    /// SHA-256 of the token ids of the neutral text that was left alone; `nil` where the recipe uses none.
    public var neutralDigest: String?
    /// Family and sizes of the model, as one digest: which models the directions are for, fine-tunes of one base alike.
    public var modelDigest: String
    /// `f32` or `bf16`.
    public var compute: String
    /// The subspaces that this one was put together from, in their order; none where it was fitted.
    ///
    /// The other members then stand for all of them: the first one's recipe over the blocks of all, the number of all
    /// pairs, and the SHA-256 of the parts' digests of pairs one after another.
    public var parts: [Part] = []

    /// An origin from its parts.
    public init(
      recipe: EditRecipe, pairs: Int, pairsDigest: String, neutralDigest: String? = nil, modelDigest: String,
      compute: String, parts: [Part] = []
    ) {
      self.recipe = recipe
      self.pairs = pairs
      self.pairsDigest = pairsDigest
      self.neutralDigest = neutralDigest
      self.modelDigest = modelDigest
      self.compute = compute
      self.parts = parts
    }
  }

  /// In ascending order.
  public let blocks: [Block]
  /// Where the directions come from.
  public let provenance: Provenance

  /// - Parameter blocks: at least one, each block at most once, all of one width.
  public init(blocks: [Block], provenance: Provenance) {
    self.blocks = blocks.sorted { $0.block < $1.block }
    self.provenance = provenance
  }

  /// Width of the residual stream.
  public var hidden: Int { blocks.first?.subspace.hidden ?? 0 }

  /// The subspace of `block`; `nil` where it is not edited.
  public subscript(block: Int) -> BlockSubspace? { blocks.first { $0.block == block }?.subspace }

  /// The same directions in fewer blocks, and no more than `rank` of them in each.
  ///
  /// - Throws: ``EditingError`` where no block is left, or none of them has so many.
  public func restricted(to range: ClosedRange<Int>?, rank: Int?) throws -> EditSubspace {
    let kept = blocks.filter { range?.contains($0.block) ?? true }
    guard let largest = kept.map(\.subspace.rank).max() else {
      let have = blocks.map { String($0.block) }.joined(separator: ", ")
      throw EditingError("--layers", "none of these blocks is in the subspace, which has \(have)")
    }
    // Cards and receipts tell what was applied.
    var provenance = provenance
    if range != nil { provenance.recipe.blocks = kept[0].block...kept[kept.count - 1].block }
    guard let rank else { return EditSubspace(blocks: kept, provenance: provenance) }
    guard rank <= largest else {
      throw EditingError(
        "--rank \(rank)", "the subspace has \(largest) directions in a block; fit a larger one")
    }
    if rank < largest { provenance.recipe.rank = .fixed(rank) }
    return EditSubspace(
      blocks: try kept.map {
        Block(block: $0.block, subspace: try $0.subspace.truncated(toRank: min(rank, $0.subspace.rank)))
      },
      provenance: provenance)
  }
}
