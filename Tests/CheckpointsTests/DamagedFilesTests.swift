import Checkpoints
import Foundation
import Storage
import Testing

/// Sound files, shortened and altered: every one must be read or refused, never crash.
@Suite struct DamagedFilesTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// Opens a file by its ending and reads everything in it.
  private func readAll(_ path: String) throws {
    let store: TensorStore
    if path.hasSuffix(".gguf") {
      let file = try GGUFFile(path: path)
      for (_, value) in file.metadata { _ = (value.string, value.double, value.array.map(Self.readAll)) }
      store = file.tensors
    } else if path.hasSuffix(".bin") {
      store = try TorchFile(path: path).tensors
    } else {
      store = try SafetensorsFile(path: path).tensors
    }
    for entry in store.entries { _ = try store.floats(entry) }
  }

  private static func readAll(_ array: GGUFArray) -> Int {
    (array.strings?.count ?? 0) + (array.doubles?.count ?? 0) + (array.bools?.count ?? 0)
      + (array.arrays?.reduce(0) { $0 + readAll($1) } ?? 0)
  }

  @Test(
    "A file cut off anywhere is refused",
    arguments: [
      "types.safetensors", "types.gguf", "torch/protocol4.bin", "torch/zip64.bin", "torch/legacy.bin",
    ])
  func truncated(name: String) throws {
    let path = try scratch.write(Fixtures.bytes(name), FileSystem.lastComponent(of: name))
    try readAll(path)
    // GGUF pads the last tensor; without its padding the file is still whole.
    let end =
      name.hasSuffix(".gguf")
      ? try GGUFFile(path: path).tensors.entries.map(\.bytes.upperBound).max() ?? 0
      : try Fixtures.bytes(name).count
    for count in (0..<end).reversed() {
      try #require(truncate(path, count) == 0)
      #expect(throws: CheckpointError.self, "\(count) bytes") { try readAll(path) }
    }
  }

  @Test(
    "A Git LFS pointer in place of a file is called that",
    arguments: ["model.safetensors", "model.gguf", "pytorch_model.bin"])
  func pointer(name: String) throws {
    let text = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    let path = try scratch.write(Array(text.utf8), name)
    let error = #expect(throws: CheckpointError.self) { try readAll(path) }
    #expect(error?.advice?.contains("git lfs pull") == true)
  }

  @Test("A shard cut off anywhere is refused")
  func truncatedShard() throws {
    let names = [
      "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json",
    ]
    for name in names { try scratch.write(Fixtures.bytes("sharded/\(name)"), name) }
    _ = try SafetensorsFolder(path: scratch.path)
    // The index ends with a line break, without which it is still whole.
    for name in names.reversed() {
      let whole = try scratch.read(name)
      let end = whole.last == UInt8(ascii: "\n") ? whole.count - 1 : whole.count
      for count in (0..<end).reversed() {
        try #require(truncate(scratch.path + "/" + name, count) == 0)
        #expect(throws: CheckpointError.self, "\(name) of \(count) bytes") {
          try SafetensorsFolder(path: scratch.path)
        }
      }
      try scratch.write(whole, name)
    }
  }

  @Test(
    "A file with one to three altered bits is read or refused",
    arguments: ["types.safetensors", "types.gguf", "torch/nested.bin", "torch/legacy.bin"], 0..<4)
  func altered(name: String, seed: UInt64) throws {
    let whole = try Fixtures.bytes(name)
    var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    // The first half of each file is its description, where alterations matter most.
    var refused = 0
    for round in 0..<1500 {
      var bytes = whole
      for _ in 0...round % 3 {
        bytes[random(round % 4 == 0 ? bytes.count : bytes.count / 2)] ^= 1 << random(8)
      }
      do {
        try readAll(scratch.write(bytes, FileSystem.lastComponent(of: name)))
      } catch let error as CheckpointError {
        #expect(!error.path.isEmpty && !error.reason.isEmpty)
        refused += 1
      }
    }
    #expect(refused > 300, "most alterations of the description are found")
  }

  @Test("Descriptions repeated at random places are read or refused", arguments: 0..<2 as Range<UInt64>)
  func spliced(seed: UInt64) throws {
    let whole = try Fixtures.bytes("types.gguf")
    var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 7
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    for _ in 0..<500 {
      let start = random(whole.count - 100)
      let piece = whole[start..<start + random(100)]
      var bytes = whole
      bytes.insert(contentsOf: piece, at: random(whole.count / 2))
      do { try readAll(scratch.write(bytes, "spliced.gguf")) } catch is CheckpointError {}
    }
  }
}
