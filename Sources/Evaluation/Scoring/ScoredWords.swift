internal import Tokenization

/// The words of a text as the n-gram scorer sees them: in lower case, without accents and punctuation, with common
/// disguises undone.
///
/// - A word is a run of letters and digits; apostrophes inside it are dropped, other punctuation divides.
/// - `@`, `$` and `!` among letters stand for a, s and i, as digits do (`sh1t`), where a letter comes before them or
///   three letters in all are left.
/// - `*`, `#` and `%` among letters are one unknown letter, `*`, however many (`f**k`); a word made of such signs alone
///   is `*`.
/// - A letter that stands three times or more in a row stands twice.
/// - Three or more single letters in a row are one word (`f u c k`, `f.u.c.k`).
/// - A number is as many zeros as it has digits, at most four.
package struct ScoredWords: Sendable {
  /// Letters of all words, in UTF-8.
  package private(set) var bytes: [UInt8] = []
  /// Where each word ends in `bytes`; it begins where the one before it ends.
  package private(set) var ends: [Int] = []

  /// Bytes of a word beyond these are cut off.
  private static let maximumLength = 24
  /// Words of a text beyond these are not read.
  package static let maximumCount = 4096

  /// Number of words.
  package var count: Int { ends.count }

  /// Where the letters of a word lie in `bytes`.
  package func range(_ word: Int) -> Range<Int> { (word == 0 ? 0 : ends[word - 1])..<ends[word] }

  /// Divides `text` into words.
  package init(_ text: String) {
    var text = text
    let folded = text.withUTF8 { TextFolding.fold($0) }
    bytes.reserveCapacity(folded.count)
    var token: [UInt8] = []
    var index = 0
    while index < folded.count, count < Self.maximumCount {
      let byte = folded[index]
      switch Self.kind(folded, at: index) {
      case .letter(let length):
        token += folded[index..<index + length]
        index += length
      case .sign:
        token.append(byte)
        index += 1
      case .apostrophe(let length):
        index += length
      case .separator(let length):
        append(token)
        token.removeAll(keepingCapacity: true)
        index += length
      }
    }
    append(token)
    joinSingleLetters()
  }

  private enum Kind {
    case letter(Int), sign, apostrophe(Int), separator(Int)
  }

  /// What the character at `index` is, and its length in bytes.
  private static func kind(_ text: [UInt8], at index: Int) -> Kind {
    let byte = text[index]
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .letter(1)
    case UInt8(ascii: "*"), UInt8(ascii: "#"), UInt8(ascii: "%"), UInt8(ascii: "@"), UInt8(ascii: "$"),
      UInt8(ascii: "!"):
      return .sign
    case UInt8(ascii: "'"): return .apostrophe(1)
    case 0..<0x80: return .separator(1)
    default: break
    }
    let length = min(byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2, text.count - index)
    if byte == 0xE2, length == 3 {
      // U+2000 to U+2FFF are punctuation, arrows and symbols; U+2018 and U+2019 serve as apostrophes.
      return text[index + 1] == 0x80 && (0x98...0x99).contains(text[index + 2])
        ? .apostrophe(3) : .separator(3)
    }
    // C2 leads the punctuation of Latin-1, E3 80 that of East Asia, F0 and above emoji.
    let isSymbol = byte == 0xC2 || byte >= 0xF0 || (byte == 0xE3 && length == 3 && text[index + 1] == 0x80)
    return isSymbol ? .separator(length) : .letter(length)
  }

  /// Adds the word that a run of letters and signs stands for, if any.
  private mutating func append(_ token: [UInt8]) {
    guard !token.isEmpty else { return }
    let letters = token.count { Self.isLetter($0) }
    guard letters > 0 else {
      appendWithoutLetters(token)
      return
    }
    let start = bytes.count
    guard var first = token.firstIndex(where: { Self.isAlphanumeric($0) }),
      let last = token.lastIndex(where: { Self.isAlphanumeric($0) })
    else { return }
    // `$hit` and `@ss` begin with a letter in disguise; a `*` before a word is emphasis.
    if first > 0, token[first - 1] == UInt8(ascii: "@") || token[first - 1] == UInt8(ascii: "$"),
      Self.isLetter(token[first])
    {
      first -= 1
    }
    for index in first...last {
      appendLetter(token[index], afterLetter: index > first && bytes.count > start, letters: letters, start)
    }
    let tail = token[(last + 1)...]
    let masks = tail.count { $0 != UInt8(ascii: "!") }
    if masks > 0, first == 0, tail.contains(UInt8(ascii: "*")) || masks > 1 {
      appendLetter(UInt8(ascii: "*"), afterLetter: true, letters: letters, start)
    }
    ends.append(bytes.count)
  }

  private mutating func appendLetter(_ byte: UInt8, afterLetter: Bool, letters: Int, _ start: Int) {
    var letter = byte
    switch byte {
    case UInt8(ascii: "@"): letter = UInt8(ascii: "a")
    case UInt8(ascii: "$"): letter = UInt8(ascii: "s")
    case UInt8(ascii: "!"): letter = UInt8(ascii: "i")
    case UInt8(ascii: "#"), UInt8(ascii: "%"): letter = UInt8(ascii: "*")
    case UInt8(ascii: "0")...UInt8(ascii: "9") where (afterLetter && letters > 1) || letters > 2:
      letter = Self.disguised[Int(byte - UInt8(ascii: "0"))]
    default: break
    }
    let count = bytes.count
    guard count - start < Self.maximumLength else { return }
    if letter == UInt8(ascii: "*"), count > start, bytes[count - 1] == letter { return }
    if letter < 0x80, count - start >= 2, bytes[count - 1] == letter, bytes[count - 2] == letter { return }
    bytes.append(letter)
  }

  /// The letters that digits stand for inside a word; those without a likeness stay.
  private static let disguised = Array("oi2eas6t89".utf8)

  /// A number, or a word hidden behind signs.
  private mutating func appendWithoutLetters(_ token: [UInt8]) {
    let digits = token.count { Self.isAlphanumeric($0) }
    if digits > 0 {
      bytes += repeatElement(UInt8(ascii: "0"), count: min(digits, 4))
    } else if token.count >= 3, Set(token).subtracting([UInt8(ascii: "!")]).count >= 2 {
      bytes.append(UInt8(ascii: "*"))
    } else {
      return
    }
    ends.append(bytes.count)
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    byte >= 0x80 || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  /// Makes one word of three or more single letters in a row.
  private mutating func joinSingleLetters() {
    var joined: [Int] = []
    joined.reserveCapacity(ends.count)
    var word = 0
    while word < count {
      var end = word
      while end < count, range(end).count == 1, Self.isLetter(bytes[ends[end] - 1]) { end += 1 }
      if end - word >= 3 {
        joined.append(ends[end - 1])
        word = end
      } else {
        joined.append(ends[word])
        word += 1
      }
    }
    ends = joined
  }
}
