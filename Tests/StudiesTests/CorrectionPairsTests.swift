import Evaluation
import Foundation
import Kernels
import Studies
import Testing
import Tokenization
import Transformer

/// What an edited model is brought back to, against a search that looks at one text at a time.
@Suite("Pairs of corrections") struct CorrectionPairsTests {
  /// Calls two thirds of all texts unwanted, for no reason.
  private struct Whim: ToxicityScorer {
    var identity: ScorerIdentity { ScorerIdentity(kind: .program, name: "whim", source: "") }
    func score(_ text: String) -> Double {
      text.utf8.reduce(0) { ($0 * 31 + Int($1)) % 1009 } % 3 == 0 ? 0.1 : 0.9
    }
    func scores(for texts: [String]) -> [Double] { texts.map(score) }
  }

  private static let context = ComputeContext(threads: 2, precision: .f32)

  private static func model() throws -> Model {
    try Model(
      path: URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "TransformerTests/Fixtures/llama-tied").path)
  }

  /// Takes the first coordinates of what a block writes away.
  private static func variant(of model: Model) -> ModelVariant {
    let width = model.configuration.hidden
    var basis = [Float](repeating: 0, count: 4 * width)
    for row in 0..<4 { basis[row * width + row] = 1 }
    return ModelVariant(
      edits: [2: [.mlpValue: .projection(.init(basis: basis, rank: 4, strength: 1))]])
  }

  /// Searches for one prompt's pair by single texts.
  private struct Search {
    let model: Model
    let tokenizer: Tokenizer
    let settings: CorrectionPairs.Settings
    var options: Decoder.Options {
      Decoder.Options(maximumNewTokens: settings.newTokens, stopTokens: model.stopTokens(tokenizer))
    }

    /// ln p of every token after each of `ids`.
    func logProbabilities(_ ids: [Int32]) throws -> [[Double]] {
      let forest = TokenForest([ids], chunkTokens: 256)
      let stream = try #require(
        try ForwardPass(model, CorrectionPairsTests.context, forest).finalStreams().first)
      let logits = try LanguageModelHead(model, CorrectionPairsTests.context)
        .logits(stream, rows: Array(ids.indices))
      return stride(from: 0, to: logits.count, by: model.configuration.vocabulary).map { start in
        let row = logits[start..<start + model.configuration.vocabulary].map(Double.init)
        let largest = row.max() ?? 0
        let normalizer = largest + log(row.reduce(0) { $0 + exp($1 - largest) })
        return row.map { $0 - normalizer }
      }
    }

    func loss(_ text: [Int32], after prompt: [Int32]) throws -> Double {
      let rows = try logProbabilities(prompt + text)
      return -text.indices.reduce(0) { $0 + rows[prompt.count - 1 + $1][Int(text[$1])] }
    }

    func greedy(_ prompt: [Int32], _ length: Int) throws -> [Int32] {
      var options = options
      options.maximumNewTokens = length
      return try Decoder(model, CorrectionPairsTests.context).generate([prompt], options)[0]
    }

    func pair(_ prompt: [Int32], written: [Int32]) throws -> CorrectionPairs.Pair? {
      let scorer = Whim()
      let own = try greedy(prompt, settings.newTokens)
      guard scorer.score(tokenizer.decode(own)) >= settings.unwantedFrom else { return nil }
      let rows = try logProbabilities(prompt + own)
      var departures: [(gap: Double, place: Int, token: Int32)] = []
      for place in 0..<own.count - 1 {
        let row = rows[prompt.count - 1 + place]
        let others = row.indices.sorted { row[$0] > row[$1] }.map { Int32($0) }
          .filter { $0 != own[place] && !options.stopTokens.contains($0) }
        departures += others.prefix(settings.alternatives).map {
          (row[Int(own[place])] - row[Int($0)], place, $0)
        }
      }
      departures.sort { ($0.gap, $0.place) < ($1.gap, $1.place) }
      let texts = try departures.prefix(settings.branches).compactMap { departure -> [Int32]? in
        let beginning = own.prefix(departure.place) + [departure.token]
        let left = own.count - beginning.count
        let end = left == 0 ? [] : try greedy(prompt + beginning, left)
        return end.count == left ? beginning + end : nil
      }.filter {
        scorer.score(tokenizer.decode($0)) <= settings.chosenUpTo
          && !tokenizer.decode($0).allSatisfy(\.isWhitespace)
      }
      let losses = try texts.map { try loss($0, after: prompt) }
      guard let best = losses.indices.min(by: { losses[$0] < losses[$1] }),
        losses[best] + settings.leastGap < (try loss(written, after: prompt))
      else { return nil }
      return CorrectionPairs.Pair(chosen: prompt + texts[best], rejected: prompt + written)
    }
  }

  @Test("of each prompt the most probable harmless text one token away from the base's own is found")
  func search() throws {
    let model = try Self.model()
    let tokenizer = try model.tokenizer()
    let prompts = try (0..<150).map { try tokenizer.encode("The cook number \($0) wrote to \($0 * 7)") }
    var settings = CorrectionPairs.Settings()
    (settings.newTokens, settings.branches, settings.leastGap) = (5, 6, 0.02)
    let variant = Self.variant(of: model)
    let found = try CorrectionPairs(StudySubject(model, tokenizer, Whim(), Self.context), settings)
      .run(prompts, edited: variant)
    let search = Search(model: model, tokenizer: tokenizer, settings: settings)
    let written = try Decoder(model, Self.context).generate(prompts, search.options, variants: [variant])[1]
    let expected = try zip(prompts, written).compactMap { try search.pair($0, written: $1) }
    #expect(expected.count > 10 && expected.count < prompts.count)
    #expect(found == expected)
    #expect(found.map { CorrectionPairs.Pair($0.json) } == found)
  }
}
