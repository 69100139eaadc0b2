/// A token that is found in the text itself, before pre-tokenization.
struct AddedToken: Sendable, Equatable {
  /// Its id.
  var id: Int32

  /// The text it stands for, in UTF-8; not empty.
  var content: [UInt8]

  /// Whether decoding can leave it out.
  var isSpecial: Bool

  /// Whether it only counts where no word character touches it.
  var isSingleWord = false

  /// Whether it takes in the white space before it.
  var stripsLeft = false

  /// Whether it takes in the white space after it.
  var stripsRight = false

  /// Whether it is looked for in the normalized text; otherwise in the text as given, and earlier.
  var isNormalized = false

  /// Whether its content is normalized itself before it is looked for in the normalized text, as `tokenizers` does;
  /// SentencePiece's user-defined pieces stand there as they are written.
  var isContentNormalized = true
}

/// Finds added tokens in text: of those that start at the leftmost place, the longest.
struct AddedTokenMatcher: Sendable {
  /// Longest content of an added token, in bytes; it bounds the work at each place of a text.
  static let contentLimit = 1024

  private let tokens: [AddedToken]
  private let trie: ByteTrie
  /// For each byte, whether a token starts with it.
  private var starts = [Bool](repeating: false, count: 256)

  /// A matcher of `tokens`, each at most ``contentLimit`` bytes long and not empty; of two with the same content the
  /// first counts.
  init(_ tokens: [AddedToken]) {
    self.tokens = tokens
    var contents = ByteStrings()
    for token in tokens {
      starts[Int(token.content[0])] = true
      contents.append(token.content)
    }
    trie = ByteTrie(contents, values: tokens.indices.map(Int32.init))
  }

  /// A part of a text.
  enum Part {
    /// Bytes between added tokens; not empty.
    case text(Range<Int>)
    /// An added token's id.
    case token(Int32)
  }

  /// Calls `body` with the parts of `text` in order.
  func split(_ text: UnsafeBufferPointer<UInt8>, _ body: (Part) throws -> Void) rethrows {
    guard !tokens.isEmpty else { return text.isEmpty ? () : try body(.text(0..<text.count)) }
    var covered = 0
    var position = 0
    while position < text.count {
      guard starts[Int(text[position])], let match = trie.longestMatch(text, at: position) else {
        position += 1
        continue
      }
      let token = tokens[Int(match.value)]
      var start = position
      var end = match.end
      position = end
      if token.isSingleWord, touchesWord(text, start, end) { continue }
      if token.stripsLeft {
        while start > covered, case let scalar = UTF8Scalar.last(text, before: start),
          scalar.properties.isWhitespace
        {
          start -= UTF8.width(scalar)
        }
      }
      if token.stripsRight {
        while end < text.count, case let scalar = UTF8Scalar.first(text, at: end),
          scalar.properties.isWhitespace
        {
          end += UTF8.width(scalar)
        }
      }
      if covered < start { try body(.text(covered..<start)) }
      try body(.token(token.id))
      // Matches do not overlap, but one may begin in the white space that the last one took in.
      covered = end
    }
    if covered < text.count { try body(.text(covered..<text.count)) }
  }

  private func touchesWord(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) -> Bool {
    start > 0 && UTF8Scalar.last(text, before: start).isWordCharacter
      || end < text.count && UTF8Scalar.first(text, at: end).isWordCharacter
  }
}
