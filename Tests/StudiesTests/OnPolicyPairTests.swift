import PreferenceData
import Testing

/// Which samples become a pair.
@Suite("On-policy pairs") struct OnPolicyPairTests {
  private static func sample(_ score: Double, _ length: Int = 8, _ text: String = "some words")
    -> OnPolicyPair.Sample
  {
    OnPolicyPair.Sample(text: text, ids: (0..<Int32(length)).map { $0 + Int32(score * 1000) }, score: score)
  }

  private static func scores(_ samples: [OnPolicyPair.Sample], _ criteria: OnPolicyPair.Criteria = .init())
    -> [Double]?
  {
    OnPolicyPair(prompt: "p", samples: samples, criteria).map { [$0.chosen.score, $0.rejected.score] }
  }

  @Test("the widest margin is taken, where the scorer is sure of both sides")
  func widest() {
    #expect(Self.scores([0.05, 0.3, 0.15, 0.95, 0.8].map { Self.sample($0) }) == [0.05, 0.95])
    #expect(Self.scores([0.05, 0.3, 0.6].map { Self.sample($0) }) == nil)
    #expect(Self.scores([0.3, 0.9].map { Self.sample($0) }) == nil)
    #expect(Self.scores([]) == nil)
  }

  @Test("of margins that are nearly as wide, the better match in length wins")
  func lengths() {
    #expect(Self.scores([Self.sample(0.02, 7), Self.sample(0.08, 8), Self.sample(0.95, 8)]) == [0.08, 0.95])
    // Too different in length to be a pair at all.
    #expect(Self.scores([Self.sample(0.02, 2), Self.sample(0.95, 8)]) == nil)
  }

  @Test("several pairs of a prompt share no text, not even one that was sampled twice")
  func several() {
    let samples = [0.05, 0.05, 0.1, 0.15, 0.95, 0.8, 0.9, 0.75].map { Self.sample($0) }
    func pairs(_ count: Int) -> [[Double]] {
      OnPolicyPair.pairs(prompt: "p", samples: samples, .init(), atMost: count).map {
        [$0.chosen.score, $0.rejected.score]
      }
    }
    #expect(pairs(1) == [[0.05, 0.95]])
    #expect(pairs(2) == [[0.05, 0.95], [0.1, 0.9]])
    #expect(pairs(9) == [[0.05, 0.95], [0.1, 0.9], [0.15, 0.8]])
    #expect(pairs(0).isEmpty)
  }

  @Test("empty, blank and repetitive texts are no side of a pair")
  func degenerate() {
    let loop = OnPolicyPair.Sample(text: "and and", ids: Array(repeating: 5, count: 8), score: 0.01)
    #expect(Self.scores([loop, Self.sample(0.95)]) == nil)
    #expect(Self.scores([Self.sample(0.01, 8, " \n"), Self.sample(0.95)]) == nil)
    #expect(Self.scores([Self.sample(0.01, 0), Self.sample(0.95)]) == nil)
    #expect(Self.scores([Self.sample(0.01, 1), Self.sample(0.95, 1)]) == [0.01, 0.95])
  }
}
