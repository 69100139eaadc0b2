import Evaluation
import Foundation
import Storage
import Testing

/// Rank statistics, effect sizes and the distributions beneath the intervals, against SciPy's.
@Suite("Rank statistics and distributions")
struct RankStatisticsTests {
  @Test("ROC AUC and Spearman's correlation are SciPy's, with ties")
  func ranks() throws {
    let goldens = try StatisticsGoldens.cases("ranks")
    #expect(goldens.count == 3)
    for golden in goldens {
      let first = try #require(golden["first"]).doubles
      let labels = try #require(golden["labels"]).elements.compactMap(\.bool)
      let area = try #require(golden["roc_auc"]?.double)
      #expect(abs(RankStatistics.areaUnderROC(scores: first, isPositive: labels) - area) < 1e-12)
      let correlation = try #require(golden["spearman"]?.double)
      #expect(
        abs(RankStatistics.spearman(first, try #require(golden["second"]).doubles) - correlation) < 1e-12)
    }
  }

  @Test("what has no order has no figure")
  func degenerate() {
    #expect(RankStatistics.areaUnderROC(scores: [0.1, 0.2], isPositive: [true, true]).isNaN)
    #expect(RankStatistics.areaUnderROC(scores: [], isPositive: []).isNaN)
    #expect(RankStatistics.areaUnderROC(scores: [0.2, 0.2], isPositive: [true, false]) == 0.5)
    #expect(RankStatistics.spearman([1, 1, 1], [1, 2, 3]).isNaN)
    #expect(RankStatistics.spearman([], []).isNaN)
    let scores = [0.1, .nan, 0.3]
    #expect(RankStatistics.areaUnderROC(scores: scores, isPositive: [true, false, false]).isNaN)
    #expect(RankStatistics.spearman(scores, [1, 2, 3]).isNaN)
  }

  @Test("Cohen's d of pairs is SciPy's t statistic over √n; without spread there is none")
  func effects() throws {
    for golden in try StatisticsGoldens.cases("effects") {
      let (base, edited) = (golden["base"]?.doubles ?? [], golden["edited"]?.doubles ?? [])
      let expected = try #require(golden["dz"]?.double)
      #expect(abs(EffectSize.cohenDz(base: base, edited: edited) / expected - 1) < 1e-9)
    }
    #expect(EffectSize.cohenDz(base: [1], edited: [2]).isNaN)
    #expect(EffectSize.cohenDz(base: [0.5, 0.5], edited: [0.5, 0.5]).isNaN)
    // Differences of 0.1 that rounding tells apart.
    #expect(EffectSize.cohenDz(base: [0.4, 0.2, 0.7], edited: [0.3, 0.1, 0.6]).isNaN)
  }

  @Test("the normal and the binomial distribution are SciPy's")
  func distributions() throws {
    let normal = try #require(
      try PerplexityTests.json("EvaluationTests/Fixtures/statistics.json")["normal"])
    for (x, expected) in zip(normal["x"]?.doubles ?? [], normal["cumulative"]?.doubles ?? []) {
      #expect(abs(NormalDistribution.cumulative(x) / expected - 1) < 1e-11)
    }
    for (p, expected) in zip(normal["p"]?.doubles ?? [], normal["quantile"]?.doubles ?? []) {
      #expect(abs(NormalDistribution.quantile(p) - expected) <= 1e-11 * abs(expected))
    }
    #expect(NormalDistribution.quantile(0) == -.infinity && NormalDistribution.quantile(1) == .infinity)
    #expect(NormalDistribution.quantile(-0.1).isNaN && NormalDistribution.quantile(1.1).isNaN)
    #expect(NormalDistribution.quantile(.nan).isNaN)
    let binomial = try StatisticsGoldens.cases("binomial")
    #expect(binomial.count > 20)
    for golden in binomial {
      let distribution = BinomialDistribution(
        trials: golden["trials"]?.int ?? 0, probability: golden["probability"]?.double ?? 0)
      let expected = try #require(golden["cumulative"]?.double)
      #expect(abs(distribution.cumulative(golden["k"]?.int ?? 0) - expected) <= 1e-10 * expected + 1e-300)
    }
    #expect(BinomialDistribution(trials: 4, probability: 0).cumulative(0) == 1)
    #expect(BinomialDistribution(trials: 4, probability: 1).cumulative(3) == 0)
    #expect(BinomialDistribution(trials: 4, probability: 0.5).cumulative(-1) == 0)
  }
}
