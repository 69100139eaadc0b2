import Checkpoints
import Foundation
import Kernels
import Storage
import Testing

/// Files written by `Scripts/fixtures/checkpoint_torch.py`, with what torch reads in them.
@Suite struct TorchFileTests {
  @Test(
    "A file of torch.save is read bit for bit, whatever its form",
    arguments: [
      "types.bin", "legacy.bin", "protocol4.bin", "nested.bin", "zip64.bin", "odd-stride.bin", "python2.bin",
    ])
  func golden(name: String) throws {
    try Fixtures.check(TorchFile(path: Fixtures.path("torch/\(name)")).tensors, against: "torch/\(name)")
  }

  @Test("Shared storages are not copied: tied tensors and views lie on one another")
  func shared() throws {
    for name in ["types.bin", "legacy.bin"] {
      let tensors = try TorchFile(path: Fixtures.path("torch/\(name)")).tensors
      let base = try #require(tensors["tied.a"])
      #expect(tensors["tied.b"]?.bytes == base.bytes && base.strides == nil)
      let rows = try #require(tensors["rows"])
      #expect(rows.strides == nil && rows.bytes.lowerBound == base.bytes.lowerBound + 2 * 7 * 4)
      #expect(tensors["transposed"]?.strides == [1, 7] && tensors["transposed"]?.bytes == base.bytes)
      #expect(tensors["every other"]?.strides == [14, 3])
      #expect(tensors["expanded by one"]?.strides == nil)
    }
  }

  @Test("torch aligns every storage of an archive to 64 bytes, and they are used where they lie")
  func aligned() throws {
    let tensors = try TorchFile(path: Fixtures.path("torch/types.bin")).tensors
    for entry in tensors.entries where entry.name.hasPrefix("block.") {
      #expect(entry.bytes.lowerBound % 64 == 0, "\(entry.name)")
    }
  }

  @Test("Rows of a tensor that is not in row-major order are lent in that order")
  func lent() throws {
    let tensors = try TorchFile(path: Fixtures.path("torch/types.bin")).tensors
    let entry = try #require(tensors["transposed"])
    let whole = try tensors.withBytes(of: entry) { Array($0) }
    #expect(whole.count == 7 * 6 * 4)
    #expect(try tensors.withBytes(of: entry, rows: 2..<5) { Array($0) } == Array(whole[2 * 24..<5 * 24]))
    let base = try tensors.floats(#require(tensors["tied.a"]))
    let transposed = try tensors.floats(entry)
    for row in 0..<7 {
      for column in 0..<6 { #expect(transposed[row * 6 + column] == base[column * 7 + row]) }
    }
  }

  /// What each file of `refused` is refused with.
  private static let refused: [(name: String, text: String)] = [
    ("system", "refers to posix.system, which is not one of the classes"),
    ("eval", "builtin"), ("system-legacy", "refers to posix.system"),
    ("module", "refers to torch.nn.modules.linear.Linear"),
    ("list", "expected a dictionary of tensors, found a list"),
    ("no-tensors", "found one with the keys \"epoch\", \"args\""),
    ("beside", "there is a dictionary of tensors, \"ema\""),
    ("complex", "refers to torch.ComplexFloatStorage"),
    ("sparse", "refers to torch._utils._rebuild_sparse_tensor"),
    ("quantized", "refers to torch._utils._rebuild_qtensor"),
    ("expanded", "tensor \"w\": at byte"), ("negated", "metadata that may change its values"),
    ("script", "a TorchScript program"), ("big-endian", "its byte order is \"big\""),
    ("compressed", "it is compressed (method 8)"),
    ("short-storage", "storage \"0\" has 12 bytes, but the tensor says 4 elements in F32"),
    ("no-storage", "the archive has no data/0"),
    ("no-pickle", "expected one data.pkl in the zip archive, found 0"),
    ("two-pickles", "found 2"), ("twice", "this name occurs twice"),
    ("beyond", "shape [2, 2] with strides [2, 1] from element 1 goes beyond the 4 elements of storage \"0\""),
    ("beyond-huge", "goes beyond"), ("negative-start", "expected a tensor's first element"),
    ("negative-stride", "goes beyond"), ("negative-shape", "goes beyond"), ("overflow-shape", "tensor \"w\""),
    ("repeated", "shape [1099511627776] with strides [0] repeats stored elements"),
    ("many-dimensions", "a tensor has 9 dimensions, but at most 8"),
    ("strides-missing", "expected a tensor's first element, shape and strides"),
    ("huge-count", "the tensor says 4611686018427387904 elements"),
    ("escaping-key", "the archive has no data/../../0"), ("odd-class", "refers to torch.FloatTensor"),
    ("newobj", "operation NEWOBJ 0x81 of the pickle is not one of those that tensors need"),
    ("inst", "operation INST"), ("persid", "operation PERSID"), ("extension", "operation EXT1"),
    ("text-protocol", "operation DICT"), ("protocol-9", "the pickle's protocol is 9, but 2 to 5"),
    ("stack-empty", "the stack of the pickle is empty"), ("no-mark", "no mark"),
    ("unknown-memo", "value 7 was not remembered"), ("far-memo", "value 2147483647 is remembered, but 0 is"),
    ("not-utf8", "a string is not UTF-8"),
    ("stack-global", "refers to posix.system"), ("set-attributes", "attributes are set of a list"),
    ("call-a-class", "is called with 0 arguments"), ("string-longer", "a string needs 4294967295 bytes"),
    ("endless", "an operation needs 1 bytes"), ("nested-tuples", "found a tuple"),
    ("nested-lists", "found a list"),
    ("doubled", "found a tuple"), ("recalled", "found one with the keys \"a\", \"a\""),
    ("itself", "found one with the keys \"a\""),
    ("plain-pickle", "a pickle, but not one of torch.save"), ("tar", "a tar file, as torch wrote before"),
  ]

  @Test(
    "What is not plain tensors is refused with the reason, and nothing of it is run",
    arguments: refused.indices)
  func refusal(index: Int) throws {
    let (name, text) = Self.refused[index]
    let path = Fixtures.path("torch/refused/\(name).bin")
    let error = #expect(throws: CheckpointError.self) { try TorchFile(path: path) }
    let description = try #require(error).description
    #expect(description.hasPrefix(path) && description.contains(text), "\(description)")
  }

  @Test("Every file that must be refused has its reason")
  func complete() throws {
    let files = try FileSystem.list(Fixtures.path("torch/refused"))
    #expect(files == Self.refused.map { $0.name + ".bin" }.sorted())
  }

  @Test("Something else than torch's file is refused by its first bytes")
  func magic() throws {
    let scratch = try Scratch()
    for (bytes, text) in [
      ([], "found the bytes []"), (Array("GGUF\u{3}".utf8), "found the bytes [71, 71, 85, 70]"),
      (Array("version https://git-lfs.github.com/spec/v1\n".utf8), "git lfs pull"),
      (Array("PK\u{3}\u{4}".utf8), "the directory that ends a zip archive is missing"),
    ] as [([UInt8], String)] {
      let path = try scratch.write(bytes, "pytorch_model.bin")
      let error = #expect(throws: CheckpointError.self) { try TorchFile(path: path) }
      #expect(error?.description.contains(text) == true, "\(error?.description ?? "")")
    }
  }

  @Test("A pickle of more operations than tensors need is refused before it takes much memory")
  func operations() throws {
    let scratch = try Scratch()
    // Behind the first pickle of a legacy file: marks, tuples, dictionaries, tuples in tuples.
    let magic = try Array(Fixtures.bytes("torch/legacy.bin")[..<15])
    for code in [0x28, 0x29, 0x7D, 0x85] as [UInt8] {
      let path = try scratch.write(
        magic + [0x80, 2, 0x29] + Array(repeating: code, count: 5 << 20), "many.bin")
      let error = #expect(throws: CheckpointError.self) { try TorchFile(path: path) }
      #expect(error?.reason.contains("more than 4194304 operations") == true, "\(error?.description ?? "")")
    }
  }

  // MARK: Folders

  private static let index = "pytorch_model.bin.index.json"
  private static let shards = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"]

  @Test("Shards are one checkpoint, as their index says")
  func folder() throws {
    let folder = try TorchFolder(path: Fixtures.path("torch/sharded"))
    #expect(folder.indexName == Self.index && folder.shards == Self.shards)
    try Fixtures.check(folder.tensors, against: "torch/sharded")
    #expect(Set(folder.tensors.entries.map(\.file)) == [0, 1])
  }

  @Test("A single file is preferred to an index; a missing shard or file is named")
  func missing() throws {
    let scratch = try Scratch()
    var error = #expect(throws: CheckpointError.self) { try TorchFolder(path: scratch.path) }
    #expect(error?.reason == "expected pytorch_model.bin or \(Self.index) in this folder, found neither")
    for name in [Self.index, Self.shards[0]] {
      try scratch.write(Fixtures.bytes("torch/sharded/\(name)"), name)
    }
    error = #expect(throws: CheckpointError.self) { try TorchFolder(path: scratch.path) }
    #expect(error?.subject == "shard \"\(Self.shards[1])\"")
    try scratch.write(Fixtures.bytes("torch/sharded/\(Self.shards[0])"), Self.shards[1])
    error = #expect(throws: CheckpointError.self) { try TorchFolder(path: scratch.path) }
    #expect(error?.reason.contains("already used") == true)
    try scratch.write(Fixtures.bytes("torch/protocol4.bin"), "pytorch_model.bin")
    #expect(try TorchFolder(path: scratch.path).shards == ["pytorch_model.bin"])
  }

  @Test("An index that names itself as a shard is refused")
  func cyclic() throws {
    let scratch = try Scratch()
    try scratch.write(Array("{\"weight_map\":{\"w\":\"\(Self.index)\"}}".utf8), Self.index)
    let error = #expect(throws: CheckpointError.self) { try TorchFolder(path: scratch.path) }
    #expect(error?.reason.contains("found the bytes [123,") == true)
    let other = "model.safetensors.index.json"
    try scratch.write(Array("{\"weight_map\":{\"w\":\"\(other)\"}}".utf8), other)
    #expect(throws: CheckpointError.self) { try SafetensorsFolder(path: scratch.path) }
  }

  private static let caikit = Fixtures.folder.appendingPathComponent(
    "../../../../shared/data/models/caikit-tiny")

  @Test(
    "Real checkpoints have the values that torch reads in them",
    .enabled(if: FileManager.default.fileExists(atPath: caikit.path), "../shared/data is absent"),
    arguments: ["BertForSequenceClassification", "BloomForCausalLM", "T5ForConditionalGeneration"])
  func real(name: String) throws {
    let tensors = try TorchFolder(path: Self.caikit.appendingPathComponent(name).path).tensors
    let expected = try #require(try Fixtures.expectation("torch/caikit-\(name.lowercased())")["tensors"])
    #expect(Set(tensors.entries.map(\.name)) == Set(expected.members.map(\.key)))
    for (key, value) in expected.members {
      let entry = try #require(tensors[key])
      #expect(entry.shape == value["shape"]?.elements.compactMap(\.int))
      let digest = try tensors.floats(entry).reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
        ($0 ^ UInt64($1.bitPattern)) &* 0x100_0000_01B3
      }
      #expect(value["digest"]?.string == String(format: "%016lx", digest), "\(key)")
    }
  }
}
