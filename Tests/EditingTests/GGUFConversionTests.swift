import Checkpoints
import Editing
import Foundation
import Kernels
import Storage
import SubspaceEditing
import Testing
import Tokenization
import Transformer

/// An edit of a GGUF file, which becomes a Hugging Face folder; the file was made of `llama-untied` without loss by
/// `Scripts/fixtures/tiny_gguf.py`.
@Suite struct GGUFConversionTests {
  private static let goldens = PaperGoldens.all[1]
  private static let file = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "TransformerTests/Fixtures/gguf/llama-untied.gguf").path

  @Test("The folder holds the checkpoint that the file was made of, but for the edited tensors")
  func checkpoint() throws {
    let folder = try TemporaryFolder()
    let subspace = try Self.goldens.fit()
    try Self.goldens.edit(subspace, to: folder.path("reference"))
    let model = try Model(path: Self.file)
    let receipt = try EditApplication(model, subspace, strength: 1, seed: 7).write(to: folder.path("out"))
    let expected = try SafetensorsFolder(path: folder.path("reference")).tensors
    let found = try SafetensorsFolder(path: folder.path("out")).tensors
    #expect(Set(found.entries.map(\.name)) == Set(expected.entries.map(\.name)))
    for entry in found.entries {
      let other = try #require(expected[entry.name])
      #expect(entry.type == .bf16 && entry.shape == other.shape, "\(entry.name)")
      let values = try found.withBytes(of: entry) { Array($0) }
      #expect(try values == expected.withBytes(of: other) { Array($0) }, "\(entry.name)")
    }
    #expect(receipt.baseFiles.map(\.name) == ["llama-untied.gguf"])
    #expect(receipt.edited.map(\.name) == PaperGoldens.blocks.map(editedName))
    #expect(try Verification(of: folder.path("out"), base: model).holds)
    #expect(try Verification(of: folder.path("out"), base: nil).holds)
  }

  @Test("The folder is a model with the file's configuration, tokenizer and text")
  func model() throws {
    let folder = try TemporaryFolder()
    let file = try Model(path: Self.file)
    _ = try EditApplication(file, try Self.goldens.fit(), strength: 1e-2, seed: 0).write(
      to: folder.path("out"))
    let written = try Model(path: folder.path("out"))
    #expect(written.configuration == file.configuration)
    #expect(try written.configuration == Self.goldens.model().configuration)
    let (chosen, rejected) = try Self.goldens.pairs(20, written)
    let expected = try Self.goldens.pairs(20, try Self.goldens.model())
    #expect(chosen == expected.chosen && rejected == expected.rejected)
    #expect(try Self.goldens.pairs(20, file).chosen == chosen)
    let (from, to) = (try file.tokenizer(), try written.tokenizer())
    #expect(from.bosID == to.bosID && from.eosID == to.eosID && from.vocabularySize == to.vocabularySize)
    for text in ["<s>a qq</s>", "naïve\r\n", "  two  "] { #expect(try from.encode(text) == to.encode(text)) }
  }

  @Test("A subspace fitted on the file is that of the folder")
  func sameSubspace() throws {
    let model = try Model(path: Self.file)
    let (chosen, rejected) = try Self.goldens.pairs(20, model)
    let fitted = try SubspaceFitting(
      model, ComputeContext(threads: 2, precision: .f32), EditRecipe(rank: 3, blocks: 2...3), chosen: chosen,
      rejected: rejected
    ).run()
    let reference = try Self.goldens.fit()
    #expect(fitted.provenance == reference.provenance)
    for (a, b) in zip(fitted.blocks, reference.blocks) {
      #expect(relativeError(a.subspace.directions.values, b.subspace.directions.values) < 1e-4)
    }
  }
}
