import Evaluation
import Foundation
import Storage
import Testing

/// McNemar's test and the intervals of paired proportions against SciPy's and a numerical likelihood's.
@Suite("Paired accuracy")
struct PairedAccuracyTests {
  private static func accuracy(both: Int, base: Int, edited: Int, neither: Int) -> PairedAccuracy {
    func items(_ ofBase: Bool) -> [Bool] {
      [Bool](repeating: true, count: both) + [Bool](repeating: ofBase, count: base)
        + [Bool](repeating: !ofBase, count: edited) + [Bool](repeating: false, count: neither)
    }
    return PairedAccuracy(base: items(true), edited: items(false))
  }

  @Test("p, the interval of the difference and that of the odds are the reference's")
  func goldens() throws {
    let goldens = try StatisticsGoldens.cases("mcnemar")
    #expect(goldens.count == 9)
    for golden in goldens {
      func count(_ key: String) throws -> Int { try #require(golden[key]?.int) }
      let (base, edited) = (try count("base"), try count("edited"))
      let accuracy = Self.accuracy(
        both: try count("both"), base: base, edited: edited, neither: try count("neither"))
      #expect(accuracy.onlyBase == base && accuracy.onlyEdited == edited)
      let p = try #require(golden["p"]?.double)
      #expect(abs(accuracy.pValue / p - 1) < 1e-10)
      let difference = accuracy.difference()
      let interval = try #require(golden["interval"]).doubles
      #expect(
        difference.value == Double(accuracy.onlyEdited - accuracy.onlyBase) / Double(accuracy.count))
      // The reference finds its likelihoods' maxima to about 1e-8.
      #expect(abs(difference.lower - interval[0]) < 1e-6 && abs(difference.upper - interval[1]) < 1e-6)
      let expected: Verdict =
        p >= 0.05 ? .indistinguishable : accuracy.onlyEdited < accuracy.onlyBase ? .lower : .higher
      #expect(accuracy.verdict() == expected)
    }
  }

  @Test("the two models exchanged turn the interval about, and leave p")
  func symmetry() {
    let first = Self.accuracy(both: 30, base: 9, edited: 3, neither: 11)
    let second = Self.accuracy(both: 30, base: 3, edited: 9, neither: 11)
    #expect(first.pValue == second.pValue)
    #expect(abs(first.difference().lower + second.difference().upper) < 1e-12)
    #expect(abs(first.difference().upper + second.difference().lower) < 1e-12)
  }

  @Test("no items and one are too few to tell, and items all alike are indistinguishable")
  func degenerate() {
    let none = PairedAccuracy(base: [], edited: [])
    #expect(none.pValue == 1 && none.verdict() == .tooFew && none.difference().value.isNaN)
    let one = PairedAccuracy(base: [true], edited: [true])
    #expect(one.verdict() == .tooFew && one.difference().value == 0)
    #expect(one.difference().lower < -0.5 && one.difference().upper > 0.5)
    // The interval is not exact and leaves out zero; the verdict is and does not.
    let five = Self.accuracy(both: 10, base: 5, edited: 0, neither: 5)
    #expect(five.difference().upper < 0 && five.verdict() == .indistinguishable)
    #expect(Self.accuracy(both: 10, base: 6, edited: 0, neither: 5).verdict() == .lower)
  }
}
