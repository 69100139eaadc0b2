/// Texts as Python has them, in UTF-8: what counts as white space, and where it ends.
enum JinjaText {
  /// Whether Python's `str.isspace` holds: Unicode's white space, and the four separators of ASCII.
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
  }

  /// Bytes of white space that `text` begins with.
  static func spaceCount(_ text: ArraySlice<UInt8>) -> Int {
    var index = text.startIndex
    while let scalar = scalar(text[index...]), isSpace(scalar) { index += UTF8.width(scalar) }
    return index - text.startIndex
  }

  /// Where the white space begins that `text` ends with.
  static func endOfContent(_ text: ArraySlice<UInt8>) -> Int {
    var end = text.endIndex
    while end > text.startIndex {
      var start = end - 1
      while start > text.startIndex, text[start] & 0xC0 == 0x80 { start -= 1 }
      guard let last = scalar(text[start..<end]), isSpace(last) else { break }
      end = start
    }
    return end
  }

  /// `text` without white space at its ends.
  static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let rest = text.dropFirst(spaceCount(text))
    return rest[..<endOfContent(rest)]
  }

  private static func scalar(_ text: ArraySlice<UInt8>) -> Unicode.Scalar? {
    guard let first = text.first else { return nil }
    if first < 0x80 { return Unicode.Scalar(first) }
    return String(decoding: text.prefix(4), as: UTF8.self).unicodeScalars.first
  }

  /// The code points of `text`.
  static func scalars(_ text: [UInt8]) -> [Unicode.Scalar] {
    Array(String(decoding: text, as: UTF8.self).unicodeScalars)
  }

  /// `scalars` in UTF-8.
  static func bytes(_ scalars: some Sequence<Unicode.Scalar>) -> [UInt8] {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    return Array(String(text).utf8)
  }
}

extension UTF8 {
  /// Bytes of a code point.
  fileprivate static func width(_ scalar: Unicode.Scalar) -> Int {
    switch scalar.value {
    case ..<0x80: 1
    case ..<0x800: 2
    case ..<0x10000: 3
    default: 4
    }
  }
}
