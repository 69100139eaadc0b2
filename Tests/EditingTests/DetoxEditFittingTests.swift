import Checkpoints
import Editing
import Foundation
import Kernels
import Storage
import SubspaceEditing
import Testing
import Tokenization
import Transformer

/// The recipe of the paper's published code, against what `Scripts/fixtures/detox_reference.py` computed in float64.
@Suite struct DetoxEditFittingTests {
  private static let goldens = PaperGoldens(name: "llama-tied")

  private static func fit(_ method: EditRecipe.Method) throws -> EditSubspace {
    let model = try goldens.model()
    let (chosen, rejected) = try goldens.pairs(64, model)
    return try SubspaceFitting(
      model, ComputeContext(threads: 2, precision: .f32),
      EditRecipe(method: method, rank: .fixed(PaperGoldens.rank), blocks: PaperGoldens.blocks),
      chosen: chosen, rejected: rejected, padding: try #require(try model.tokenizer().eosID)
    ).run()
  }

  private static func reference(_ block: Int) throws -> Embeddings {
    let path = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Fixtures/detox-edit/llama-tied.safetensors").path
    let file = try SafetensorsFile(path: path)
    let values = try file.tensors.floats(try #require(file.tensors["\(block).subspace"]))
    return try Embeddings(
      count: PaperGoldens.rank, hidden: values.count / PaperGoldens.rank, values: values)
  }

  @Test("the space is the one that NumPy finds from transformers' padded batches")
  func spansTheReference() throws {
    let found = try Self.fit(.detoxEdit)
    let paper = try Self.fit(.paper)
    #expect(found.blocks.map(\.block) == Array(PaperGoldens.blocks))
    for (block, other) in zip(found.blocks, paper.blocks) {
      let angles = try PrincipalAngles(
        between: block.subspace.directions, and: try Self.reference(block.block))
      #expect(angles.largestSine < 1e-3, "block \(block.block): \(angles.largestSine)")
      // Padding is not without effect.
      let apart = try PrincipalAngles(between: block.subspace.directions, and: other.subspace.directions)
      #expect(apart.largestSine > 0.05)
    }
  }

  @Test("it comes back from its file and from the receipt of its edit, which verifies")
  func files() throws {
    let folder = try TemporaryFolder()
    let subspace = try Self.fit(.detoxEdit)
    try subspace.write(to: folder.path("s.safetensors"))
    let read = try EditSubspace(path: folder.path("s.safetensors"))
    #expect(read.blocks == subspace.blocks && read.provenance == subspace.provenance)
    #expect(read.provenance.recipe.method == .detoxEdit)
    let receipt = try Self.goldens.edit(read, to: folder.path("out"))
    #expect(receipt.provenance == read.provenance)
    #expect(try ModelEditor.verify(folder.path("out"), base: Self.goldens.folder).holds)
  }
}
