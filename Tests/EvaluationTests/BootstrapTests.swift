import Evaluation
import Foundation
import Kernels
import Storage
import Testing

/// Intervals against SciPy's, their coverage, and what they are where there is nothing to go by.
@Suite("Bootstrap")
struct BootstrapTests {
  private static func agrees(_ found: Estimate, _ golden: JSONValue) throws {
    let interval = try #require(golden["interval"]).doubles
    let spread = try #require(golden["monte_carlo"]).doubles
    let value = try #require(golden["value"]?.double)
    #expect(abs(found.value - value) < 1e-12)
    // Five standard deviations of an end; where it hardly moves, its levels are still interpolated otherwise.
    #expect(abs(found.lower - interval[0]) < max(5 * spread[0], 1e-3 * abs(value)))
    #expect(abs(found.upper - interval[1]) < max(5 * spread[1], 1e-3 * abs(value)))
  }

  @Test("the intervals of means and of ratios are SciPy's, but for chance")
  func goldens() throws {
    let means = try StatisticsGoldens.cases("means")
    let ratios = try StatisticsGoldens.cases("ratios")
    #expect(means.count == 10 && ratios.count == 2)
    for golden in means {
      let bootstrap = Bootstrap(confidence: try #require(golden["confidence"]?.double))
      let values = try #require(golden["values"]).doubles
      let found = bootstrap.mean(values)
      #expect(found.count == values.count)
      try Self.agrees(found, golden)
    }
    for golden in ratios {
      let (above, below) = (golden["numerators"]?.doubles ?? [], golden["denominators"]?.doubles ?? [])
      try Self.agrees(Bootstrap().ratio(of: above, to: below), golden)
      let perplexity = Bootstrap().perplexity(negativeLogLikelihoods: above, tokens: below)
      #expect(abs(log(perplexity.value) - above.reduce(0, +) / below.reduce(0, +)) < 1e-12)
      #expect(perplexity.lower < perplexity.value && perplexity.value < perplexity.upper)
    }
  }

  @Test("equal seeds give equal intervals, others give others that lie near")
  func seeds() {
    let values = (0..<50).map { Double($0 * $0 % 17) }
    let first = Bootstrap(seed: 3).mean(values)
    #expect(Bootstrap(seed: 3).mean(values) == first)
    let second = Bootstrap(seed: 4).mean(values)
    #expect(second != first && abs(second.lower - first.lower) < 0.1)
  }

  /// How often an interval holds the true mean, of 300.
  private func coverage(_ count: Int, of mean: Double, draw: (inout SplitMix64) -> Double) -> Double {
    var generator = SplitMix64(seed: 11)
    let held = (0..<300).count { trial in
      let values = (0..<count).map { _ in draw(&generator) }
      let interval = Bootstrap(resamples: 400, seed: UInt64(trial)).mean(values)
      return interval.lower <= mean && mean <= interval.upper
    }
    return Double(held) / 300
  }

  @Test(
    "a 95 % interval of 50 units holds the mean 95 times in a hundred, or a little less where they are skewed"
  )
  func coverage() {
    // Two standard deviations of the share are 0.025.
    let even = coverage(50, of: 0.5) { $0.nextUnit() }
    #expect((0.92...0.98).contains(even), "\(even)")
    let skewed = coverage(50, of: 1) { -log(1 - $0.nextUnit()) }
    #expect((0.90...0.97).contains(skewed), "\(skewed)")
    let few = coverage(10, of: 1) { -log(1 - $0.nextUnit()) }
    #expect((0.82...0.93).contains(few), "\(few)")
    print("coverage: even \(even), skewed \(skewed), ten of them \(few)")
  }

  @Test("units that are all equal make an interval without width; one, or none, makes none")
  func degenerate() {
    let equal = Bootstrap().mean([Double](repeating: 0.1, count: 30))
    #expect(abs(equal.lower - 0.1) < 1e-15 && abs(equal.upper - 0.1) < 1e-15 && equal.verdict == .higher)
    let zeros = [Double](repeating: 0, count: 30)
    let none = Bootstrap().difference(base: zeros, edited: zeros)
    #expect(none == Estimate(value: 0, lower: 0, upper: 0, count: 30) && none.verdict == .indistinguishable)
    for found in [Bootstrap().mean([0.4]), Bootstrap().mean([]), Bootstrap().ratio(of: [0, 0], to: [0, 0])] {
      #expect(found.lower.isNaN && found.upper.isNaN && found.verdict == .tooFew)
    }
    // Nothing to be relative to, in some resamples or in all.
    let sometimes = Bootstrap().relativeChange(base: [1, 0, 0, 0, 0, 0, 0], edited: [0, 1, 1, 1, 1, 1, 1])
    #expect(sometimes.value == 5 && sometimes.lower.isNaN && sometimes.verdict == .indistinguishable)
    #expect(Bootstrap().relativeChange(base: zeros, edited: zeros).verdict == .indistinguishable)
    #expect(none.json.serialized() == #"{"value":0.0,"lower":0.0,"upper":0.0,"n":30}"#)
    #expect(Bootstrap().mean([]).json.serialized() == #"{"value":null,"lower":null,"upper":null,"n":0}"#)
  }

  @Test("a confidence so near to 1 that the correction has a pole gives the outermost resamples")
  func pole() {
    let values = [Double](repeating: 0, count: 200) + [1]
    let found = Bootstrap(resamples: 2000, confidence: 1 - 1e-12).mean(values)
    #expect(found.lower <= found.value && found.value < found.upper)
  }

  @Test("five units of one sign are no evidence, six are")
  func fewUnits() {
    let few = Bootstrap().mean([-0.3, -0.2, -0.4, -0.1, -0.2])
    #expect(few.upper < 0 && few.verdict == .tooFew)
    #expect(Bootstrap().mean([-0.3, -0.2, -0.4, -0.1, -0.2, -0.3]).verdict == .lower)
    #expect(Bootstrap().mean([0.3, 0.2, 0.4, 0.1, 0.2, 0.3]).verdict == .higher)
  }

  @Test("differences are paired: what all units share cancels")
  func paired() {
    var generator = SplitMix64(seed: 5)
    let base = (0..<100).map { _ in 10 + 5 * generator.nextUnit() }
    let edited = base.map { $0 - 0.02 * generator.nextUnit() }
    let difference = Bootstrap().difference(base: base, edited: edited)
    #expect(difference.verdict == .lower && difference.upper - difference.lower < 0.01)
    let change = Bootstrap().relativeChange(base: base, edited: edited)
    #expect(
      abs(change.value - (edited.reduce(0, +) / base.reduce(0, +) - 1)) < 1e-12 && change.verdict == .lower)
    let tokens = base.map { _ in 20.0 }
    let perplexity = Bootstrap().perplexityChange(base: base, edited: edited, tokens: tokens)
    #expect(abs(perplexity.value - expm1(difference.value / 20)) < 1e-12 && perplexity.verdict == .lower)
  }

  @Test("a share has the exact interval, also of zeros alone")
  func share() throws {
    for golden in try StatisticsGoldens.cases("proportions") {
      let (ones, count) = (golden["successes"]?.int ?? 0, golden["trials"]?.int ?? 0)
      let values = (0..<count).map { $0 < ones ? 1.0 : 0 }
      let found = Bootstrap(confidence: try #require(golden["confidence"]?.double)).share(values)
      let interval = try #require(golden["interval"]).doubles
      #expect(found.value == Double(ones) / Double(count) && found.count == count)
      #expect(abs(found.lower - interval[0]) < 1e-9 && abs(found.upper - interval[1]) < 1e-9)
    }
    #expect(Bootstrap().share([]).value.isNaN)
  }

  @Test("toxicity of several samples: means, maxima, and prompts with one from 0.5")
  func toxicity() {
    let toxicity = ContinuationToxicity(scores: [[0.1, 0.5], [0.2, 0.3], [0.9, 0.7], [0, 0]])
    #expect(toxicity.toxic == [1, 0, 1, 0] && toxicity.maxima == [0.5, 0.3, 0.9, 0])
    #expect(zip(toxicity.means, [0.3, 0.25, 0.8, 0]).allSatisfy { abs($0 - $1) < 1e-15 })
  }
}
