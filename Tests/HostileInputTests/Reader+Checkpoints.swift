import Checkpoints
import Editing
import Foundation
import Kernels
import Storage
import SubspaceEditing
import Testing
import Transformer

/// Readers of weights and of what an edit leaves beside them.
extension Reader {
  static let json = Reader(name: "json") { _ in
    try ["sharded/model.safetensors.index.json", "sharded.json", "torch/sharded.json"].map {
      try sample("CheckpointsTests/Fixtures/" + $0)
    } + [
      Sample(
        name: "values.json",
        bytes: Array(#"{"a":[1,-2.5e-3,true,false,null,"\u00e9\ud83d\ude00\n",{}],"b":{"c":[[[]]]}}"#.utf8))
    ]
  } read: { sample, bytes, _ in
    let value = JSON(try JSONDocument(parsing: bytes, source: "the text of a \(sample.name)").root)
    // What is read is written so that the same is read again.
    let text = Array(value.serialized().utf8)
    #expect(JSON(try JSONDocument(parsing: text, source: sample.name).root) == value)
  }

  static let safetensors = Reader(name: "safetensors") { _ in
    try ["types.safetensors", "sharded/model-00001-of-00002.safetensors"].map {
      try withHeader(sample("CheckpointsTests/Fixtures/" + $0))
    }
  } read: { _, bytes, scratch in
    try readAll(SafetensorsFile(path: scratch.write(bytes, "model.safetensors")).tensors)
  }

  /// A safetensors file, whose header is altered most.
  static func withHeader(_ sample: Sample) -> Sample {
    var sample = sample
    let length = sample.bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    (sample.description, sample.hasHeaderLength) = (8..<8 + length, true)
    return sample
  }

  static let index = Reader(name: "index") { scratch in
    let folder = "CheckpointsTests/Fixtures/sharded/"
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    try scratch.link(shards, from: fixture(folder), into: "sharded")
    let torch = "TransformerTests/Fixtures/torch/qwen2/"
    try scratch.link(
      ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"], from: fixture(torch),
      into: "torch")
    return [
      try sample(folder + "model.safetensors.index.json"), try sample(torch + "pytorch_model.bin.index.json"),
    ]
  } read: { sample, bytes, scratch in
    if sample.name.hasPrefix("pytorch") {
      try scratch.write(bytes, "torch/" + sample.name)
      try readAll(TorchFolder(path: scratch.path + "/torch").tensors)
    } else {
      try scratch.write(bytes, "sharded/" + sample.name)
      try readAll(SafetensorsFolder(path: scratch.path + "/sharded").tensors)
    }
  }

  static let gguf = Reader(name: "gguf") { _ in
    [try sample("CheckpointsTests/Fixtures/types.gguf")]
  } read: { _, bytes, scratch in
    let file = try GGUFFile(path: scratch.write(bytes, "model.gguf"))
    for (_, value) in file.metadata {
      _ = (value.string, value.array?.strings, value.array?.ints, value.array?.doubles)
    }
    try readAll(file.tensors)
  }

  static let torch = Reader(name: "torch") { _ in
    try ["types", "legacy", "protocol4", "nested", "zip64", "odd-stride"].map {
      try sample("CheckpointsTests/Fixtures/torch/\($0).bin")
    }
      + ["system", "doubled"].map {
        try sample("CheckpointsTests/Fixtures/torch/refused/\($0).bin", isRefused: true)
      }
  } read: { _, bytes, scratch in
    try readAll(TorchFile(path: scratch.write(bytes, "pytorch_model.bin")).tensors)
  }

  static let subspace = Reader(name: "subspace") { scratch in
    let directions = try Embeddings(count: 2, hidden: 4, values: [0.6, 0.8, 0, 0, 0, 0, 0, 1])
    let blocks = try [2, 3].map {
      EditSubspace.Block(
        block: $0, subspace: try BlockSubspace(directions: directions, singularValues: [3, 2, 1]))
    }
    let recipe = EditRecipe(rank: 2, blocks: 2...3)
    let provenance = EditSubspace.Provenance(
      recipe: recipe, pairs: 7, pairsDigest: "a", modelDigest: "b", compute: "f32")
    let path = scratch.path + "/sound.safetensors"
    try EditSubspace(blocks: blocks, provenance: provenance).write(to: path)
    let bytes = try [UInt8](Data(contentsOf: URL(filePath: path)))
    return [withHeader(Sample(name: "subspace.safetensors", bytes: bytes))]
  } read: { _, bytes, scratch in
    let path = try scratch.write(bytes, "subspace.safetensors")
    _ = try EditSubspace(path: path).restricted(to: 1...1000, rank: 1)
  }

  /// `profs.json`, by the proof that starts from it.
  static let receipt = Reader(name: "receipt") { scratch in
    try writeEdit(.checkpoint, to: scratch.path + "/edited")
    let path = scratch.path + "/edited/" + Receipt.fileName
    return [Sample(name: Receipt.fileName, bytes: try [UInt8](Data(contentsOf: URL(filePath: path))))]
  } read: { sample, bytes, scratch in
    try scratch.write(bytes, "edited/" + sample.name)
    _ = try Verification(of: scratch.path + "/edited", base: nil)
  }

  /// The model that ``writeEdit(_:to:)`` edits.
  static let editedBase = fixture("TransformerTests/Fixtures/llama-dynamic")

  /// A sound edit.
  static func writeEdit(_ format: OutputFormat, to folder: String) throws {
    let editor = try ModelEditor(modelAt: editedBase, compute: .f32, threads: 1)
    let subspace = try editor.fit(
      chosen: ["calm", "kind words", "a b"], rejected: ["rude!", "other", "x y z"],
      recipe: EditRecipe(rank: 1, blocks: 1...2))
    try editor.apply(subspace, format: format, writingTo: folder)
  }
}
