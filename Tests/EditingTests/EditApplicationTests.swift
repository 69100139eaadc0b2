import Checkpoints
import Editing
import Foundation
import Kernels
import Storage
import SubspaceEditing
import Testing
import Transformer

/// What an edit writes.
@Suite struct EditApplicationTests {
  @Test(
    "Edited tensors are the float64 reference rounded to the file's type, to one unit in the last place",
    arguments: PaperGoldens.all, PaperGoldens.pairCounts)
  func editedTensors(_ goldens: PaperGoldens, _ pairs: Int) throws {
    let folder = try TemporaryFolder()
    try goldens.edit(try goldens.reference(pairs), to: folder.path("out"))
    for block in PaperGoldens.blocks {
      let (entry, found) = try tensorBytes(editedName(block), folder.path("out"))
      let expected = try goldens.weightBytes(pairs: pairs, block: block)
      try #require(found.count == expected.count)
      let steps = zip(orderedBits(found, entry.type), orderedBits(expected, entry.type)).map { abs($0 - $1) }
      #expect(steps.max() ?? 2 <= 1)
      #expect(steps.count(where: { $0 > 0 }) * 100 < steps.count)
    }
  }

  @Test(
    "Everything but the edited tensors has the base's bytes, headers included", arguments: PaperGoldens.all)
  func untouched(_ goldens: PaperGoldens) throws {
    let folder = try TemporaryFolder()
    let out = folder.path("out")
    try goldens.edit(try goldens.fit(), to: out)
    let base = try SafetensorsFolder(path: goldens.folder)
    let edited = try SafetensorsFolder(path: out)
    #expect(base.indexName == edited.indexName)
    #expect(base.shards.map(\.name) == edited.shards.map(\.name))
    let names = Set(PaperGoldens.blocks.map(editedName))
    for shard in base.shards {
      var source = try bytes(goldens.folder + "/" + shard.name)
      var target = try bytes(out + "/" + shard.name)
      try #require(source.count == target.count)
      for entry in shard.header.entries where names.contains(entry.name) {
        #expect(source[entry.bytes] != target[entry.bytes])
        for index in entry.bytes { (source[index], target[index]) = (0, 0) }
      }
      #expect(source == target, "\(shard.name)")
    }
    let weights = Set(base.shards.map(\.name))
    for name in try FileManager.default.contentsOfDirectory(atPath: goldens.folder)
    where !weights.contains(name) {
      if name.hasSuffix(".safetensors") {
        // Weights that are not the model's own stay behind.
        #expect(!FileManager.default.fileExists(atPath: out + "/" + name))
      } else {
        #expect(try bytes(goldens.folder + "/" + name) == bytes(out + "/" + name), "\(name)")
      }
    }
  }

  @Test("V W′ is what rounding leaves, and strength takes that share of it away", arguments: PaperGoldens.all)
  func strength(_ goldens: PaperGoldens) throws {
    let folder = try TemporaryFolder()
    let subspace = try goldens.fit()
    for strength in [1.0, 0.5, -1] {
      let out = folder.path("at \(strength)")
      let receipt = try goldens.edit(subspace, strength: strength, to: out)
      for tensor in receipt.edited {
        let edit = try #require(tensor.edit)
        let directions = try #require(subspace[edit.block])
        func size(_ folder: String) throws -> Double {
          let tensors = try SafetensorsFolder(path: folder).tensors
          return naiveNorm(directions.directions, try tensors.floats(try #require(tensors[tensor.name])))
        }
        let share = try size(out) / size(goldens.folder)
        #expect(abs(share - abs(1 - strength)) < 4e-3, "strength \(strength)")
        #expect(abs(edit.relativeChange - abs(strength) * edit.residualBefore) < 1e-3 * edit.relativeChange)
      }
    }
  }

  @Test("The same edit twice gives the same bytes in every file", arguments: PaperGoldens.all)
  func deterministic(_ goldens: PaperGoldens) throws {
    let folder = try TemporaryFolder()
    for name in ["one", "two"] { try goldens.edit(try goldens.fit(), to: folder.path(name)) }
    let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path("one")).sorted()
    #expect(try names == FileManager.default.subpathsOfDirectory(atPath: folder.path("two")).sorted())
    #expect(names.contains("profs.json") && names.contains("profs/subspace.safetensors"))
    for name in names where name != "profs" {
      #expect(try bytes(folder.path("one/\(name)")) == bytes(folder.path("two/\(name)")), "\(name)")
    }
  }

  @Test("Fewer blocks and a lower rank edit no more than that")
  func restricted() throws {
    let folder = try TemporaryFolder()
    let goldens = PaperGoldens.all[1]
    let subspace = try goldens.fit()
    let receipt = try goldens.edit(subspace.restricted(to: 3...3, rank: 1), to: folder.path("out"))
    #expect(receipt.edited.map(\.name) == [editedName(3)])
    #expect(try Verification(of: folder.path("out"), base: goldens.model()).holds)
    #expect { try subspace.restricted(to: 1...1, rank: nil) } throws: { "\($0)".contains("which has 2, 3") }
    #expect { try subspace.restricted(to: nil, rank: 4) } throws: { "\($0)".contains("--rank 4") }
  }

  @Test("Editing with the same subspace again is refused and leaves nothing", arguments: PaperGoldens.all)
  func nothingToChange(_ goldens: PaperGoldens) throws {
    let folder = try TemporaryFolder()
    let subspace = try goldens.fit()
    try goldens.edit(subspace, to: folder.path("once"))
    let before = try folder.contents()
    let again = try EditApplication(try Model(path: folder.path("once")), subspace, strength: 1, seed: 0)
    #expect { try again.write(to: folder.path("twice")) } throws: { "\($0)".contains("nothing changed") }
    #expect(try folder.contents() == before)
  }

  @Test("An edited model can be edited with another subspace, its model card kept")
  func editedTwice() throws {
    let folder = try TemporaryFolder()
    let goldens = PaperGoldens.all[0]
    let subspace = try goldens.fit()
    try goldens.edit(subspace.restricted(to: 2...2, rank: 1), to: folder.path("once"))
    for (from, to, rank) in [("once", "twice", 2), ("twice", "thrice", 3)] {
      let model = try Model(path: folder.path(from))
      _ = try EditApplication(model, try subspace.restricted(to: nil, rank: rank), strength: 1, seed: 0)
        .write(to: folder.path(to))
      #expect(try Verification(of: folder.path(to), base: model).holds)
      #expect(try bytes(folder.path("\(from)/README.md")) == bytes(folder.path("\(to)/README.base.md")))
    }
    #expect(
      try bytes(folder.path("once/README.md")) == bytes(folder.path("thrice/README.base.base.md")))
  }

  @Test("Side files are copied from subfolders and through links, but no link to a folder is followed")
  func sideFiles() throws {
    let folder = try TemporaryFolder()
    let goldens = PaperGoldens.all[0]
    let base = folder.path("base")
    try FileManager.default.copyItem(atPath: goldens.folder, toPath: base)
    // As the Hub's cache has it: names that lead to content elsewhere.
    try FileManager.default.moveItem(atPath: base + "/config.json", toPath: folder.path("blob"))
    try FileManager.default.createSymbolicLink(atPath: base + "/config.json", withDestinationPath: "../blob")
    try FileManager.default.createSymbolicLink(atPath: base + "/loop", withDestinationPath: ".")
    try FileManager.default.createDirectory(atPath: base + "/extra", withIntermediateDirectories: false)
    for name in ["extra/notes.txt", "pytorch_model.bin", "pytorch_model.bin.index.json", "README.md"] {
      try write(Array(name.utf8), base + "/" + name)
    }
    let subspace = try goldens.fit()
    _ = try EditApplication(try Model(path: base), subspace, strength: 1, seed: 0).write(
      to: folder.path("out"))
    #expect(
      try FileManager.default.subpathsOfDirectory(atPath: folder.path("out")).sorted() == [
        "README.base.md", "README.md", "config.json", "extra", "extra/notes.txt", "goldens.json",
        "model.safetensors",
        "profs", "profs.json", "profs/subspace.safetensors", "tokenizer.json", "tokenizer_config.json",
      ])
    #expect(try bytes(folder.path("out/config.json")) == bytes(folder.path("blob")))
    #expect(try bytes(folder.path("out/README.base.md")) == Array("README.md".utf8))
  }

  @Test("An output that exists, a strength of zero and another model's subspace are refused")
  func refusals() throws {
    let folder = try TemporaryFolder()
    let goldens = PaperGoldens.all[0]
    let subspace = try goldens.reference()
    #expect { try goldens.edit(subspace, to: folder.path) } throws: { "\($0)".contains(folder.path) }
    #expect { try goldens.edit(subspace, strength: 0, to: folder.path("out")) } throws: {
      "\($0)".contains("strength")
    }
    var provenance = subspace.provenance
    provenance.modelDigest = "another"
    let other = EditSubspace(blocks: subspace.blocks, provenance: provenance)
    #expect { try goldens.edit(other, to: folder.path("out")) } throws: {
      "\($0)".contains("fitted on a model")
    }
    #expect(try folder.contents().isEmpty)
  }

  /// ‖V W‖_F by plain loops.
  private func naiveNorm(_ directions: Embeddings, _ weight: [Float]) -> Double {
    let inputs = weight.count / directions.hidden
    var total = 0.0
    for row in 0..<directions.count {
      for input in 0..<inputs {
        var sum = 0.0
        for output in 0..<directions.hidden {
          sum +=
            Double(directions.values[row * directions.hidden + output])
            * Double(weight[output * inputs + input])
        }
        total += sum * sum
      }
    }
    return total.squareRoot()
  }
}
