import Checkpoints
import Editing
import Foundation
import Kernels
import PreferenceData
import ProFS
import SubspaceEditing
import Testing
import Tokenization
import Transformer

/// What `Scripts/fixtures/protected_reference.py` computed in float64 for the checkpoints of ``PaperGoldens``.
private struct ProtectedGoldens: CustomTestStringConvertible, Sendable {
  static let all = PaperGoldens.all.map(ProtectedGoldens.init(paper:))
  static let protected = 6

  var paper: PaperGoldens
  var testDescription: String { paper.name }

  private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Fixtures/protected").path

  func tensor(_ name: String) throws -> (values: [Float], bytes: [UInt8]) {
    let file = try SafetensorsFile(path: Self.fixtures + "/\(paper.name).safetensors")
    let entry = try #require(file.tensors[name])
    return (try file.tensors.floats(entry), try file.tensors.withBytes(of: entry) { Array($0) })
  }

  /// The reference's directions.
  func directions(_ block: Int, _ ranking: DirectionRanking) throws -> Embeddings {
    let values = try tensor("\(block).\(ranking.rawValue).subspace").values
    return try Embeddings(
      count: PaperGoldens.rank, hidden: values.count / PaperGoldens.rank, values: values)
  }

  func neutral(_ model: Model) throws -> [[Int32]] {
    let tokenizer = try model.tokenizer()
    return try TextList(path: PaperGoldens.neutralPath).texts.map { try tokenizer.encode($0) }
  }

  func fit(
    _ ranking: DirectionRanking, protecting count: Int = protected, reversed: Bool = false,
    neutral texts: [[Int32]]? = nil
  ) throws -> EditSubspace {
    let model = try paper.model()
    let (chosen, rejected) = try paper.pairs(64, model)
    let neutral = try texts ?? neutral(model)
    return try SubspaceFitting(
      model, ComputeContext(threads: 2, precision: .f32),
      EditRecipe(
        method: .protected, rank: .fixed(PaperGoldens.rank), blocks: PaperGoldens.blocks,
        protectedDirections: count,
        ranking: ranking),
      chosen: chosen, rejected: rejected, neutral: reversed ? neutral.reversed() : neutral
    ).run()
  }
}

/// The recipe that protects the directions of neutral text, against the float64 reference.
@Suite struct ProtectedFittingTests {
  @Test(
    "The space is the one that NumPy finds from transformers' hidden states", arguments: ProtectedGoldens.all,
    [DirectionRanking.singularValue, .consistency])
  private func spansTheReference(_ goldens: ProtectedGoldens, _ ranking: DirectionRanking) throws {
    let found = try goldens.fit(ranking)
    #expect(found.blocks.map(\.block) == Array(PaperGoldens.blocks))
    for block in found.blocks {
      let expected = try goldens.directions(block.block, ranking)
      for row in 0..<expected.count {
        let range = row * expected.hidden..<(row + 1) * expected.hidden
        let product = zip(block.subspace.directions.values[range], expected.values[range]).reduce(Float(0)) {
          $0 + $1.0 * $1.1
        }
        #expect(1 - abs(product) < 1e-4, "block \(block.block), direction \(row)")
      }
    }
    // Neither what is protected nor how it is ranked is without effect.
    let other: DirectionRanking = ranking == .consistency ? .singularValue : .consistency
    for changed in [try goldens.fit(other), try goldens.fit(ranking, protecting: 1)] {
      let sines = try zip(found.blocks, changed.blocks).map { a, b in
        try PrincipalAngles(between: a.subspace.directions, and: b.subspace.directions).largestSine
      }
      #expect((sines.max() ?? 0) > 0.1)
    }
  }

  @Test(
    "The order of the neutral texts is rounding, a second run the same bytes", arguments: ProtectedGoldens.all
  )
  private func order(_ goldens: ProtectedGoldens) throws {
    let straight = try goldens.fit(.consistency)
    #expect(try goldens.fit(.consistency).blocks == straight.blocks)
    let reversed = try goldens.fit(.consistency, reversed: true)
    for (a, b) in zip(straight.blocks, reversed.blocks) {
      #expect(
        try PrincipalAngles(between: a.subspace.directions, and: b.subspace.directions).largestSine < 1e-3)
    }
    #expect(straight.provenance.neutralDigest != reversed.provenance.neutralDigest)
  }

  @Test(
    "It comes back from its file, and the edit from its receipt, as they were",
    arguments: ProtectedGoldens.all)
  private func files(_ goldens: ProtectedGoldens) throws {
    let folder = try TemporaryFolder()
    let subspace = try goldens.fit(.consistency)
    try subspace.write(to: folder.path("s.safetensors"))
    let read = try EditSubspace(path: folder.path("s.safetensors"))
    #expect(read.blocks == subspace.blocks && read.provenance == subspace.provenance)
    #expect(read.provenance.recipe.protectedDirections == 6 && read.provenance.neutralDigest?.count == 64)

    let receipt = try goldens.paper.edit(read, to: folder.path("out"))
    #expect(try Receipt(folder: folder.path("out")) == receipt && receipt.provenance == read.provenance)
    for block in PaperGoldens.blocks {
      let (entry, written) = try tensorBytes(editedName(block), folder.path("out"))
      let reference = try goldens.tensor("\(block).consistency.weight").bytes
      // A subspace in f32 against one in f64: the last place of a half, a few of a single.
      let tolerance = entry.type == .f32 ? 1 << 16 : 2
      let close = zip(orderedBits(written, entry.type), orderedBits(reference, entry.type)).count {
        abs($0 - $1) <= tolerance
      }
      #expect(Double(close) > 0.99 * Double(entry.shape.reduce(1, *)))
    }
    #expect(try ModelEditor.verify(folder.path("out"), base: goldens.paper.folder).holds)
    let card = String(decoding: try bytes(folder.path("out/README.md")), as: UTF8.self)
    #expect(card.contains("`protected`") && card.contains("the 6 directions that matter most"))

    // A receipt that tells of another protection than the subspace does not verify.
    let receiptPath = folder.path("out/profs.json")
    let text = String(decoding: try bytes(receiptPath), as: UTF8.self)
    try write(
      Array(text.replacing("\"protected_directions\": 6", with: "\"protected_directions\": 7").utf8),
      receiptPath)
    #expect(try !ModelEditor.verify(folder.path("out")).holds)
  }

  @Test("A protection that the width or the neutral text does not bear is refused")
  func refusals() throws {
    let goldens = ProtectedGoldens.all[0]
    #expect { try goldens.fit(.consistency, protecting: 45) } throws: {
      "\($0)".contains("--protect 45") && "\($0)".contains("1 to 44")
    }
    #expect { try goldens.fit(.consistency, protecting: 0) } throws: { "\($0)".contains("--protect 0") }
    #expect { try goldens.fit(.consistency, neutral: []) } throws: {
      "\($0)".contains("no passage of two tokens")
    }
    // One token a text: the first, which does not count.
    #expect { try goldens.fit(.consistency, neutral: [[5], [6], []]) } throws: {
      "\($0)".contains("no passage of two tokens")
    }
    let same = Array(repeating: [Int32(5), 6], count: 9)
    #expect { try goldens.fit(.consistency, neutral: same) } throws: {
      "\($0)".contains("only 1 direction")
    }
  }

  @Test("The neutral text of the program is long, varied and in passages that a model reads whole")
  func builtin() throws {
    let passages = NeutralText.builtin.passages
    let words = passages.map { $0.split(whereSeparator: \.isWhitespace).count }
    #expect(words.reduce(0, +) >= 12_000)
    #expect(Set(passages).count == passages.count && passages.contains { $0.contains("\n") })
    #expect(words.allSatisfy { (15...130).contains($0) })
    #expect(NeutralText(text: "a\nb\r\n \t\nc\n\n\n").passages == ["a\nb", "c"])
    #expect(NeutralText(passages: ["", " x", "\n"]).passages == [" x"])
  }

  @Test("A Swift program protects without naming a text")
  func publicAPI() throws {
    let goldens = PaperGoldens.all[0]
    let editor = try ModelEditor(modelAt: goldens.folder, compute: .f32)
    let recipe = EditRecipe.standard(.protected, blocks: 3, hidden: 48)
    #expect(recipe.protectedDirections == 6 && recipe.ranking == .consistency && recipe.rank == 2)
    #expect(EditRecipe.standard(.protected, blocks: 30, hidden: 576).protectedDirections == 72)
    let pairs = try PreferenceFile(path: goldens.pairsPath).pairs
    let subspace = try editor.fit(
      chosen: pairs.compactMap { $0.text(of: .chosen) },
      rejected: pairs.compactMap { $0.text(of: .rejected) },
      recipe: recipe, neutral: NeutralText(passages: TextList(path: PaperGoldens.neutralPath).texts))
    #expect(subspace.provenance.recipe == recipe && subspace.blocks.map(\.subspace.rank) == [2, 2])
  }
}
