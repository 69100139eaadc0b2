import Checkpoints
import Editing
import Foundation
import Kernels
import Storage
import SubspaceEditing
import Testing
import Transformer

/// A tiny checkpoint with directions to remove and what it computes without them.
struct EditedGoldens: CustomTestStringConvertible, Sendable {
  var name: String
  var testDescription: String { name }

  private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent()
    .appending(path: "TransformerTests/Fixtures").path

  /// Whether it is a language model.
  var isDecoder: Bool { (try? Model(path: folder).configuration.isCausal) ?? false }

  /// The checkpoint, and the same as a GGUF file and as torch's files, where there are such.
  var folder: String { Self.fixtures + "/" + name }
  var gguf: String { Self.fixtures + "/gguf/\(name).gguf" }
  var torch: String { Self.fixtures + "/torch/\(name)" }

  static let all: [EditedGoldens] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: fixtures)) ?? []
    return names.sorted().map(EditedGoldens.init(name:)).filter {
      FileManager.default.fileExists(atPath: $0.folder + "/edited.safetensors")
    }
  }()
  static let withGGUF = all.filter { FileManager.default.fileExists(atPath: $0.gguf) }
  static let withTorch = all.filter { FileManager.default.fileExists(atPath: $0.torch) }

  /// A golden tensor; `nil` where the file has none of this name.
  private func tensor(_ name: String, of file: String = "edited") throws -> [Float]? {
    let file = try SafetensorsFile(path: "\(folder)/\(file).safetensors")
    return try file.tensors[name].map { try file.tensors.floats($0) }
  }

  private func directions(_ block: Int, _ hidden: Int) throws -> Embeddings {
    let values = try #require(try tensor("directions.\(block)"))
    return try Embeddings(count: values.count / hidden, hidden: hidden, values: values)
  }

  /// The directions of every block as a subspace fitted on `model`, only the first in blocks beyond `fullRank`.
  func subspace(_ model: Model, fullRank: Int = .max) throws -> EditSubspace {
    let blocks = 1...model.configuration.blocks
    let hidden = model.configuration.hidden
    return EditSubspace(
      blocks: try blocks.map { block in
        let directions = try directions(block, hidden)
        let subspace = try BlockSubspace(
          directions: directions, singularValues: (0..<directions.count).map { 2 / Double($0 + 1) })
        return EditSubspace.Block(
          block: block, subspace: block <= fullRank ? subspace : try subspace.truncated(toRank: 1))
      },
      provenance: EditSubspace.Provenance(
        recipe: EditRecipe(rank: 2, blocks: blocks), pairs: 1, pairsDigest: String(repeating: "0", count: 64),
        modelDigest: try model.identityDigest(), compute: "f32"))
  }

  /// Edits every block of `model` into the folder `path`, and answers the edited tensors' names with their blocks.
  func edit(_ model: Model, to path: String) throws -> [String: Int] {
    let receipt = try EditApplication(model, try subspace(model), strength: 1, seed: 0).write(to: path)
    let expected = editedTensors(try Model(path: path))
    #expect(Set(receipt.edited.map(\.name)) == Set(expected.keys))
    for check in try Verification(of: path, base: model).checks + Verification(of: path, base: nil).checks {
      #expect(check.holds, "\(check.claim): \(check.finding)")
    }
    return expected
  }

  /// The tensors of an edited folder that differ from the base's, with their blocks.
  func editedTensors(_ written: Model) -> [String: Int] {
    var names: [String: Int] = [:]
    for block in 1...written.configuration.blocks {
      if let name = written.tensorName(.mlpValue, block: block) { names[name] = block }
    }
    return names
  }

  /// W′ by plain loops in float64.
  func reference(_ weight: [Float], _ family: ModelFamily, block: Int) throws -> [Float] {
    let file = try SafetensorsFile(path: folder + "/edited.safetensors")
    let hidden = try #require(file.tensors["directions.1"]).shape[1]
    let directions = try directions(block, hidden).values.map(Double.init)
    let other = weight.count / hidden
    // Stored [hidden, other], or for GPT-2 [other, hidden].
    let (outputStep, inputStep) = family.linearLayout == .inputMajor ? (1, hidden) : (other, 1)
    var result = weight
    for input in 0..<other {
      func at(_ output: Int) -> Int { output * outputStep + input * inputStep }
      var column = (0..<hidden).map { Double(weight[at($0)]) }
      for start in stride(from: 0, to: directions.count, by: hidden) {
        let share = (0..<hidden).reduce(0) { $0 + directions[start + $1] * Double(weight[at($1)]) }
        for output in 0..<hidden { column[output] -= share * directions[start + output] }
      }
      for output in 0..<hidden { result[at(output)] = Float(column[output]) }
    }
    return result
  }

  /// What rounding to a type leaves of a matrix, and of what a model computes with it.
  func rounding(_ type: ElementType) -> Double {
    switch type {
    case .bf16: 4e-3
    case .f16: 5e-4
    default: 1e-6
    }
  }

  /// Compares what a folder computes with the golden, which is not what the base computes.
  func checkOutput(of path: String) throws {
    let model = try Model(path: path)
    let document = try JSONDocument(parsing: try bytes(folder + "/goldens.json"), source: "goldens.json")
    let sequences = document.root["sequences"]?.elements.map {
      ($0["ids"]?.elements ?? []).compactMap { $0.int.map(Int32.init) }
    }
    let ids = try #require(sequences?[2])
    let context = ComputeContext(threads: 2, precision: .f32)
    var found: [Float] = []
    try ForwardPass(model, context, TokenForest([ids], chunkTokens: 1024)).run(
      throughBlock: model.configuration.blocks,
      afterBlock: { block, stream in
        guard block == model.configuration.blocks else { return }
        found =
          model.configuration.isCausal
          ? try LanguageModelHead(model, context).logits(stream, rows: Array(ids.indices))
          : try stream.withRows { Array(UnsafeBufferPointer(start: $0, count: ids.count * stream.width)) }
      })
    let golden = try tensor(model.configuration.isCausal ? "logits" : "stream")
    let tolerance = 10 * rounding(try model.weight(.mlpValue, block: 1).type)
    let expected = try #require(golden)
    #expect(relativeError(found, expected) < tolerance)
    let before = (sequences?[..<2].reduce(0) { $0 + $1.count } ?? 0) * expected.count / ids.count
    let base = try tensor(
      model.configuration.isCausal ? "logits" : "block.\(model.configuration.blocks)", of: "goldens")
    let unedited = try #require(base)[before..<before + expected.count]
    #expect(relativeError(unedited, expected) > max(0.05, 2 * tolerance))
  }
}

/// ‖a − b‖ / ‖b‖.
func relativeError(_ a: some Collection<Float>, _ b: some Collection<Float>) -> Double {
  precondition(a.count == b.count, "vectors of one length")
  let square = { (values: [Double]) in values.reduce(0) { $0 + $1 * $1 } }
  return (square(zip(a, b).map { Double($0) - Double($1) }) / square(b.map(Double.init))).squareRoot()
}
