import Checkpoints
import Editing
import Foundation
import Kernels
import PreferenceData
import Storage
import SubspaceEditing
import Testing
import Tokenization
import Transformer

/// A tiny checkpoint with what `Scripts/fixtures/paper_reference.py` computed for it in float64.
struct PaperGoldens: CustomTestStringConvertible, Sendable {
  static let rank = 3
  static let blocks = 2...3
  static let all = ["llama-tied", "llama-untied", "llama-biases"].map(PaperGoldens.init(name:))
  /// Number of pairs: fewer and more than the model is wide.
  static let pairCounts = [20, 64]

  var name: String
  var testDescription: String { name }

  private static let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  /// The pairs.
  var pairsPath: String { fixtures + "/pairs.jsonl" }
  private var fixtures: String { Self.tests.appending(path: "EditingTests/Fixtures/paper").path }
  /// The model.
  var folder: String { Self.tests.appending(path: "TransformerTests/Fixtures/\(name)").path }

  func model() throws -> Model { try Model(path: folder) }

  /// A tensor for the first `pairs` pairs and one block.
  func tensor(_ name: String, pairs: Int, block: Int) throws -> [Float] {
    let file = try SafetensorsFile(path: fixtures + "/\(self.name).safetensors")
    return try file.tensors.floats(try #require(file.tensors["\(pairs).\(block).\(name)"]))
  }

  /// The stored bytes of an edited weight.
  func weightBytes(pairs: Int, block: Int) throws -> [UInt8] {
    let file = try SafetensorsFile(path: fixtures + "/\(name).safetensors")
    return try file.tensors.withBytes(of: try #require(file.tensors["\(pairs).\(block).weight"])) {
      Array($0)
    }
  }

  /// Both sides of the first `count` pairs as tokens of `model`.
  func pairs(_ count: Int, _ model: Model) throws -> (chosen: [[Int32]], rejected: [[Int32]]) {
    let tokenizer = try model.tokenizer()
    let pairs = try PreferenceFile(path: pairsPath).pairs.prefix(count)
    func side(_ side: PreferenceSide) throws -> [[Int32]] {
      try pairs.map { try tokenizer.encode(try #require($0.text(of: side))) }
    }
    return (try side(.chosen), try side(.rejected))
  }

  /// Fits the first `count` pairs.
  func fit(
    _ count: Int = 20, rank: Int = rank, blocks: ClosedRange<Int> = blocks, precision: ComputePrecision = .f32
  ) throws -> EditSubspace {
    let model = try model()
    let (chosen, rejected) = try pairs(count, model)
    return try SubspaceFitting(
      model, ComputeContext(threads: 2, precision: precision), EditRecipe(rank: .fixed(rank), blocks: blocks),
      chosen: chosen,
      rejected: rejected
    ).run()
  }

  /// The reference's subspace as a subspace file would hold it.
  func reference(_ count: Int = 20) throws -> EditSubspace {
    let model = try model()
    return EditSubspace(
      blocks: try Self.blocks.map { block in
        let directions = try tensor("subspace", pairs: count, block: block)
        let values = try tensor("singular-values", pairs: count, block: block)
        return EditSubspace.Block(
          block: block,
          subspace: try BlockSubspace(
            directions: Embeddings(
              count: Self.rank, hidden: directions.count / Self.rank, values: directions),
            singularValues: values.map(Double.init)))
      },
      provenance: EditSubspace.Provenance(
        recipe: EditRecipe(rank: .fixed(Self.rank), blocks: Self.blocks), pairs: count,
        pairsDigest: String(repeating: "0", count: 64), modelDigest: try model.identityDigest(),
        compute: "f32"))
  }

  /// Edits the model into `path`.
  @discardableResult
  func edit(_ subspace: EditSubspace, strength: Double = 1, to path: String) throws -> Receipt {
    try EditApplication(try model(), subspace, strength: strength, seed: 7).write(to: path)
  }
}

/// A new empty folder, removed with all that is in it when the last reference goes.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appending(path: "editing-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func path(_ name: String) -> String { path + "/" + name }

  /// Every name in the folder, at any depth, hidden ones too.
  func contents() throws -> [String] { try FileManager.default.subpathsOfDirectory(atPath: path).sorted() }
}

/// Bytes of a file.
func bytes(_ path: String) throws -> [UInt8] { try [UInt8](Data(contentsOf: URL(filePath: path))) }

/// Writes a file.
func write(_ bytes: [UInt8], _ path: String) throws { try Data(bytes).write(to: URL(filePath: path)) }

/// Stored elements as integers in the order of their values, so that neighbours differ by one.
func orderedBits(_ bytes: [UInt8], _ type: ElementType) -> [Int] {
  let width = type.blockBytes
  return stride(from: 0, to: bytes.count, by: width).map { start in
    var bits = 0
    for index in (0..<width).reversed() { bits = bits << 8 | Int(bytes[start + index]) }
    let sign = 1 << (8 * width - 1)
    return bits & sign == 0 ? bits : sign - bits
  }
}

/// A stored tensor's bytes.
func tensorBytes(_ name: String, _ folder: String) throws -> (entry: TensorEntry, bytes: [UInt8]) {
  let tensors = try SafetensorsFolder(path: folder).tensors
  let entry = try #require(tensors[name])
  return (entry, try tensors.withBytes(of: entry) { Array($0) })
}

/// Name of the weight that an edit of `block` changes.
func editedName(_ block: Int) -> String { "model.layers.\(block - 1).mlp.down_proj.weight" }

extension BlockSubspace {
  /// M of y′ = (I + M) y, `[hidden, hidden]`, of an edit of strength 1.
  func changeMap() throws -> [Double] {
    let (reads, writes) = (directions.values, try #require(writes).values)
    return (0..<hidden * hidden).map { index in
      (0..<rank).reduce(0.0) {
        $0 - Double(writes[$1 * hidden + index / hidden]) * Double(reads[$1 * hidden + index % hidden])
      }
    }
  }
}
