import Foundation
import Kernels
import Storage
import Testing
import Transformer

@Suite("Text embeddings")
struct TextEmbeddingTests {
  static let context = ComputeContext(threads: 2, precision: .f32)

  @Test(
    "poolings are averages of the rows that transformers computes",
    arguments: FamilyGoldens.all.filter { !$0.dependsOnLength },
    [TextEmbedding.Pooling.mean, .skipFirst, .last])
  func poolings(_ goldens: FamilyGoldens, _ pooling: TextEmbedding.Pooling) throws {
    let model = try Model(path: goldens.folder)
    let texts = try goldens.sequences().map(\.ids)
    let width = model.configuration.hidden
    let embedding = try TextEmbedding(model, Self.context, texts, pooling: pooling)
    var blocks: [Int] = []
    try embedding.forEachBlock(in: 2...model.configuration.blocks) { block, embeddings in
      blocks.append(block)
      let golden = try goldens.tensor("block.\(block)")
      var expected: [Float] = []
      var first = 0
      for text in texts {
        let rows =
          switch pooling {
          case .skipFirst where text.count > 1: first + 1..<first + text.count
          case .last: first + text.count - 1..<first + text.count
          default: first..<first + text.count
          }
        expected += (0..<width).map { column in
          Float(rows.reduce(0.0) { $0 + Double(golden[$1 * width + column]) } / Double(rows.count))
        }
        first += text.count
      }
      #expect(relativeError(embeddings, expected) < 1e-5, "block \(block)")
    }
    #expect(blocks == Array(2...model.configuration.blocks))
  }

  @Test(
    "the second moment is that of the rows that transformers computes, each text's first left out",
    arguments: FamilyGoldens.all.filter { !$0.dependsOnLength })
  func secondMoment(_ goldens: FamilyGoldens) throws {
    let model = try Model(path: goldens.folder)
    let texts = try goldens.sequences().map(\.ids)
    let width = model.configuration.hidden
    // The pairs' texts are in the pass too; what they share with the neutral ones does not count for them.
    let embedding = try TextEmbedding(
      model, Self.context, [texts[0], [5, 6]], pooling: .skipFirst, neutral: texts + [texts[0]])
    let last = model.configuration.blocks
    try embedding.forEachBlockWithMoment(in: last...last) { block, embeddings, moment in
      let golden = try goldens.tensor("block.\(block)")
      var expected = [Double](repeating: 0, count: width * width)
      var (first, count) = (0, 0)
      // The first text comes twice.
      for (text, weight) in zip(texts, [2.0] + texts.dropFirst().map { _ in 1 }) {
        for row in first + 1..<first + text.count {
          for i in 0..<width {
            for j in i..<width {
              expected[i * width + j] +=
                weight * Double(golden[row * width + i]) * Double(golden[row * width + j])
            }
          }
        }
        first += text.count
        count += Int(weight) * (text.count - 1)
      }
      #expect(embeddings.count == 2 * width)
      #expect(moment?.count == count && embedding.neutralTokenCount == count)
      let sum = try #require(moment?.sum.elements)
      let size = expected.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let error = zip(sum, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
      #expect(error < 1e-5 * size)
    }
  }

  @Test(
    "neither the order of neutral texts nor the number of threads changes their second moment beyond rounding"
  )
  func momentOrder() throws {
    let goldens = try #require(FamilyGoldens.all.first { $0.name == "llama-untied" })
    let model = try Model(path: goldens.folder)
    let neutral = (0..<40).map { text in (0..<(3 + text % 9)).map { Int32(4 + (text * 7 + $0 * 5) % 60) } }
    func moment(_ texts: [[Int32]], threads: Int) throws -> [Double] {
      let embedding = try TextEmbedding(
        model, ComputeContext(threads: threads, precision: .f32), [[5, 6]], pooling: .mean, neutral: texts)
      var sum: [Double] = []
      try embedding.forEachBlockWithMoment(in: 3...3) { sum = try #require($2?.sum.elements) }
      return sum
    }
    let straight = try moment(neutral, threads: 2)
    let size = straight.map(abs).max() ?? 0
    for other in [try moment(neutral.reversed(), threads: 2), try moment(neutral, threads: 1)] {
      #expect(zip(straight, other).allSatisfy { abs($0 - $1) < 1e-6 * size })
    }
    #expect(try moment(neutral, threads: 2) == straight)
  }

  @Test("averages over padding are those of transformers' padded batch")
  func padded() throws {
    let fixtures = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")
    let golden = try JSONDocument(
      parsing: try FileSystem.readFile(fixtures.appending(path: "padded.json").path, limit: 1 << 20),
      source: "padded.json"
    ).root
    let model = try Model(path: fixtures.appending(path: try #require(golden["model"]?.string)).path)
    let texts = (golden["texts"]?.elements ?? []).map { $0.elements.compactMap { $0.int.map(Int32.init) } }
    let blocks = golden["embeddings"]?.elements ?? []
    #expect(blocks.count == model.configuration.blocks && texts.count == 7)
    for threads in [1, 2] {
      let embedding = try TextEmbedding(
        model, ComputeContext(threads: threads, precision: .f32), texts, pooling: .meanPadded,
        padding: Int32(try #require(golden["padding"]?.int)))
      try embedding.forEachBlock(in: 1...blocks.count) { block, embeddings in
        let expected = blocks[block - 1].elements.flatMap(\.elements).compactMap { $0.double.map(Float.init) }
        #expect(relativeError(embeddings, expected) < 1e-5, "block \(block)")
      }
    }
  }

  @Test("an encoder's texts that begin alike are embedded as each alone")
  func encoders() throws {
    let goldens = try #require(FamilyGoldens.all.first { $0.name == "bert" })
    let model = try Model(path: goldens.folder)
    let texts: [[Int32]] = [[10, 11, 12, 13], [10, 11, 12, 13, 20, 21], [10, 11, 30], [10, 11, 12, 13]]
    try TextEmbedding(model, Self.context, texts, pooling: .mean).forEachBlock(in: 1...2) { block, together in
      for (index, text) in texts.enumerated() {
        try TextEmbedding(model, Self.context, [text], pooling: .mean).forEachBlock(in: block...block) {
          #expect(relativeError(together[index * 32..<(index + 1) * 32], $1) < 1e-6)
        }
      }
    }
  }

  @Test("texts that begin alike are embedded as each alone, with fewer tokens computed")
  func sharing() throws {
    let goldens = try #require(FamilyGoldens.all.first { $0.name == "llama-untied" })
    let model = try Model(path: goldens.folder)
    let start = Array(Int32(10)..<40)
    let texts = [start + [50], start + [51, 52], start, [60], start + [51, 53]]
    let together = try TextEmbedding(model, Self.context, texts, pooling: .mean)
    #expect(together.tokenCount == 30 + 1 + 3 + 1)
    let width = model.configuration.hidden
    try together.forEachBlock(in: 3...3) { _, embeddings in
      for (index, text) in texts.enumerated() {
        let alone = try TextEmbedding(model, Self.context, [text], pooling: .mean)
        try alone.forEachBlock(in: 3...3) { _, expected in
          #expect(relativeError(embeddings[index * width..<(index + 1) * width], expected) < 1e-6)
        }
      }
    }
  }

  @Test("a text without tokens is refused by its number", arguments: TextEmbedding.Pooling.allCases)
  func emptyText(_ pooling: TextEmbedding.Pooling) throws {
    let model = try Model(path: try #require(FamilyGoldens.all.first).folder)
    let error = #expect(throws: ModelError.self) {
      try TextEmbedding(model, Self.context, [[1], [2], []], pooling: pooling)
    }
    #expect(error?.reason.contains("text 3 has no tokens") ?? false)
  }

  @Test("a text longer than the model's positions is refused")
  func longText() throws {
    let model = try Model(path: try #require(FamilyGoldens.all.first).folder)
    let longest = model.configuration.maximumPositions
    let fits = try TextEmbedding(model, Self.context, [Array(repeating: 5, count: longest)], pooling: .last)
    try fits.forEachBlock(in: 1...1) { _, embeddings in
      #expect(embeddings.count == model.configuration.hidden)
    }
    let embedding = try TextEmbedding(
      model, Self.context, [Array(repeating: 5, count: longest + 1)], pooling: .last)
    let error = #expect(throws: ModelError.self) { try embedding.forEachBlock(in: 1...1) { _, _ in } }
    #expect(error?.reason.contains("\(longest + 1) tokens") ?? false)
    #expect(error?.reason.contains("\(longest) positions") ?? false)
  }

  @Test("a bias that is not a number is named too")
  func damagedBias() throws {
    let copy = try ModelCopy("llama-biases")
    let name = "model.layers.1.mlp.up_proj.bias"
    try copy.overwrite(name, element: 3, with: UInt16(0x7E00))
    let embedding = try TextEmbedding(try Model(path: copy.path), Self.context, [[3, 5]], pooling: .mean)
    let error = #expect(throws: ModelError.self) { try embedding.forEachBlock(in: 1...3) { _, _ in } }
    #expect(error?.reason.contains("tensor \"\(name)\"") ?? false, "\(error?.description ?? "no error")")
  }

  @Test(
    "NaN or infinity in a weight that a text passes through is named by tensor",
    arguments: WeightRole.allCases.filter {
      ModelFamily.llama.tensorNames[$0] != nil && $0 != .finalNorm && $0 != .outputHead
    }, [Float.nan, .infinity])
  func damagedWeight(_ role: WeightRole, _ value: Float) throws {
    let copy = try ModelCopy("llama-tied")
    let block = role.isPerBlock ? 2 : nil
    let name = try #require(try Model(path: copy.path).tensorName(role, block: block))
    // In the embedding, the row of token 5; elsewhere the first number.
    try copy.overwrite(name, element: role == .tokenEmbedding ? 5 * 48 + 3 : 0, with: value.bitPattern)
    let model = try Model(path: copy.path)
    let embedding = try TextEmbedding(model, Self.context, [[3, 5, 7, 5], [5, 8, 9]], pooling: .mean)
    let error = #expect(throws: ModelError.self) { try embedding.forEachBlock(in: 1...3) { _, _ in } }
    #expect(error?.reason.contains("tensor \"\(name)\"") ?? false, "\(error?.description ?? "no error")")
  }
}
