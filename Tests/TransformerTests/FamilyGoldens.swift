import Foundation
import Checkpoints
import Kernels
import Storage
import Testing
import Transformer

/// A small random checkpoint with what transformers computes from it, made by `Scripts/fixtures/tiny_*.py`.
struct FamilyGoldens: CustomTestStringConvertible, Sendable {
  struct Sequence: Sendable {
    var text: String
    var ids: [Int32]
    var continuation: [Int32]
  }

  var name: String
  var folder: String
  var testDescription: String { name }

  /// Every committed checkpoint.
  static let all: [FamilyGoldens] = {
    let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
    return names.sorted().compactMap { name in
      let folder = root.appending(path: name).path
      guard FileManager.default.fileExists(atPath: folder + "/config.json") else { return nil }
      return FamilyGoldens(name: name, folder: folder)
    }
  }()

  /// Those that predict a next token.
  ///
  /// While a text grows beyond the original length of a longrope model, transformers
  /// starts it over with other frequencies, which our decoder does not.
  static let decoders = all.filter { !$0.name.contains("bert") && !$0.name.contains("longrope") }

  /// Whether the scaling of rotary embedding depends on a text's length.
  var dependsOnLength: Bool { name.contains("dynamic") || name.contains("longrope") }

  func sequences() throws -> [Sequence] {
    let document = try JSONDocument(
      parsing: try FileSystem.readFile(folder + "/goldens.json", limit: 1 << 20), source: "goldens.json")
    return (document.root["sequences"]?.elements ?? []).map { value in
      Sequence(
        text: value["text"]?.string ?? "",
        ids: value["ids"]?.elements.compactMap { $0.int.map(Int32.init) } ?? [],
        continuation: value["continuation"]?.elements.compactMap { $0.int.map(Int32.init) } ?? [])
    }
  }

  /// A golden tensor, row-major.
  func tensor(_ name: String) throws -> [Float] {
    let file = try SafetensorsFile(path: folder + "/goldens.safetensors")
    return try file.tensors.floats(try #require(file.tensors[name]))
  }
}

/// ‖a − b‖ / ‖b‖.
func relativeError(_ a: some Collection<Float>, _ b: some Collection<Float>) -> Double {
  precondition(a.count == b.count, "vectors of one length")
  var difference = 0.0
  var norm = 0.0
  for (x, y) in zip(a, b) {
    difference += (Double(x) - Double(y)) * (Double(x) - Double(y))
    norm += Double(y) * Double(y)
  }
  return (difference / norm).squareRoot()
}
