import Editing
import Kernels
import SubspaceEditing
import Testing
import Transformer

/// The subspace of a model and its pairs against the float64 reference.
@Suite struct SubspaceFittingTests {
  @Test(
    "The space is the one that NumPy finds from transformers' embeddings", arguments: PaperGoldens.all,
    PaperGoldens.pairCounts)
  func spansTheReference(_ goldens: PaperGoldens, _ pairs: Int) throws {
    let found = try goldens.fit(pairs)
    let reference = try goldens.reference(pairs)
    #expect(found.blocks.map(\.block) == Array(PaperGoldens.blocks))
    for (block, expected) in zip(found.blocks, reference.blocks) {
      let angles = try PrincipalAngles(between: block.subspace.directions, and: expected.subspace.directions)
      #expect(angles.largestSine < 1e-3, "block \(block.block)")
      #expect(block.subspace.singularValues.count == expected.subspace.singularValues.count)
      for (value, golden) in zip(block.subspace.singularValues, expected.subspace.singularValues).prefix(12) {
        #expect(abs(value - golden) < 1e-4 * golden)
      }
    }
  }

  @Test("A lower rank takes the first of the directions", arguments: PaperGoldens.all)
  func lowerRank(_ goldens: PaperGoldens) throws {
    let two = try goldens.fit(rank: 2)
    let three = try goldens.fit(rank: 3)
    #expect(try three.restricted(to: nil, rank: 2).blocks == two.blocks)
  }

  @Test(
    "An automatic rank is the evidence's in every block, and stands in file and receipt",
    arguments: PaperGoldens.all)
  func automaticRank(_ goldens: PaperGoldens) throws {
    let folder = try TemporaryFolder()
    let model = try goldens.model()
    let (chosen, rejected) = try goldens.pairs(64, model)
    let found = try SubspaceFitting(
      model, ComputeContext(threads: 2, precision: .f32), EditRecipe(rank: .automatic, blocks: 2...3),
      chosen: chosen, rejected: rejected
    ).run()
    for block in found.blocks {
      let values = block.subspace.singularValues
      // One direction of 48, that of the mean, is protected.
      let scree = try ScreeThreshold(
        singularValues: Array(values.prefix(47)), rows: 64, columns: 47, upperBound: 10)
      #expect(block.subspace.rank == max(1, scree.rank))
    }
    try found.write(to: folder.path("s"))
    #expect(try EditSubspace(path: folder.path("s")).provenance == found.provenance)
    let receipt = try goldens.edit(found, to: folder.path("out"))
    #expect(
      try Receipt(folder: folder.path("out")) == receipt && receipt.provenance.recipe.rank == .automatic)
    #expect(throws: EditingError.self) {
      try SubspaceFitting(
        model, ComputeContext(threads: 1, precision: .f32), EditRecipe(rank: .automatic, blocks: 2...3),
        chosen: Array(chosen[..<2]), rejected: Array(rejected[..<2]))
    }
  }

  @Test("bf16 products turn the space only a little", arguments: PaperGoldens.all)
  func halfPrecision(_ goldens: PaperGoldens) throws {
    let exact = try goldens.fit(rank: 1)
    for (a, b) in zip(exact.blocks, try goldens.fit(rank: 1, precision: .bf16).blocks) {
      let sine = try PrincipalAngles(between: a.subspace.directions, and: b.subspace.directions).largestSine
      #expect(sine > 0 && sine < 0.1, "block \(a.block)")
    }
  }

  @Test("A recipe that does not fit model or pairs is refused")
  func refusals() throws {
    let goldens = PaperGoldens.all[0]
    #expect { try goldens.fit(2, rank: 3) } throws: {
      "\($0)".contains("--rank 3") && "\($0)".contains("1 to 2")
    }
    #expect { try goldens.fit(rank: 49) } throws: { "\($0)".contains("--rank 49") }
    #expect { try goldens.fit(blocks: 2...4) } throws: { "\($0)".contains("blocks 1-3") }
    #expect { try goldens.fit(0) } throws: { "\($0)".contains("none") }
    let model = try goldens.model()
    #expect {
      try SubspaceFitting(
        model, ComputeContext(threads: 1, precision: .f32), EditRecipe(rank: 1, blocks: 1...1),
        chosen: [[2], []],
        rejected: [[2], [3]])
    } throws: { "\($0)".contains("no tokens") }
  }
}
