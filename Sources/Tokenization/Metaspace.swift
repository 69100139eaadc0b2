/// SentencePiece's way with spaces: they become a character that shows, one is put before the text, and the text is
/// cut before each.
struct Metaspace: Sendable, Equatable {
  /// Where a space is put that the text does not have; the names are those of `tokenizer.json`.
  enum PrependScheme: String, Sendable, CaseIterable {
    /// Before each part of the text: at its beginning, and after each added token.
    case always
    /// At the beginning of the text only.
    case first
    case never
  }

  /// The character that stands for a space, in UTF-8.
  var replacement = TokenSpelling.space

  /// Where a space is put.
  var prependScheme = PrependScheme.always

  /// Whether the text is cut before each space.
  var splits = true

  /// Calls `body` with the pieces of `text`, and with whether the text begins with them.
  func split(
    _ text: UnsafeBufferPointer<UInt8>, isStart: Bool,
    _ body: (_ piece: UnsafeBufferPointer<UInt8>, _ isStart: Bool) throws -> Void
  ) rethrows {
    let spelled = spell(text, isStart: isStart)
    try spelled.withUnsafeBufferPointer { text in
      guard splits else { return try body(text, isStart) }
      var start = 0
      for position in text.indices.dropFirst() where begins(text, at: position) {
        try body(UnsafeBufferPointer(rebasing: text[start..<position]), isStart && start == 0)
        start = position
      }
      if start < text.count {
        try body(UnsafeBufferPointer(rebasing: text[start...]), isStart && start == 0)
      }
    }
  }

  private func begins(_ text: UnsafeBufferPointer<UInt8>, at position: Int) -> Bool {
    text[position] == replacement[0] && position + replacement.count <= text.count
      && UnsafeBufferPointer(rebasing: text[position..<position + replacement.count])
        .elementsEqual(replacement)
  }

  /// `text` with its spaces replaced, and one before it where it needs one.
  private func spell(_ text: UnsafeBufferPointer<UInt8>, isStart: Bool) -> [UInt8] {
    let prepends =
      switch prependScheme {
      case .always: true
      case .first: isStart
      case .never: false
      }
    var result: [UInt8] = []
    result.reserveCapacity(text.count + text.count / 2 + replacement.count)
    if prepends, text.first != UInt8(ascii: " "), text.isEmpty || !begins(text, at: 0) {
      result.append(contentsOf: replacement)
    }
    for byte in text {
      if byte == UInt8(ascii: " ") { result.append(contentsOf: replacement) } else { result.append(byte) }
    }
    return result
  }
}
