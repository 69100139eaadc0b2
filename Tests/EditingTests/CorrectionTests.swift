import Checkpoints
import Editing
import Foundation
import Kernels
import Storage
import SubspaceEditing
import Testing
import Transformer

/// An edited model in memory, and a second step put behind a first.
@Suite struct CorrectionTests {
  private static let goldens = PaperGoldens(name: "llama-biases")

  private static func step(_ model: Model, pairs: Range<Int>) throws -> EditSubspace {
    let (chosen, rejected) = try goldens.pairs(64, model)
    return try SubspaceFitting(
      model, ComputeContext(threads: 2, precision: .f32),
      EditRecipe(method: .natural, rank: .fixed(2), blocks: PaperGoldens.blocks),
      chosen: Array(chosen[pairs]), rejected: Array(rejected[pairs]),
      neutral: chosen
    ).run()
  }

  @Test("the edited model in memory has the tensors of the one that is written")
  func inMemory() throws {
    let model = try Self.goldens.model()
    let step = try Self.step(model, pairs: 0..<32)
    let folder = try TemporaryFolder()
    let out = folder.path("out")
    _ = try EditApplication(model, step, strength: 0.7, seed: 0).write(to: out)
    let (edited, written) = (try step.edited(model, strength: 0.7), try Model(path: out))
    var changed = 0
    for entry in model.tensors.entries {
      let (own, other) = (try #require(edited.tensors[entry.name]), try #require(written.tensors[entry.name]))
      #expect(own.type == other.type && own.shape == other.shape)
      #expect(try edited.tensors.holdsSameBytes(own, as: other, of: written.tensors), "\(entry.name)")
      if try !model.tensors.holdsSameBytes(entry, as: own, of: edited.tensors) { changed += 1 }
    }
    #expect(changed == PaperGoldens.blocks.count)
  }

  @Test("a corrected step changes by the sum of both, the second as many times as it counts")
  func sum() throws {
    let model = try Self.goldens.model()
    let (first, second) = (try Self.step(model, pairs: 0..<32), try Self.step(model, pairs: 32..<64))
    let both = try EditSubspace(first, correctedBy: second, weight: 0.25)
    for block in both.blocks {
      let maps = try [first, second].map { try #require($0[block.block]).changeMap() }
      for (found, (one, other)) in zip(try block.subspace.changeMap(), zip(maps[0], maps[1])) {
        #expect(abs(found - (one + 0.25 * other)) < 1e-6)
      }
    }
    #expect(both.provenance.pairs == 64 && both.provenance.recipe.rank == .fixed(4))

    let folder = try TemporaryFolder()
    let path = folder.path("both.safetensors")
    try both.write(to: path)
    let read = try EditSubspace(path: path)
    #expect(read.provenance == both.provenance && read.blocks == both.blocks)
    #expect(read.provenance.parts.map(\.name) == ["step", "correction"])
    #expect(read.provenance.parts.map(\.weight) == [1, 0.25])
    #expect(Set(read.provenance.parts.map(\.digest)).count == 2)

    // A receipt tells the same, and is proved.
    let out = folder.path("out")
    _ = try EditApplication(model, both, strength: 0.5, seed: 0).write(to: out)
    let proof = try Verification(of: out, base: model)
    #expect(proof.holds && proof.receipt.provenance == both.provenance)
    let card = String(decoding: try FileSystem.readFile(out + "/README.md", limit: 1 << 20), as: UTF8.self)
    #expect(card.contains("`correction` (32 pairs, recipe `natural`, counted 0.25 times)"))
  }
}
