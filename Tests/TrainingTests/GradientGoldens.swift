import Checkpoints
import Foundation
import Storage
import Testing
import Training
import Transformer

/// Gradients of a tiny checkpoint as torch autograd computes them, made by `Scripts/fixtures/gradient_goldens.py`.
struct GradientGoldens: CustomTestStringConvertible, Sendable {
  var name: String
  var testDescription: String { name }

  private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Fixtures")
  private static let checkpoints = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "TransformerTests/Fixtures")

  /// Every decoder.
  static let all: [GradientGoldens] = {
    let folder = fixtures.appending(path: "gradients").path
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasSuffix(".json") }.sorted().map {
      GradientGoldens(name: String($0.dropLast(5)))
    }
  }()

  /// The folder of a tiny checkpoint.
  static func checkpoint(_ name: String) -> String { checkpoints.appending(path: name).path }

  /// The checkpoint.
  var folder: String { Self.checkpoint(name) }

  /// Whether the scaling of rotary embedding depends on a text's length.
  var dependsOnLength: Bool { name.contains("dynamic") || name.contains("longrope") }

  /// A scored text, the factor on its log-probability, and that log-probability.
  struct Case {
    var sequence: ScoredSequence
    var weight: Double
    var logProbability: Double
  }

  func cases() throws -> [Case] {
    let path = Self.fixtures.appending(path: "gradients/\(name).json").path
    let document = try JSONDocument(parsing: try FileSystem.readFile(path, limit: 1 << 20), source: path)
    return try (document.root["sequences"]?.elements ?? []).map { value in
      Case(
        sequence: ScoredSequence(
          tokens: value["ids"]?.elements.compactMap { $0.int.map(Int32.init) } ?? [],
          responseStart: try #require(value["response"]?.int)),
        weight: try #require(value["weight"]?.double),
        logProbability: try #require(value["log_probability"]?.double))
    }
  }

  /// The golden tensors by name.
  func tensors() throws -> [String: [Float]] {
    let path = Self.fixtures.appending(path: "gradients/\(name).safetensors").path
    let file = try SafetensorsFile(path: path)
    var tensors: [String: [Float]] = [:]
    for entry in file.tensors.entries { tensors[entry.name] = try file.tensors.floats(entry) }
    return tensors
  }
}

/// ‖a − b‖ / ‖b‖.
func relativeError(_ a: [Double], _ b: [Double]) -> Double {
  precondition(a.count == b.count, "vectors of one length")
  let difference = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  return (difference / b.reduce(0) { $0 + $1 * $1 }).squareRoot()
}
