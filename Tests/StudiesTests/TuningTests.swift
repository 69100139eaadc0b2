import Editing
import Evaluation
import Foundation
import Storage
import SubspaceEditing
import Testing

import Studies

/// What a search makes of its measurements.
@Suite("Tuning") struct TuningTests {
  private static func outcome(_ toxicity: Double, _ perplexity: Double) -> CandidateOutcome {
    let base = measure(toxicity: 0.5, loss: 0)
    return CandidateOutcome(
      EditCandidate(recipe: EditRecipe(rank: 2, blocks: 1...2), strength: 1), round: 1,
      measure(toxicity: toxicity, loss: perplexity), base: base)
  }

  private static func measure(toxicity: Double, loss: Double) -> CandidateMeasure {
    var measure = CandidateMeasure(
      windows: [], toxicity: [toxicity], continuations: [[1, 2, 3, 1, 2]], losses: [5], baseLosses: [5])
    (measure.textLoss, measure.textTokens, measure.divergence) = (100 + loss, 100, 4)
    return measure
  }

  @Test("changes are relative to the base on the same text and prompts")
  func changes() {
    let found = Self.outcome(0.25, 1)
    #expect(abs(found.toxicityChange + 0.5) < 1e-12)
    #expect(abs(found.perplexityChange - 0.010050167) < 1e-8)
    #expect(abs(found.divergence - 0.04) < 1e-12)
    #expect(found.distinctChange == 0)
    #expect(found.continuationPerplexityChange == 0)
  }

  @Test("the front is what no other beats in both")
  func front() {
    let outcomes = [(0.4, 1.0), (0.3, 2.0), (0.35, 3.0), (0.1, 4.0), (0.45, 0.5), (0.1, 5.0)].map {
      Self.outcome($0.0, $0.1)
    }
    #expect(outcomes.front.map(\.toxicity) == [0.45, 0.4, 0.3, 0.1])
    #expect([CandidateOutcome]().front.isEmpty)
  }

  @Test("of many candidates the best go on, of few a third, and two to choose from")
  func halving() {
    let round = Tuning.Round(prompts: 1, text: 1, kept: 24)
    #expect([120, 72, 30, 12, 4, 2, 1].map(round.kept) == [24, 24, 10, 4, 2, 2, 1])
  }

  @Test(
    "between two strengths lie up to three of two digits, none twice",
    arguments: [
      (0.25, 0.3, [0.26, 0.27, 0.29]), (1, 1.4, [1.1, 1.2, 1.3]), (1.4, 2, [1.5, 1.7, 1.8]),
      (0.1, 0.15, [0.11, 0.12, 0.14]), (0.5, 0.52, [0.51]), (2, 2, []),
    ])
  func strengths(low: Double, high: Double, expected: [Double]) {
    #expect(EditCandidate.strengths(between: low, and: high) == expected)
  }

  @Test("what an edit costs is counted in budgets, and an edit that broke the model is beyond all of them")
  func excess() {
    var settings = Tuning.Settings()
    (settings.budget, settings.guardBudget, settings.continuationBudget) = (0.02, 0.05, 0.1)
    #expect(settings.excess(of: Self.outcome(0.2, -1)) == 0)
    #expect(abs(settings.excess(of: Self.outcome(0.2, 1)) - 0.5025) < 1e-4)
    #expect(settings.excess(of: Self.outcome(0.2, .nan)) == .infinity)
    #expect(settings.excess(of: Self.outcome(0.2, .infinity)) == .infinity)
  }

  @Test("with caution the continuations' rise must leave room for its standard error")
  func caution() {
    func measure(_ losses: [Double]) -> CandidateMeasure {
      var measure = CandidateMeasure(
        windows: [], toxicity: [0.5, 0.5, 0.5, 0.5],
        continuations: Array(repeating: [1, 2, 3, 4, 5], count: 4), losses: losses,
        baseLosses: [10, 10, 10, 10])
      (measure.textLoss, measure.textTokens) = (100, 100)
      return measure
    }
    let outcome = CandidateOutcome(
      EditCandidate(recipe: EditRecipe(rank: 2, blocks: 1...2), strength: 1), round: 1,
      measure([10, 10, 12, 14]), base: measure([10, 10, 10, 10]))
    // Excesses 0, 0, 2, 4 of 20 tokens: mean 6 / 20, and Σ (d − 1.5)² = 11.
    let rise = exp(0.3) - 1
    #expect(abs((outcome.continuationPerplexityChange ?? 0) - rise) < 1e-12)
    let error = exp(0.3) * 11.0.squareRoot() / 20
    #expect(abs(outcome.continuationPerplexityError - error) < 1e-12)
    var settings = Tuning.Settings()
    settings.continuationBudget = 0.5
    #expect(abs(settings.excess(of: outcome) - rise / 0.5) < 1e-12)
    #expect(abs(settings.excess(of: outcome, caution: 2) - (rise + 2 * error) / 0.5) < 1e-12)
  }

  @Test("what costs more on the prompts that judge than was allowed is named, and nothing else")
  func overruns() throws {
    var settings = Tuning.Settings()
    (settings.budget, settings.continuationBudget) = (0.02, 0.1)
    func summary(loss: Double, _ continuations: [[Int32]], continuationLoss: Double) -> EvaluationSummary {
      var summary = EvaluationSummary()
      summary.add(
        windows: [100, loss].map {
          [WindowScore(tokens: 100, negativeLogLikelihood: $0, divergence: 0, agreeing: 0)]
        })
      summary.add([
        zip(continuations, [10, continuationLoss]).map { ids, loss in
          [Continuation(ids: ids, text: "", baseLoss: loss, scores: [("builtin", 0.5)])]
        }
      ])
      return summary
    }
    let various: [Int32] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    let within = summary(loss: 101, [various, various], continuationLoss: 10.9)
    #expect(settings.overruns(in: within).isEmpty)
    let repeated: [Int32] = [1, 2, 1, 2, 1, 2, 1, 2, 1, 2]
    let beyond = settings.overruns(in: summary(loss: 103, [various, repeated], continuationLoss: 11.1))
    #expect(beyond.map(\.name) == ["perplexity", "distinct_2", "continuation_perplexity"])
    #expect(beyond.map(\.budget) == [0.02, -0.05, 0.1])
    #expect(abs(beyond[0].change - 0.0304545) < 1e-6)
    #expect(abs(beyond[1].change + 7.0 / 9) < 1e-9)
    #expect(
      settings.overruns(in: summary(loss: .nan, [various, various], continuationLoss: 10)).map(\.name) == [
        "perplexity"
      ])
  }

  @Test("measures of further texts and prompts add up to those of all")
  func sums() {
    let windows = [(3, 7.5, 0.25), (5, 11, 0.5), (2, 4, 0.125)].map {
      WindowScore(tokens: $0.0, negativeLogLikelihood: $0.1, divergence: $0.2, agreeing: 0)
    }
    let texts: [[Int32]] = [[1, 2, 1, 2], [3, 4, 3, 4, 3], [5, 6]]
    func measure(_ range: Range<Int>) -> CandidateMeasure {
      CandidateMeasure(
        windows: Array(windows[range]), toxicity: Array([0.5, 0.25, 0.125][range]),
        continuations: Array(texts[range]), losses: Array([4, 8, 16][range]),
        baseLosses: Array([3, 9, 12][range]))
    }
    var sum = CandidateMeasure()
    sum += measure(0..<1)
    sum += measure(1..<3)
    #expect(sum == measure(0..<3))
    #expect(abs(sum.toxicity - 0.875 / 3) < 1e-12)
    #expect(sum.distinctBigrams == 5 && sum.bigrams == 8)
    #expect(sum.continuationLoss / sum.continuationTokens == 28.0 / 11)
    #expect(sum.squaredExcess == 18)
  }

  @Test("measures are read back as they were written, what is no number too")
  func records() throws {
    var measure = Self.measure(toxicity: 0.123456789012345, loss: 1 / 3)
    let text = measure.json.serialized()
    let read = try #require(
      CandidateMeasure(JSON(try JSONDocument(parsing: Array(text.utf8), source: "test").root)))
    #expect(read.json == measure.json)
    measure.continuationLoss = .nan
    let unmeasured = try JSONDocument(parsing: Array(measure.json.serialized().utf8), source: "test").root
    #expect(CandidateMeasure(JSON(unmeasured))?.continuationLoss.isNaN == true)
    #expect(CandidateMeasure(.array([.int(1)])) == nil)
  }

  @Test(
    "there are more than a hundred candidates, none twice, and all fit the model",
    arguments: [(30, 576), (18, 640), (3, 32)])
  func candidates(_ model: (blocks: Int, hidden: Int)) {
    let candidates = EditCandidate.standard(blocks: model.blocks, hidden: model.hidden, largestRank: 16)
    #expect(Set(candidates).count == candidates.count)
    #expect(model.blocks < 10 || candidates.count > 100)
    for candidate in candidates {
      #expect(candidate.recipe.blocks.upperBound == model.blocks && candidate.recipe.blocks.lowerBound >= 1)
      #expect(candidate.recipe.protectedDirections + candidate.recipe.rank.largest < model.hidden)
    }
    #expect(candidates.contains { $0.recipe.method == .paper })
  }
}
