internal import SubspaceEditing

extension EditSubspace {
  /// A step and a second one that was fitted on the model which the first had edited, as one: W′ = W − α Uᵀ(V W) with the
  /// directions of both, those of the second counting `weight` times.
  ///
  /// What the second step changes of the first one's change, a product of both, is left out: it is of second order.
  /// - Throws: ``EditingError`` where they do not fit each other.
  package init(_ step: EditSubspace, correctedBy second: EditSubspace, weight: Double) throws {
    precondition(!step.isProjection && !second.isProjection, "only steps are added up")
    let blocks = try step.blocks.map { block in
      do {
        guard let other = second[block.block] else { return block }
        return Block(
          block: block.block,
          subspace: try BlockSubspace(addingSteps: [block.subspace, other.scaled(by: weight)]))
      } catch let error as SubspaceError {
        throw EditingError("block \(block.block)", "\(error)")
      }
    }
    let parts = [
      Part(name: "step", digest: step.valuesDigest, provenance: step.provenance),
      Part(name: "correction", digest: second.valuesDigest, provenance: second.provenance, weight: weight),
    ]
    self.init(blocks: blocks, provenance: Provenance(combining: parts, blocks))
  }

  /// SHA-256 of the directions and of what is written, block by block, as they would stand in a file.
  private var valuesDigest: String {
    var digest = Digest()
    for block in blocks {
      block.subspace.directions.values.withUnsafeBytes { digest.update($0) }
      block.subspace.taken.values.withUnsafeBytes { digest.update($0) }
    }
    return digest.hex
  }
}
