import PreferenceData
import Testing

@Suite struct StyleLevellingTests {
  /// Both sides of each pair, levelled as the pairs together need.
  private func levelled(_ pairs: [(String, String)], prompt: Passage? = nil) -> (
    traits: [SideTrait], sides: [[String?]]
  ) {
    let pairs = pairs.map { PreferencePair(prompt: prompt, chosen: .text($0), rejected: .text($1)) }
    let levelling = StyleLevelling(pairs)
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

  @Test("A mark that ends one side only is dropped, one that ends both stays")
  func finalMarks() {
    let (traits, sides) = levelled([
      ("Fine", "Bad."), ("Good.", "Poor."), ("So it is", "So it is?!"), ("Yes)", "No"), ("One", "Two."),
    ])
    #expect(traits == [.finalPunctuation])
    #expect(
      sides == [
        ["Fine", "Bad"], ["Good.", "Poor."], ["So it is", "So it is"], ["Yes", "No"], ["One", "Two"],
      ])
  }

  @Test("What does not tell the sides apart is left as it is, byte for byte")
  func balanced() {
    let texts = [("it is fine .", "it is bad ."), ("Well , Then", "Well , no"), ("e\u{301}t\u{E9}", " was ")]
    let (traits, sides) = levelled(texts)
    #expect(traits.isEmpty)
    #expect(zip(sides, texts).allSatisfy { $0[0]?.utf8.elementsEqual($1.0.utf8) == true && $0[1] == $1.1 })
  }

  @Test("A side that goes on in its prompt's sentence gets no capital, one that begins anew does")
  func continuations() {
    let prompt = Passage.text("He said")
    let (traits, sides) = levelled(
      [("Well. it is", "well. it is"), ("Now", "now"), (" that he", " that she. \"and\" so")], prompt: prompt)
    #expect(traits == [.initialCapital])
    #expect(
      sides == [["Well. It is", "Well. It is"], ["Now", "Now"], [" that he", " that she. \"And\" so"]])
  }

  @Test("White space at the beginning, numbers and words that begin with none are left alone")
  func edges() {
    let (_, sides) = levelled([
      ("Ok.", " . ok ."), ("3 men. 4 more", "3 men . 4 more"), ("A.b", "a.b"), ("B", "b"),
    ])
    #expect(sides[0] == ["Ok.", " . Ok."] && sides[1] == ["3 men. 4 more", "3 men. 4 more"])
    #expect(sides[2] == ["A.b", "A.b"])
  }

  @Test("Of a conversation the last message is levelled, with its role and what came before")
  func conversations() throws {
    func talk(_ answer: String) -> Passage {
      .messages([.init(role: "user", content: "why ?"), .init(role: "assistant", content: answer)])
    }
    let pair = PreferencePair(chosen: talk("So."), rejected: talk("so ."), line: 7)
    let result = StyleLevelling([pair])(pair)
    #expect(result.chosen == talk("So.") && result.rejected == talk("So.") && result.line == 7)
  }
}
