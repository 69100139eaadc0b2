import Checkpoints
import Editing
import Kernels
import Storage
import SubspaceEditing
import Testing

/// The subspace file: what is written is what is read, and nothing else is believed.
@Suite struct SubspaceFileTests {
  @Test("A subspace comes back from its file as it was", arguments: PaperGoldens.all)
  func roundTrip(_ goldens: PaperGoldens) throws {
    let folder = try TemporaryFolder()
    let subspace = try goldens.fit()
    try subspace.write(to: folder.path("s.safetensors"))
    let read = try EditSubspace(path: folder.path("s.safetensors"))
    #expect(read.blocks == subspace.blocks)
    #expect(read.provenance == subspace.provenance)
    #expect(throws: StorageError.self) { try subspace.write(to: folder.path("s.safetensors")) }
    try subspace.restricted(to: 2...2, rank: 1).write(to: folder.path("s.safetensors"), replacing: true)
    #expect(try EditSubspace(path: folder.path("s.safetensors")).blocks.map(\.block) == [2])
    #expect(try folder.contents() == ["s.safetensors"])
  }

  /// A well-formed file, one thing in which a case changes.
  struct Content {
    var metadata: [String: String] = [
      "format": "profs-subspace", "version": "1", "operation": "project", "role": "mlpValue",
      "method": "paper",
      "rank": "2", "blocks": "1-1", "max_tokens": "128", "pairs": "3", "pairs_sha256": "a",
      "model_sha256": "b",
      "compute": "f32",
    ]
    var name = "block.1.directions"
    var directions: [Float] = [1, 0, 0, 0, 1, 0]
    var shape = [2, 3]
    var type = ElementType.f32
    var values: [Double] = [2, 1, 0.5]
    var valuesName = "block.1.singular_values"
    var valuesType = ElementType.f64

    func write(to path: String) throws {
      let file = try AtomicFile(path)
      var writer = try SafetensorsWriter(
        file.writer,
        tensors: [
          .init(name: valuesName, type: valuesType, shape: [values.count]),
          .init(name: name, type: type, shape: shape),
        ], metadata: metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
      try values.withUnsafeBytes { try writer.append($0, to: valuesName) }
      try directions.withUnsafeBytes { try writer.append($0, to: name) }
      try writer.finish()
      try file.commit()
    }
  }

  struct Damage: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var says: String
    var apply: @Sendable (inout Content) -> Void
  }

  static let damages: [Damage] = [
    Damage(testDescription: "another format", says: "format") { $0.metadata["format"] = "pt" },
    Damage(testDescription: "no format", says: "profs fit") { $0.metadata["format"] = nil },
    Damage(testDescription: "a later version", says: "version") { $0.metadata["version"] = "2" },
    Damage(testDescription: "another operation", says: "operation") { $0.metadata["operation"] = "add" },
    Damage(testDescription: "another weight", says: "role") { $0.metadata["role"] = "query" },
    Damage(testDescription: "an unknown method", says: "method") { $0.metadata["method"] = "guess" },
    Damage(testDescription: "a protection that is not told", says: "protected_directions") {
      $0.metadata["method"] = "protected"
    },
    Damage(testDescription: "an unknown ranking", says: "ranking") {
      $0.metadata.merge(
        ["method": "protected", "protected_directions": "2", "ranking": "luck", "neutral_sha256": "c"]
      ) { $1 }
    },
    Damage(testDescription: "no digest of the neutral text", says: "neutral_sha256") {
      $0.metadata.merge(["method": "protected", "protected_directions": "2", "ranking": "consistency"]) { $1 }
    },
    Damage(testDescription: "blocks out of order", says: "blocks") { $0.metadata["blocks"] = "3-1" },
    Damage(testDescription: "block 0", says: "blocks") { $0.metadata["blocks"] = "0-1" },
    Damage(testDescription: "a rank that is no number", says: "rank") { $0.metadata["rank"] = "two" },
    Damage(testDescription: "a number that is too large", says: "pairs") {
      $0.metadata["pairs"] = "99999999999999999999"
    },
    Damage(testDescription: "a block's number written another way", says: "block.01") {
      ($0.name, $0.valuesName) = ("block.01.directions", "block.01.singular_values")
    },
    Damage(testDescription: "a tensor of another name", says: "at least one block") {
      $0.name = "block.1.vectors"
    },
    Damage(testDescription: "no number", says: "block.x.directions") { $0.name = "block.x.directions" },
    Damage(testDescription: "one dimension", says: "[rank, hidden]") { $0.shape = [6] },
    Damage(testDescription: "integers for directions", says: "F32") { $0.type = .i32 },
    Damage(testDescription: "integers for singular values", says: "F64") { $0.valuesType = .i64 },
    Damage(testDescription: "singular values of another block", says: "singular_values") {
      $0.valuesName = "block.2.singular_values"
    },
    Damage(testDescription: "too few singular values", says: "singular values") { $0.values = [1] },
    Damage(testDescription: "rising singular values", says: "singular values") { $0.values = [1, 2] },
    Damage(testDescription: "an infinite singular value", says: "singular values") {
      $0.values = [.infinity, 1]
    },
    Damage(testDescription: "NaN in a direction", says: "finite") { $0.directions[0] = .nan },
    Damage(testDescription: "a direction of length 2", says: "orthonormal") { $0.directions[0] = 2 },
    Damage(testDescription: "parallel directions", says: "orthonormal") {
      $0.directions = [1, 0, 0, 1, 0, 0]
    },
    Damage(testDescription: "more directions than dimensions", says: "rank") { $0.shape = [3, 2] },
    Damage(testDescription: "no dimension", says: "block 1") { ($0.shape, $0.directions) = ([2, 0], []) },
  ]

  @Test("The well-formed file is read")
  func wellFormed() throws {
    let folder = try TemporaryFolder()
    try Content().write(to: folder.path("s.safetensors"))
    #expect(try EditSubspace(path: folder.path("s.safetensors")).hidden == 3)
  }

  @Test("A subspace file that is not what it says is refused with its name", arguments: damages)
  func refused(_ damage: Damage) throws {
    let folder = try TemporaryFolder()
    var content = Content()
    damage.apply(&content)
    let path = folder.path("s.safetensors")
    try content.write(to: path)
    #expect {
      try EditSubspace(path: path)
    } throws: {
      $0 is EditingError && "\($0)".contains(path) && "\($0)".contains(damage.says)
    }
  }

  @Test("A subspace file cut anywhere is refused")
  func truncated() throws {
    let folder = try TemporaryFolder()
    try Content().write(to: folder.path("s.safetensors"))
    let whole = try bytes(folder.path("s.safetensors"))
    for count in 0..<whole.count {
      try write(Array(whole[..<count]), folder.path("cut"))
      #expect(throws: CheckpointError.self, "\(count) bytes") { try EditSubspace(path: folder.path("cut")) }
    }
  }
}
