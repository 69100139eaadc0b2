/// Writes both sides of pairs in one way, where the way they are written tells them apart.
///
/// Pairs whose rejected sides are in lower case, with spaces before their punctuation, teach that style first of all. Levelled,
/// sentences begin with a capital, marks stand right behind their words, and marks that end one side only are dropped;
/// whatever does not tell the sides apart, or may do so by chance, is left as it is.
public struct StyleLevelling: Sendable, Hashable {
  /// What tells the sides apart and is levelled.
  public let traits: [SideTrait]

  /// What can be levelled.
  private static let levellable: Set<SideTrait> = [.initialCapital, .finalPunctuation, .spacedPunctuation]

  /// Levels that of ``SideTrait`` in which the sides of all `pairs` together differ.
  public init(balancing pairs: some Sequence<PreferencePair>) {
    self.init(SideSums(pairs))
  }

  /// Levels what is imbalanced by three standard errors or more.
  package init(_ sums: SideSums) {
    traits = sums.balances.filter {
      Self.levellable.contains($0.trait) && $0.isImbalanced
        && $0.consistency * Double(sums.pairs).squareRoot() >= 3
    }.map(\.trait)
  }

  /// The pair with both sides levelled; of a conversation, its last message.
  public func callAsFunction(_ pair: PreferencePair) -> PreferencePair {
    guard !traits.isEmpty else { return pair }
    var (chosen, rejected) = (pair.chosen.lastText, pair.rejected.lastText)
    if traits.contains(.spacedPunctuation) {
      (chosen, rejected) = (Self.closingUp(chosen), Self.closingUp(rejected))
    }
    if traits.contains(.initialCapital), pair.beginsSentences {
      (chosen, rejected) = (Self.capitalized(chosen), Self.capitalized(rejected))
    }
    if traits.contains(.finalPunctuation) {
      let ends = [chosen, rejected].map { SideTrait.finalPunctuation.value(of: $0) > 0 }
      if ends[0] != ends[1] { (chosen, rejected) = (Self.withoutEnd(chosen), Self.withoutEnd(rejected)) }
    }
    return PreferencePair(
      prompt: pair.prompt, chosen: pair.chosen.replacingLastText(chosen),
      rejected: pair.rejected.replacingLastText(rejected), line: pair.line)
  }

  /// Without spaces before marks that white space or the end follows, but at the beginning of a line.
  static func closingUp(_ text: String) -> String {
    var result = ""
    var spaces = ""
    var marks = ""
    for character in text {
      if SideTrait.marks.contains(character) {
        marks.append(character)
        continue
      }
      if !marks.isEmpty {
        // ".5" and ":)" are no ends.
        let ends = character.isWhitespace && result.last?.isNewline == false
        result += (ends ? "" : spaces) + marks
        (spaces, marks) = ("", "")
      }
      if character == " " || character == "\t" {
        spaces.append(character)
      } else {
        result += spaces + String(character)
        spaces = ""
      }
    }
    return result + (!marks.isEmpty && result.last?.isNewline == false ? "" : spaces) + marks
  }

  /// With a capital at the beginning of every sentence.
  private static func capitalized(_ text: String) -> String {
    var isBeginning = true
    var endsSentence = false
    return String(
      text.flatMap { character -> String in
        defer {
          if character.isWhitespace {
            isBeginning = isBeginning || endsSentence
          } else {
            endsSentence = SideTrait.sentenceEnds.contains(character)
            if character.isLetter || character.isNumber { isBeginning = false }
          }
        }
        return isBeginning && character.isLetter ? titlecased(character) : String(character)
      })
  }

  private static func titlecased(_ character: Character) -> String {
    guard let first = character.unicodeScalars.first else { return "" }
    return first.properties.titlecaseMapping
      + String(String.UnicodeScalarView(character.unicodeScalars.dropFirst()))
  }

  /// Without the marks at the end, and what space is between them.
  private static func withoutEnd(_ text: String) -> String {
    let end = text.lastIndex { !$0.isWhitespace && !SideTrait.marks.contains($0) }
    return end.map { String(text[...$0]) } ?? text
  }
}

extension PreferencePair {
  /// Whether the sides begin a sentence: they stand alone, answer in a conversation, or go on behind a sentence's end.
  var beginsSentences: Bool {
    guard case .text(let prompt)? = prompt else { return true }
    guard let last = prompt.last(where: { $0 != " " && $0 != "\t" }) else { return true }
    return last.isNewline || SideTrait.sentenceEnds.contains(last)
  }
}

extension Passage {
  /// With another text, or another content of the last message.
  fileprivate func replacingLastText(_ text: String) -> Passage {
    switch self {
    case .text: return .text(text)
    case .messages(let messages):
      guard let last = messages.last else { return self }
      return .messages(messages.dropLast() + [ChatMessage(role: last.role, content: text)])
    }
  }
}
