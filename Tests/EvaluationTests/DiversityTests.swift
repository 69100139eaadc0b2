import Evaluation
import Testing

/// Distinct n-grams, counted by hand.
@Suite("Diversity")
struct DiversityTests {
  @Test("distinct n-grams within texts")
  func counts() {
    let texts = ["a b a b a", "a b c", "x", ""].map { $0.split(separator: " ").map(String.init) }
    let pairs = Diversity(of: texts, n: 2)
    #expect(pairs.distinct == [2, 2, 0, 0] && pairs.total == [4, 2, 0, 0])
    #expect(Diversity(of: texts, n: 1).distinct == [2, 3, 1, 0])
    #expect(Diversity(of: [[1, 2, 3], [1, 2]] as [[Int32]], n: 3).distinct == [1, 0])
  }

  @Test("texts without n-grams have no figure, and no verdict")
  func degenerate() {
    for texts in [[], [[]], [[1], [2]]] as [[[Int]]] {
      let none = Diversity(of: texts, n: 2)
      let within = Bootstrap().ratio(of: none.distinct, to: none.total)
      #expect(within.value.isNaN && within.verdict == .tooFew)
    }
  }
}
