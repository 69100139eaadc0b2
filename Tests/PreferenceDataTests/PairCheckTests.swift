import PreferenceData
import Testing

@Suite struct PairCheckTests {
  private func pair(_ chosen: String, _ rejected: String, _ line: Int, prompt: String? = nil)
    -> PreferencePair
  {
    PreferencePair(
      prompt: prompt.map { .text($0) }, chosen: .text(chosen), rejected: .text(rejected), line: line)
  }

  @Test("Pairs that repeat and sides that are equal are told apart from those that nearly do")
  func repeats() {
    let check = PairCheck([
      pair("a b", "c", 1), pair("a b", "c", 2), pair("A  b!", "c.", 3), pair("a b", "c", 4, prompt: "x"),
      pair("same", "same", 5), pair("same", "Same.", 6), pair("\u{e9}", "d", 7), pair("e\u{301}", "d", 8),
    ])
    #expect(check.pairs == 8)
    #expect(check.duplicateLines == [2])
    // The last differs from the one before it in bytes only.
    #expect(check.nearDuplicateLines.contains(3))
    #expect(check.identicalLines == [5])
    #expect(check.nearIdenticalLines == [6])
  }

  @Test("A trait that differs the same way in every pair is found, one that varies is not")
  func balance() throws {
    let check = PairCheck(
      (0..<20).map { row in
        pair(
          "Fine words here\(row % 2 == 0 ? " too" : "").", "fine words here\(row % 2 == 0 ? "" : " too").",
          row)
      })
    func balance(_ trait: SideTrait) throws -> SideBalance {
      try #require(check.balances.first { $0.trait == trait })
    }
    #expect(try balance(.length).consistency == 0 && !balance(.length).isImbalanced)
    #expect(try balance(.length).chosen == 18)
    #expect(try balance(.initialCapital).consistency == .infinity && balance(.initialCapital).isImbalanced)
    #expect(try balance(.initialCapital).chosen == 1 && balance(.initialCapital).rejected == 0)
    #expect(try balance(.capitals).isImbalanced && balance(.capitals).rejected == 0)
    #expect(try !balance(.finalPunctuation).isImbalanced && balance(.finalPunctuation).chosen == 1)
  }

  @Test("The consistency is the mean difference in standard deviations")
  func consistency() throws {
    let check = PairCheck([pair("ab", "abc", 1), pair("ab", "abcd", 2), pair("ab", "ab", 3)])
    let length = try #require(check.balances.first { $0.trait == .length })
    // Differences 1, 2, 0: mean 1, standard deviation √(2/3).
    #expect(abs(length.consistency - 1.5.squareRoot()) < 1e-12 && length.rejected == 3)
  }

  @Test("Pairs whose chosen side scores higher by the margin are suspected")
  func flips() {
    let pairs = [pair("a", "b", 1), pair("c", "d", 4), pair("e", "f", 9)]
    let found = PairCheck.suspectedFlips(pairs, chosen: [0.1, 0.9, 0.5], rejected: [0.9, 0.1, 0.4])
    #expect(found.map(\.line) == [4] && found[0].chosen == 0.9)
    #expect(
      PairCheck.suspectedFlips(pairs, chosen: [0.1, 0.9, 0.5], rejected: [0.9, 0.1, 0.4], margin: 0.05).map(
        \.line)
        == [4, 9])
  }

  @Test("Of a conversation the last message is looked at")
  func conversations() throws {
    let messages = ["Yes.", "No!"].map {
      Passage.messages([.init(role: "user", content: "Q"), .init(role: "assistant", content: $0)])
    }
    let check = PairCheck([PreferencePair(chosen: messages[0], rejected: messages[1], line: 3)])
    #expect(try #require(check.balances.first).chosen == 4 && check.identicalLines.isEmpty)
  }
}
