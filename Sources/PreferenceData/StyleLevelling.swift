/// Writes both sides of pairs in one way, where the way they are written tells them apart.
///
/// Pairs whose rejected sides are in lower case, with spaces before their punctuation, teach that style first of all. Levelled,
/// sentences begin with a capital, marks stand right behind their words, and a mark that ends one side only is dropped;
/// whatever does not tell the sides apart is left as it is.
public struct StyleLevelling: Sendable, Hashable {
  /// What tells the sides apart and is levelled.
  public let traits: [SideTrait]

  /// What can be levelled without changing what is said.
  static let levelled: Set<SideTrait> = [.initialCapital, .finalPunctuation, .spacedPunctuation]

  /// Levels that of ``SideTrait`` in which the sides of all `pairs` together differ.
  public init(_ pairs: some Sequence<PreferencePair>) {
    self.init(SideBalance.all(pairs))
  }

  /// Levels what is imbalanced among `balances`.
  package init(_ balances: [SideBalance]) {
    traits = balances.filter { $0.isImbalanced && Self.levelled.contains($0.trait) }.map(\.trait)
  }

  /// The pair with both sides levelled; of a conversation, its last message.
  public func callAsFunction(_ pair: PreferencePair) -> PreferencePair {
    guard !traits.isEmpty else { return pair }
    var (chosen, rejected) = (pair.chosen.lastText, pair.rejected.lastText)
    if traits.contains(.spacedPunctuation) {
      (chosen, rejected) = (Self.closingUp(chosen), Self.closingUp(rejected))
    }
    if traits.contains(.initialCapital) {
      (chosen, rejected) = (
        Self.capitalized(chosen, continuing: pair.prompt), Self.capitalized(rejected, continuing: pair.prompt)
      )
    }
    if traits.contains(.finalPunctuation) {
      let ends = [chosen, rejected].map { SideTrait.finalPunctuation.value(of: $0) > 0 }
      if ends[0] != ends[1] { (chosen, rejected) = (Self.withoutEnd(chosen), Self.withoutEnd(rejected)) }
    }
    return PreferencePair(
      prompt: pair.prompt, chosen: pair.chosen.replacingLastText(chosen),
      rejected: pair.rejected.replacingLastText(rejected), line: pair.line)
  }

  /// Without white space before closing marks, but at the beginning.
  private static func closingUp(_ text: String) -> String {
    var result = ""
    var space = ""
    for character in text {
      if character.isWhitespace {
        space.append(character)
        continue
      }
      if result.isEmpty || !SideTrait.closingMarks.contains(character) { result += space }
      space = ""
      result.append(character)
    }
    return result + space
  }

  /// With a capital at the beginning of every sentence; the first is one where the text does not go on in a prompt's.
  private static func capitalized(_ text: String, continuing prompt: Passage?) -> String {
    var isBeginning = prompt == nil || text.first?.isWhitespace == false
    var endsSentence = false
    return String(
      text.flatMap { character -> String in
        defer {
          if character.isWhitespace {
            isBeginning = isBeginning || endsSentence
          } else {
            endsSentence = [".", "!", "?", "…"].contains(character)
            if character.isLetter || character.isNumber { isBeginning = false }
          }
        }
        return isBeginning && character.isLetter ? character.uppercased() : String(character)
      })
  }

  /// Without the marks at the end, and what space is between them.
  private static func withoutEnd(_ text: String) -> String {
    let end = text.lastIndex { !$0.isWhitespace && !SideTrait.closingMarks.contains($0) }
    return end.map { String(text[...$0]) } ?? text
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
