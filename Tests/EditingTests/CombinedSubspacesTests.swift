import Checkpoints
import Editing
import Foundation
import Kernels
import Storage
import SubspaceEditing
import Testing
import Transformer

/// Subspaces of several files, removed as one.
@Suite struct CombinedSubspacesTests {
  private let goldens = PaperGoldens.all[1]

  /// Two fits of other pairs, written as `a` and `b`.
  private func files(in folder: TemporaryFolder) throws -> [String] {
    let paths = [folder.path("a"), folder.path("b")]
    let model = try goldens.model()
    let (chosen, rejected) = try goldens.pairs(64, model)
    for (path, part, rank) in [(paths[0], 0..<30, 3), (paths[1], 30..<64, 2)] {
      try SubspaceFitting(
        model, ComputeContext(threads: 2, precision: .f32), EditRecipe(rank: .fixed(rank), blocks: 2...3),
        chosen: Array(chosen[part]), rejected: Array(rejected[part])
      ).run().write(to: path)
    }
    return paths
  }

  @Test("Nothing is written into any of them, and receipt, card, file and proof name the parts")
  func applied() throws {
    let folder = try TemporaryFolder()
    let paths = try files(in: folder)
    let combined = try EditSubspace.combined(paths, to: nil, rank: nil)
    #expect(combined.blocks.map(\.subspace.rank) == [5, 5] && combined.provenance.pairs == 64)
    #expect(combined.provenance.parts.map(\.name) == ["a", "b"])
    let out = folder.path("out")
    let receipt = try goldens.edit(combined, to: out)
    for base in [nil, try goldens.model()] {
      for check in try Verification(of: out, base: base).checks {
        #expect(check.holds, "\(check.claim): \(check.finding)")
      }
    }
    #expect(try Receipt(folder: out) == receipt && receipt.provenance == combined.provenance)
    let stored = try EditSubspace(path: out + "/profs/subspace.safetensors")
    #expect(stored.blocks == combined.blocks && stored.provenance == combined.provenance)
    let card = String(decoding: try bytes(out + "/README.md"), as: UTF8.self)
    #expect(card.contains("`a` (30 pairs, recipe `paper`), `b` (34 pairs, recipe `paper`)"))
    // What each of them finds in the edited weights is what rounding to bf16 leaves.
    let tensors = try SafetensorsFolder(path: out).tensors
    for part in try paths.map({ try EditSubspace(path: $0) }) {
      for block in part.blocks {
        let entry = try #require(tensors[editedName(block.block)])
        let shape = WeightShape(
          layout: .outputsByInputs, outputs: entry.shape[0], inputs: entry.shape[1])
        var rest = try WeightCoefficients(block.subspace, shape: shape)
        let values = try tensors.floats(entry)
        try rest.add(values.span, rows: 0..<entry.shape[0])
        #expect(rest.relativeNorm < 2e-3)
      }
    }
  }

  @Test("A combination put together again is its parts; one file stays as it is; the rank is of each")
  func again() throws {
    let folder = try TemporaryFolder()
    let paths = try files(in: folder)
    try EditSubspace.combined(paths, to: nil, rank: nil).write(to: folder.path("both"))
    let again = try EditSubspace.combined([folder.path("both"), paths[0]], to: nil, rank: nil)
    #expect(again.provenance.parts.map(\.name) == ["a", "b", "a"])
    #expect(again.blocks.map(\.subspace.rank) == [5, 5])
    let one = try EditSubspace.combined([paths[0]], to: nil, rank: nil)
    #expect(try one.blocks == EditSubspace(path: paths[0]).blocks && one.provenance.parts.isEmpty)
    let fewer = try EditSubspace.combined(paths, to: 3...3, rank: 1)
    #expect(fewer.blocks.map(\.block) == [3] && fewer.blocks.map(\.subspace.rank) == [2])
    let part = try EditSubspace.combined([paths[0]], to: 3...3, rank: 1).provenance.recipe
    #expect(part.rank == .fixed(1) && part.blocks == 3...3)
    // Of blocks with fewer directions all are kept; more than any block has are refused.
    let uneven = EditSubspace(
      blocks: try fewer.blocks + [
        EditSubspace.Block(block: 2, subspace: fewer.blocks[0].subspace.truncated(toRank: 1))
      ], provenance: fewer.provenance)
    #expect(try uneven.restricted(to: nil, rank: 2).blocks.map(\.subspace.rank) == [1, 2])
    #expect { try uneven.restricted(to: nil, rank: 3) } throws: { "\($0)".contains("has 2 directions") }
    // Each the first of its own.
    let first = try EditSubspace(path: paths[0]).restricted(to: 3...3, rank: 1)
    #expect(
      zip(fewer.blocks[0].subspace.directions.values, first.blocks[0].subspace.directions.values)
        .allSatisfy { abs($0 - $1) < 1e-6 })
  }

  @Test("Subspaces of different models, and oblique ones beside others, are refused")
  func refused() throws {
    let folder = try TemporaryFolder()
    let paths = try files(in: folder)
    let subspace = try EditSubspace(path: paths[1])
    var provenance = subspace.provenance
    provenance.modelDigest = String(repeating: "1", count: 64)
    try EditSubspace(blocks: subspace.blocks, provenance: provenance).write(to: folder.path("other"))
    #expect {
      try EditSubspace.combined([paths[0], folder.path("other")], to: nil, rank: nil)
    } throws: { "\($0)".contains("another family or size") }
    provenance = subspace.provenance
    provenance.recipe.method = .oblique
    provenance.neutralDigest = String(repeating: "0", count: 64)
    let oblique = try EditSubspace(
      blocks: subspace.blocks.map { block in
        let (directions, values) = (block.subspace.directions, block.subspace.singularValues)
        return EditSubspace.Block(
          block: block.block,
          subspace: try BlockSubspace(directions: directions, writes: directions, singularValues: values))
      }, provenance: provenance)
    try oblique.write(to: folder.path("oblique"))
    #expect {
      try EditSubspace.combined([paths[0], folder.path("oblique")], to: nil, rank: nil)
    } throws: { "\($0)".contains("no one projection does both") }
    #expect(
      try EditSubspace.combined([folder.path("oblique"), folder.path("oblique")], to: nil, rank: nil)
        .blocks.map(\.subspace.rank) == [2, 2])
  }
}
