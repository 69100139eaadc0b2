import Kernels
import Testing
import Transformer

/// The most probable tokens after rows.
@Suite struct LikelyTokensTests {
  @Test(
    "they are the largest of all logits in their order, whatever slices of the vocabulary they stand in",
    arguments: [1, 4, 100_000])
  func largest(count: Int) throws {
    let goldens = try #require(FamilyGoldens.all.first { $0.name == "llama-tied" })
    let model = try Model(path: goldens.folder)
    let context = ComputeContext(threads: 2, precision: .f32)
    let forest = TokenForest(try goldens.sequences().map(\.ids), chunkTokens: 256)
    let stream = try #require(try ForwardPass(model, context, forest).finalStreams().first)
    let rows = Array(stride(from: 0, to: forest.tokens.count, by: 3))
    let head = LanguageModelHead(model, context)
    let found = try head.mostProbable(count, after: rows, of: stream)
    let logits = try head.logits(stream, rows: rows)
    let vocabulary = model.configuration.vocabulary
    #expect(found.count == rows.count)
    for (row, tokens) in found.enumerated() {
      let own = logits[row * vocabulary..<(row + 1) * vocabulary].enumerated()
      let expected = own.sorted { ($1.element, $0.offset) < ($0.element, $1.offset) }.prefix(count)
      #expect(tokens.map(\.token) == expected.map { Int32($0.offset) })
      #expect(tokens.map(\.logit) == expected.map(\.element))
    }
  }
}
