import PreferenceData
import Testing

@Suite struct StyleLevellingTests {
  /// Both sides of each pair, levelled as the pairs together need.
  private func levelled(_ pairs: [(String, String)], prompt: Passage? = nil) -> (
    traits: [SideTrait], sides: [[String?]]
  ) {
    let pairs = pairs.map { PreferencePair(prompt: prompt, chosen: .text($0), rejected: .text($1)) }
    let levelling = StyleLevelling(balancing: pairs)
    return (levelling.traits, pairs.map(levelling.callAsFunction).map { [$0.chosen.text, $0.rejected.text] })
  }

  @Test("Sides in lower case with spaces before their marks are written like the others")
  func lowerCase() {
    let (traits, sides) = levelled([
      ("He is late. Tell him!", "he is late , damn it . tell him !"), ("Not now.", "not now  ."),
    ])
    #expect(traits == [.initialCapital, .spacedPunctuation])
    #expect(
      sides == [["He is late. Tell him!", "He is late, damn it. Tell him!"], ["Not now.", "Not now."]])
  }

  @Test("Marks that end one side only are dropped, those that end both stay")
  func finalMarks() {
    let (traits, sides) = levelled([
      ("Fine", "Bad."), ("Good.", "Poor."), ("So it is", "So it is?!"), ("f(x)", "100%..."), ("One", "Two."),
    ])
    #expect(traits == [.finalPunctuation])
    #expect(
      sides == [
        ["Fine", "Bad"], ["Good.", "Poor."], ["So it is", "So it is"], ["f(x)", "100%"], ["One", "Two"],
      ])
  }

  @Test("What does not tell the sides apart is left as it is, byte for byte")
  func balanced() {
    let texts = [("it is fine .", "it is bad ."), ("Well , Then", "Well , no"), ("e\u{301}t\u{E9}", " was ")]
    let (traits, sides) = levelled(texts)
    #expect(traits.isEmpty)
    #expect(zip(sides, texts).allSatisfy { $0[0]?.utf8.elementsEqual($1.0.utf8) == true && $0[1] == $1.1 })
  }

  @Test(
    "A side that goes on in its prompt's sentence gets no capital, one behind a sentence's end does",
    arguments: [("He said", false), ("I told him ", false), ("He said. ", true), ("Q: why?\n", true)])
  func continuations(_ prompt: String, _ begins: Bool) {
    let texts = [("It is", " it is"), ("Now. so", "now. so"), (" That he", " that she")]
    let (traits, sides) = levelled(texts, prompt: .text(prompt))
    #expect(traits == (begins ? [.initialCapital] : []))
    let expected = [["It is", " It is"], ["Now. So", "Now. So"], [" That he", " That she"]]
    #expect(sides == (begins ? expected : texts.map { [$0.0, $0.1] }))
  }

  @Test("Only spaces before marks that end something are taken away, and letters keep their marks")
  func edges() {
    let (traits, sides) = levelled([
      ("Ok.", " . ok ."), ("3 men. 4 more.", "3 men . 4 more ."), ("Of .5.", "of .5 ."),
      ("Hi :)!", "hi :) !"),
      ("A\n}.", "a\n} ."), ("Ǆ.", "ǆ ."), ("E\u{301}t,", "e\u{301}t ,"),
    ])
    #expect(traits == [.initialCapital, .spacedPunctuation])
    #expect(sides[0] == ["Ok.", " . Ok."] && sides[1] == ["3 men. 4 more.", "3 men. 4 more."])
    #expect(sides[2] == ["Of .5.", "Of .5."] && sides[3] == ["Hi :)!", "Hi :)!"])
    #expect(sides[4] == ["A\n}.", "A\n}."] && sides[5] == ["ǅ.", "ǅ."])
    #expect(sides[6][1]?.utf8.elementsEqual("E\u{301}t,".utf8) == true)
  }

  @Test("What may be chance is left alone")
  func chance() {
    let some = [("A", "b"), ("A", "B"), ("a", "b"), ("A", "B")]
    #expect(levelled(some).traits.isEmpty)
    #expect(levelled(Array(repeating: some, count: 9).flatMap(\.self)).traits == [.initialCapital])
  }

  @Test("Of a conversation the last message is levelled, with its role and what came before")
  func conversations() throws {
    func talk(_ answer: String) -> Passage {
      .messages([.init(role: "user", content: "why ?"), .init(role: "assistant", content: answer)])
    }
    let pair = PreferencePair(chosen: talk("So."), rejected: talk("so ."), line: 7)
    let result = StyleLevelling(balancing: Array(repeating: pair, count: 4))(pair)
    #expect(result.chosen == talk("So.") && result.rejected == talk("So.") && result.line == 7)
  }
}
