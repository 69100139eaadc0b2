import Checkpoints
import Editing
import Foundation
import Kernels
import Storage
import SubspaceEditing
import Testing
import Transformer

/// An edit of every family and from every format, against what transformers computes with the projection in its forward
/// pass (`Scripts/fixtures/edited_goldens.py`).
@Suite struct EveryFamilyTests {
  @Test("The fixtures are of every family and format")
  func complete() throws {
    let families = Set(try EditedGoldens.all.map { try Model(path: $0.folder).family.name })
    #expect(families == Set(ModelFamily.all.map(\.name)))
    #expect(
      EditedGoldens.withGGUF.count == 35 && EditedGoldens.withTorch.map(\.name) == ["gpt2-bare", "qwen2"])
  }

  @Test(
    "The edited tensors change as they must, no other byte does, and the folder computes what it should",
    arguments: EditedGoldens.all)
  func folder(_ goldens: EditedGoldens) throws {
    let scratch = try TemporaryFolder()
    let out = scratch.path("out")
    let model = try Model(path: goldens.folder)
    let edited = try goldens.edit(model, to: out)
    let base = try SafetensorsFolder(path: goldens.folder)
    let written = try SafetensorsFolder(path: out)
    #expect(written.indexName == base.indexName && written.shards.map(\.name) == base.shards.map(\.name))
    for shard in base.shards {
      var source = try bytes(goldens.folder + "/" + shard.name)
      var target = try bytes(out + "/" + shard.name)
      try #require(source.count == target.count)
      for entry in shard.header.entries {
        guard let block = edited[entry.name] else { continue }
        #expect(source[entry.bytes] != target[entry.bytes])
        for index in entry.bytes { (source[index], target[index]) = (0, 0) }
        let expected = try goldens.reference(base.tensors.floats(entry), model.family, block: block)
        let found = try written.tensors.floats(try #require(written.tensors[entry.name]))
        #expect(relativeError(found, expected) < goldens.rounding(entry.type), "\(entry.name)")
      }
      #expect(source == target, "\(shard.name)")
    }
    try goldens.checkOutput(of: out)
  }

  @Test(
    "From a GGUF comes the checkpoint that the file was made of, edited", arguments: EditedGoldens.withGGUF)
  func gguf(_ goldens: EditedGoldens) throws {
    let scratch = try TemporaryFolder()
    let out = scratch.path("out")
    let original = try Model(path: goldens.folder)
    _ = try goldens.edit(try Model(path: goldens.gguf), to: out)
    let written = try Model(path: out)
    // Without pictures a model of Qwen-VL is Qwen's own.
    #expect(written.family.name == original.family.name.replacing("-VL", with: ""))
    let edited = goldens.editedTensors(written)
    var compared = 0
    for role in WeightRole.allCases {
      for block in role.isPerBlock ? 1...written.configuration.blocks : 0...0
      where !role.isPerBlock || written.roles(block: block).contains(role) {
        for part in [Model.Part.weight, .bias] {
          let number = role.isPerBlock ? block : nil
          guard let entry = written.entry(role, block: number, part: part) else { continue }
          let source = try #require(original.entry(role, block: number, part: part), "\(entry.name)")
          #expect(entry.type == source.type && entry.shape == source.shape, "\(entry.name)")
          compared += 1
          // The script moves the scale of Gemma's queries, which files of the first three do not state.
          let isScaled = goldens.name.contains(/^gemma(-|2|3|$)/) && entry.name.contains(/q_proj|q_norm/)
          guard edited[entry.name] == nil, !isScaled else { continue }
          let (found, expected) = (try written.tensors.floats(entry), try original.tensors.floats(source))
          // One was added to a norm of Gemma's or Qwen3.5's and is taken away again, and logarithms taken.
          let tolerance = goldens.name.contains(/^gemma|^qwen3\.5/) ? 1e-6 : 0
          #expect(relativeError(found, expected) <= tolerance, "\(entry.name)")
        }
      }
    }
    #expect(compared == written.tensors.entries.count)
    try goldens.checkOutput(of: out)
  }

  @Test(
    "Torch's files become safetensors, shard by shard, with their index", arguments: EditedGoldens.withTorch)
  func torch(_ goldens: EditedGoldens) throws {
    let scratch = try TemporaryFolder()
    let (base, out) = (scratch.path("base"), scratch.path("out"))
    try copyTorch(goldens, to: base)
    let model = try Model(path: base)
    guard case .torch(let source) = model.source else { throw CocoaError(.fileReadUnknown) }
    let edited = try goldens.edit(model, to: out)
    let written = try SafetensorsFolder(path: out)
    #expect(written.shards.count == source.shards.count)
    #expect(Set(written.tensors.entries.map(\.name)) == Set(source.tensors.entries.map(\.name)))
    for entry in source.tensors.entries {
      let target = try #require(written.tensors[entry.name])
      #expect(target.file == entry.file && target.type == entry.type && target.shape == entry.shape)
      let before = try source.tensors.withBytes(of: entry) { Array($0) }
      let after = try written.tensors.withBytes(of: target) { Array($0) }
      #expect((before == after) == (edited[entry.name] == nil), "\(entry.name)")
    }
    if let name = written.indexName {
      let index = try JSONDocument(parsing: try bytes(out + "/" + name), source: name).root
      #expect(
        index["metadata"]?["total_size"]?.int
          == written.tensors.entries.reduce(0) { $0 + $1.bytes.count })
    }
    #expect(try !scratch.contents().contains { $0.hasPrefix("out/") && $0.contains(".bin") })
    try goldens.checkOutput(of: out)
  }

  @Test("A tensor that torch stores transposed, and that is not edited, is written in its rows' order")
  func stridedCopy() throws {
    let scratch = try TemporaryFolder()
    let (base, out) = (scratch.path("base"), scratch.path("out"))
    let goldens = try #require(EditedGoldens.withTorch.first { $0.name == "gpt2-bare" })
    try copyTorch(goldens, to: base)
    let model = try Model(path: base)
    let (name, strided) = try #require(
      model.tensors.entries.first { $0.strides != nil }.map { ($0.name, $0) })
    #expect(name == model.tensorName(.mlpValue, block: 1))
    let subspace = try goldens.subspace(model).restricted(to: 2...2, rank: nil)
    let receipt = try EditApplication(model, subspace, strength: 1, seed: 0).write(to: out)
    #expect(receipt.edited.map(\.name) == [model.tensorName(.mlpValue, block: 2)])
    #expect(try Verification(of: out, base: model).holds)
    let written = try SafetensorsFolder(path: out)
    let found = try written.tensors.floats(try #require(written.tensors[name]))
    #expect(try found == model.tensors.floats(strided))
  }

  @Test(
    "Torch's files in place become the safetensors of a copy, and go with their index; nothing else does",
    arguments: EditedGoldens.withTorch)
  func torchInPlace(_ goldens: EditedGoldens) throws {
    let scratch = try TemporaryFolder()
    let (base, out) = (scratch.path("base"), scratch.path("out"))
    try copyTorch(goldens, to: base)
    for name in ["training_args.bin", "tf_model.h5"] { try write([1], base + "/" + name) }
    let model = try Model(path: base)
    guard case .torch(let source) = model.source else { throw CocoaError(.fileReadUnknown) }
    let removed = source.shards + (source.indexName.map { [$0] } ?? [])
    _ = try goldens.edit(model, to: out)
    let application = try EditApplication(model, try goldens.subspace(model), strength: 1, seed: 0)
    #expect(application.untouchedWeights == ["tf_model.h5"])
    let plan = try application.plan(inPlace: true)
    #expect(!plan.writes.contains { $0.name == "config.json" || $0.name.hasSuffix(".bin") })
    let before = try FileManager.default.contentsOfDirectory(atPath: base)
    let receipt = try application.writeInPlace()
    let after = try FileManager.default.contentsOfDirectory(atPath: base)
    #expect(Set(before).subtracting(after) == Set(removed))
    for name in try FileManager.default.subpathsOfDirectory(atPath: out)
    where FileSystem.kind(of: out + "/" + name) == .file {
      #expect(try bytes(base + "/" + name) == bytes(out + "/" + name), "\(name)")
    }
    #expect(try bytes(base + "/tf_model.h5") == [1] && bytes(base + "/training_args.bin") == [1])
    #expect(try Receipt(folder: base) == receipt)
    for check in try Verification(of: base, base: nil).checks { #expect(check.holds, "\(check.claim)") }
    try goldens.checkOutput(of: base)
  }

  @Test("Room is not asked for copies that share the base's blocks")
  func sharedRoom() throws {
    let scratch = try TemporaryFolder()
    let goldens = try #require(EditedGoldens.all.first { $0.name == "llama-untied" })
    let model = try Model(path: goldens.folder)
    let subspace = try goldens.subspace(model).restricted(to: 1...1, rank: nil)
    let plan = try EditApplication(model, subspace, strength: 1, seed: 0).plan(inPlace: false)
    let out = scratch.path("out")
    var asked: [String] = []
    let shared = plan.sharedBytes(for: out) { source, folder in
      #expect(folder == scratch.path)
      asked.append(FileSystem.lastComponent(of: source))
      return true
    }
    // Of two shards the one without the edited block, and what stands beside the weights.
    let copies = plan.writes.filter { asked.contains($0.name) }
    #expect(asked.contains("config.json") && asked.count { $0.hasPrefix("model-") } == 1)
    #expect(shared == copies.reduce(0) { $0 + $1.bytes } && shared < plan.writtenBytes && shared > 0)
    #expect(plan.sharedBytes(for: out) { _, _ in false } == 0)
    #expect(
      try EditApplication(model, subspace, strength: 1, seed: 0).plan(inPlace: true).sharedBytes(for: out) {
        _, _ in true
      } == 0)
  }

  @Test(
    "A square matrix is projected on the side that its family writes to", arguments: ["gpt2-bare", "opt"])
  func square(_ name: String) throws {
    // A model as wide as its MLP, all in one tensor file written here.
    let scratch = try TemporaryFolder()
    let goldens = try #require(EditedGoldens.all.first { $0.name == name })
    let original = try Model(path: goldens.folder)
    let width = original.configuration.hidden
    let base = scratch.path("base")
    try FileManager.default.copyItem(atPath: goldens.folder, toPath: base)
    let config = try JSONDocument(parsing: try bytes(base + "/config.json"), source: "config.json")
    guard case .object(var members) = JSON(config.root) else { return }
    members[name == "opt" ? "ffn_dim" : "n_inner"] = .int(width)
    try write(Array(JSON.object(members).serialized().utf8), base + "/config.json")
    let folder = try SafetensorsFolder(path: goldens.folder)
    let inner = original.configuration.intermediate
    let output = try AtomicFile(base + "/model.safetensors", replacing: true)
    var writer = try SafetensorsWriter(
      output.writer,
      tensors: folder.tensors.entries.map { entry in
        .init(name: entry.name, type: entry.type, shape: entry.shape.map { $0 == inner ? width : $0 })
      })
    for tensor in writer.tensors {
      let entry = try #require(folder.tensors[tensor.name])
      let count = tensor.shape.reduce(1, *)
      try folder.tensors.floats(entry).prefix(count).withUnsafeBytes {
        try writer.append($0, to: tensor.name)
      }
    }
    try writer.finish()
    try output.commit()

    let model = try Model(path: base)
    let edited = try goldens.edit(model, to: scratch.path("out"))
    let written = try SafetensorsFolder(path: scratch.path("out"))
    for (name, block) in edited {
      let entry = try #require(written.tensors[name])
      #expect(entry.shape == [width, width])
      let expected = try goldens.reference(
        model.tensors.floats(try #require(model.tensors[name])), model.family, block: block)
      #expect(relativeError(try written.tensors.floats(entry), expected) < 1e-6)
    }
    #expect(try Verification(of: scratch.path("out"), base: nil).holds)
    #expect(try Verification(of: scratch.path("out"), base: model).holds)
  }

  /// A folder with torch's weights in it.
  private func copyTorch(_ goldens: EditedGoldens, to base: String) throws {
    try FileManager.default.copyItem(atPath: goldens.torch, toPath: base)
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
      try FileManager.default.copyItem(atPath: goldens.folder + "/" + name, toPath: base + "/" + name)
    }
  }
}
