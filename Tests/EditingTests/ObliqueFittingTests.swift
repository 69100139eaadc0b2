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

/// The recipe `oblique`, against what `Scripts/fixtures/oblique_reference.py` computed in float64.
@Suite struct ObliqueFittingTests {
  private static let goldens = PaperGoldens(name: "llama-biases")

  private static func fit(rank: Int = 2) throws -> EditSubspace {
    try goldens.fitting(
      EditRecipe(method: .oblique, rank: .fixed(rank), blocks: PaperGoldens.blocks, ranking: .mean)
    ).run()
  }

  /// x ↦ x − (x Vᵀ) U, `[hidden, hidden]`.
  private static func map(_ subspace: BlockSubspace) throws -> [Double] {
    let (reads, writes) = (subspace.directions.values, try #require(subspace.writes).values)
    let hidden = subspace.hidden
    return (0..<hidden * hidden).map { index in
      let (row, column) = (index / hidden, index % hidden)
      let removed = (0..<subspace.rank).reduce(0.0) {
        $0 + Double(reads[$1 * hidden + row]) * Double(writes[$1 * hidden + column])
      }
      return (row == column ? 1 : 0) - removed
    }
  }

  @Test("the map is the one that NumPy finds from what transformers' MLPs write, bias left out")
  func isTheReference() throws {
    let file = try SafetensorsFile(
      path: PaperGoldens.reference("oblique/llama-biases.safetensors"))
    for block in try Self.fit().blocks {
      let found = try Self.map(block.subspace)
      let expected = try file.tensors.floats(try #require(file.tensors["\(block.block).operator"]))
      let difference = zip(found, expected).reduce(0) {
        $0 + ($1.0 - Double($1.1)) * ($1.0 - Double($1.1))
      }
      let hidden = block.subspace.hidden
      let moved = found.enumerated().reduce(0.0) {
        let identity = $1.offset % (hidden + 1) == 0 ? 1.0 : 0
        return $0 + ($1.element - identity) * ($1.element - identity)
      }
      #expect((difference / moved).squareRoot() < 1e-3, "block \(block.block)")
    }
  }

  @Test("it comes back from its file; checkpoint, adapter and variant are one edit, and verify")
  func outputs() throws {
    let folder = try TemporaryFolder()
    let subspace = try Self.fit()
    try subspace.write(to: folder.path("s.safetensors"))
    let read = try EditSubspace(path: folder.path("s.safetensors"))
    #expect(read.blocks == subspace.blocks && read.provenance == subspace.provenance)
    #expect(read.provenance.recipe.ranking == .mean && read.provenance.recipe.method == .oblique)

    let receipt = try Self.goldens.edit(read, to: folder.path("out"))
    #expect(receipt.provenance == read.provenance)
    #expect(try ModelEditor.verify(folder.path("out"), base: Self.goldens.folder).holds)
    let model = try Self.goldens.model()
    _ = try EditApplication(model, read, strength: 1, seed: 0, format: .lora).write(to: folder.path("lora"))
    #expect(try ModelEditor.verify(folder.path("lora"), base: Self.goldens.folder).holds)

    let context = ComputeContext(threads: 1, precision: .f32)
    let panel = try ModelPanel(
      base: model,
      others: [.variant(try read.variant(strength: 1)), .model(try Model(path: folder.path("out")))])
    let tokens: [Int32] = [5, 9, 2, 40, 7, 21, 3]
    let forest = TokenForest([tokens], chunkTokens: 64)
    let scores = try panel.score(context, forest, rows: Array(0..<6), targets: Array(tokens[1...]))
    for (variant, written) in zip(scores[1].logProbabilities, scores[2].logProbabilities) {
      // The checkpoint is f16.
      #expect(abs(variant - written) < 2e-2)
    }
    #expect(zip(scores[0].logProbabilities, scores[1].logProbabilities).contains { abs($0 - $1) > 1e-3 })
  }

  @Test("a lower rank takes the first directions with what they take away")
  func lowerRank() throws {
    #expect(try Self.fit().restricted(to: nil, rank: 1).blocks == (try Self.fit(rank: 1)).blocks)
  }

  @Test("a file whose two bases do not belong together is refused")
  func damaged() throws {
    let block = try Self.fit().blocks[0].subspace
    #expect(throws: SubspaceError.self) {
      try BlockSubspace(
        directions: block.directions, writes: block.directions, singularValues: block.singularValues)
    }
  }
}
