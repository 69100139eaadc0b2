import Checkpoints
import Storage
import Testing

@Suite struct SafetensorsFolderTests {
  private static let index = "model.safetensors.index.json"
  private static let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]

  /// A copy of the sharded fixture.
  private func copy() throws -> Scratch {
    let scratch = try Scratch()
    for name in Self.shards + [Self.index] { try scratch.write(Fixtures.bytes("sharded/\(name)"), name) }
    return scratch
  }

  @Test("Shards written by huggingface_hub are one checkpoint")
  func golden() throws {
    let folder = try SafetensorsFolder(path: Fixtures.path("sharded"))
    #expect(folder.indexName == Self.index && folder.shards.map(\.name) == Self.shards)
    try Fixtures.check(folder.tensors, against: "sharded")
    #expect(Set(folder.tensors.entries.map(\.file)) == [0, 1])
    for entry in folder.tensors.entries {
      #expect(folder.shards[entry.file].header.entries.contains(entry))
    }
  }

  @Test("A single file is preferred to an index")
  func single() throws {
    let scratch = try copy()
    try scratch.write(safetensors("{}", data: 0), "model.safetensors")
    let folder = try SafetensorsFolder(path: scratch.path)
    #expect(folder.indexName == nil && folder.shards.map(\.name) == ["model.safetensors"])
    #expect(folder.tensors.entries.isEmpty)
  }

  @Test("A folder without weights says what was looked for")
  func nothing() throws {
    let scratch = try Scratch()
    let error = #expect(throws: CheckpointError.self) { try SafetensorsFolder(path: scratch.path) }
    #expect(error?.description.contains("expected model.safetensors or \(Self.index)") == true)
  }

  @Test("A missing shard is named")
  func missingShard() throws {
    let scratch = try copy()
    try FileSystem.remove(scratch.path + "/" + Self.shards[1])
    let error = #expect(throws: CheckpointError.self) { try SafetensorsFolder(path: scratch.path) }
    #expect(error?.subject == "shard \"\(Self.shards[1])\"")
  }

  private static func map(_ members: String) -> String { "{\"weight_map\":{\(members)}}" }

  @Test(
    "An index that does not fit its shards is refused with the tensor",
    arguments: [
      (
        map("\"h.0.weight\":\"\(shards[1])\",\"h.3.weight\":\"\(shards[0])\""),
        "tensor \"h.0.weight\": the index says"
      ),
      (map("\"other\":\"\(shards[0])\""), "tensor \"other\": the index says it is in"),
      (map("\"h.0.weight\":\"../\(shards[0])\""), "the name of a file in this folder, found \"../"),
      (map("\"h.0.weight\":\"..\""), "the name of a file in this folder"),
      (map("\"h.0.weight\":\"a\\u0000b\""), "the name of a file in this folder"),
      (map("\"h.0.weight\":\"\""), "the name of a file in this folder"),
      (map("\"h.0.weight\":7"), "found a number"),
      (map(""), "\"weight_map\""),
      (
        "{\"weight_map\":[]}",
        "\"weight_map\": expected an object with a file name for every tensor, found an array"
      ),
      ("{}", "found nothing"),
      ("[]", "found nothing"),
      ("{\"weight_map\":", "not valid JSON"),
    ])
  func badIndex(index: String, text: String) throws {
    let scratch = try copy()
    try scratch.write(Array(index.utf8), Self.index)
    let error = #expect(throws: CheckpointError.self) { try SafetensorsFolder(path: scratch.path) }
    let description = try #require(error).description
    #expect(description.contains(Self.index) && description.contains(text), "\(description)")
  }

  @Test("A tensor that is in two shards is refused with both files")
  func duplicate() throws {
    let scratch = try copy()
    try scratch.write(Fixtures.bytes("sharded/\(Self.shards[0])"), Self.shards[1])
    let error = #expect(throws: CheckpointError.self) { try SafetensorsFolder(path: scratch.path) }
    #expect(error?.path.hasSuffix(Self.shards[1]) == true && error?.reason.contains(Self.shards[0]) == true)
  }
}
