import Checkpoints
import Editing
import Foundation
import Kernels
import PreferenceData
import Storage
import SubspaceEditing
import Testing
import Tokenization
import Transformer

/// The recipe `natural`, against what `Scripts/fixtures/natural_reference.py` computed in float64 with torch's autograd.
@Suite struct NaturalFittingTests {
  private static let goldens = PaperGoldens(name: "llama-biases")

  private static func fitting(rank: Int = 2) throws -> SubspaceFitting {
    try goldens.fitting(
      EditRecipe(method: .natural, rank: .fixed(rank), blocks: PaperGoldens.blocks))
  }

  @Test("the step is the one that autograd's gradients give in float64, in direction and size")
  func isTheReference() throws {
    let file = try SafetensorsFile(
      path: PaperGoldens.reference("natural/llama-biases.safetensors"))
    for block in try Self.fitting().run().blocks {
      let found = try block.subspace.changeMap()
      let expected = try file.tensors.floats(try #require(file.tensors["\(block.block).operator"]))
      let square = expected.reduce(0) { $0 + Double($1) * Double($1) }
      // The size is found by measuring, to a percent or so.
      let size = zip(found, expected).reduce(0) { $0 + $1.0 * Double($1.1) } / square
      #expect(abs(size - 1) < 0.02, "block \(block.block)")
      let difference = zip(found, expected).reduce(0) {
        $0 + ($1.0 - size * Double($1.1)) * ($1.0 - size * Double($1.1))
      }
      #expect((difference / square).squareRoot() < 1e-3, "block \(block.block)")
    }
  }

  @Test("passes over portions of the texts add up to the one over all")
  func severalPasses() throws {
    let whole = try Self.fitting().run()
    var fitting = try Self.fitting()
    fitting.passTokens = 300
    let portions = try fitting.run()
    for (one, other) in zip(whole.blocks, portions.blocks) {
      let (expected, found) = (try one.subspace.changeMap(), try other.subspace.changeMap())
      let square = expected.reduce(0) { $0 + $1 * $1 }
      let difference = zip(expected, found).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      #expect((difference / square).squareRoot() < 1e-4, "block \(one.block)")
    }
  }

  @Test("at small strength the pairs' margin rises, and the other way it falls")
  func raisesTheMargin() throws {
    let model = try Self.goldens.model()
    let (chosen, rejected) = try Self.goldens.pairs(64, model)
    let subspace = try Self.fitting().run()
    let context = ComputeContext(threads: 1, precision: .f32)
    let panel = try ModelPanel(
      base: model, others: try [0.05, -0.05].map { .variant(try subspace.variant(strength: $0)) })
    var margins = [0.0, 0, 0]
    for (sign, texts) in [(1.0, chosen), (-1, rejected)] {
      for text in texts {
        let forest = TokenForest([text], chunkTokens: 256)
        let scores = try panel.score(
          context, forest, rows: Array(0..<text.count - 1), targets: Array(text[1...]))
        for (index, score) in scores.enumerated() {
          margins[index] += sign * score.logProbabilities.reduce(0) { $0 + Double($1) }
        }
      }
    }
    #expect(margins[1] > margins[0] && margins[0] > margins[2])
  }

  @Test("it comes back from its file; checkpoint and adapter verify, and nothing is claimed to be empty")
  func outputs() throws {
    let folder = try TemporaryFolder()
    let subspace = try Self.fitting().run()
    try subspace.write(to: folder.path("s.safetensors"))
    let read = try EditSubspace(path: folder.path("s.safetensors"))
    #expect(read.blocks == subspace.blocks && read.provenance == subspace.provenance)
    _ = try Self.goldens.edit(read, to: folder.path("out"))
    let proof = try ModelEditor.verify(folder.path("out"), base: Self.goldens.folder)
    #expect(proof.holds)
    #expect(!proof.checks.contains { $0.claim.hasPrefix("nothing is written into the subspace") })
    _ = try EditApplication(try Self.goldens.model(), read, strength: 1, seed: 0, format: .lora).write(
      to: folder.path("lora"))
    #expect(try ModelEditor.verify(folder.path("lora"), base: Self.goldens.folder).holds)
  }

  @Test("two steps together change what each changes, and no step goes with a projection")
  func together() throws {
    let folder = try TemporaryFolder()
    try Self.fitting(rank: 1).run().write(to: folder.path("a.safetensors"))
    try Self.fitting(rank: 2).run().write(to: folder.path("b.safetensors"))
    let paths = ["a", "b"].map { folder.path("\($0).safetensors") }
    let both = try EditSubspace.combined(paths, to: nil, rank: nil)
    for block in both.blocks {
      let parts = try paths.map { try (try #require(try EditSubspace(path: $0)[block.block])).changeMap() }
      let whole = try block.subspace.changeMap()
      #expect(whole.indices.allSatisfy { abs(whole[$0] - parts[0][$0] - parts[1][$0]) < 1e-6 })
    }
    let model = try Self.goldens.model()
    let (chosen, rejected) = try Self.goldens.pairs(64, model)
    try SubspaceFitting(
      model, ComputeContext(threads: 1, precision: .f32),
      EditRecipe(rank: .fixed(1), blocks: PaperGoldens.blocks), chosen: chosen, rejected: rejected
    ).run().write(to: folder.path("paper.safetensors"))
    #expect(throws: EditingError.self) {
      try EditSubspace.combined([paths[0], folder.path("paper.safetensors")], to: nil, rank: nil)
    }
  }

  @Test("pairs whose sides are the same, and an automatic rank, are refused")
  func refused() throws {
    let model = try Self.goldens.model()
    let context = ComputeContext(threads: 1, precision: .f32)
    let neutral: [[Int32]] = [[1, 2, 3, 4, 5]]
    #expect(throws: EditingError.self) {
      try SubspaceFitting(
        model, context, EditRecipe(method: .natural, rank: .fixed(1), blocks: PaperGoldens.blocks),
        chosen: [[1, 2, 3]], rejected: [[1, 2, 3]], neutral: neutral
      ).run()
    }
    #expect(throws: EditingError.self) {
      try SubspaceFitting(
        model, context, EditRecipe(method: .natural, rank: .automatic, blocks: PaperGoldens.blocks),
        chosen: Array(repeating: [1, 2, 3], count: 4), rejected: Array(repeating: [1, 4], count: 4),
        neutral: neutral)
    }
  }
}
