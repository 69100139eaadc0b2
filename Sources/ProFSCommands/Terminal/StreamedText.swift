internal import Tokenization

/// Text that appears token by token: whole words only, so that characters of several tokens come whole and masking sees
/// what it masks.
struct StreamedText {
  private let tokenizer: Tokenizer
  private let unmasked: Bool
  private var ids: [Int32] = []
  private var shown = 0

  /// Nothing yet.
  init(_ tokenizer: Tokenizer, unmasked: Bool) {
    self.tokenizer = tokenizer
    self.unmasked = unmasked
  }

  /// What can be shown now that `token` is there.
  mutating func add(_ token: Int32) -> String {
    ids.append(token)
    let text = Array(tokenizer.decode(ids))
    let end = text.lastIndex { !Self.joinsWords($0) } ?? 0
    return take(text, upTo: end)
  }

  /// What is left to show.
  mutating func finish() -> String {
    let text = Array(tokenizer.decode(ids))
    return take(text, upTo: text.count)
  }

  private mutating func take(_ text: [Character], upTo end: Int) -> String {
    guard end > shown else { return "" }
    let part = String(text[shown..<end])
    shown = end
    return unmasked ? part : Masking.mask(part)
  }

  /// Whether a character may be part of a word, or of a character that is not whole yet.
  private static func joinsWords(_ character: Character) -> Bool {
    character.isLetter || character == "'" || character == "*" || character == "\u{FFFD}"
  }
}
