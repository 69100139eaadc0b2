/// What the harness does to texts with Python's string methods.
enum PythonText {
  /// Whether `str.isspace` and `str.strip` count a character as white space.
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
  }

  /// `str.strip()`.
  static func stripped(_ text: String) -> String {
    let rest = text.unicodeScalars.drop(while: isSpace)
    guard let last = rest.lastIndex(where: { !isSpace($0) }) else { return "" }
    return String(rest[...last])
  }

  /// `str.capitalize()`: the first character in title case, the others in lower case.
  static func capitalized(_ text: String) -> String {
    guard let first = text.unicodeScalars.first else { return "" }
    return first.properties.titlecaseMapping
      + text.unicodeScalars.dropFirst().map(\.properties.lowercaseMapping).joined()
  }

  /// A HellaSwag text without the headings that WikiHow left in it: `strip()`, ` [title]` to `. `, bracketed words out,
  /// double spaces to single ones.
  static func withoutMarkup(_ text: String) -> String {
    let bytes = Array(stripped(text).utf8).replacing(Array(" [title]".utf8), with: Array(". ".utf8))
    let spaces = Array("  ".utf8)
    return String(
      decoding: withoutBrackets(bytes).replacing(spaces, with: spaces.prefix(1)), as: UTF8.self)
  }

  /// `re.sub(r"\[.*?\]", "", …)`: the shortest stretches in brackets, none of them across lines.
  private static func withoutBrackets(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    var position = 0
    while position < bytes.count {
      let rest = bytes[position...]
      guard let open = rest.firstIndex(of: UInt8(ascii: "[")),
        let end = rest[open...].firstIndex(where: { $0 == UInt8(ascii: "]") || $0 == UInt8(ascii: "\n") })
      else { break }
      result += bytes[position..<open]
      if bytes[end] == UInt8(ascii: "\n") { result += bytes[open...end] }
      position = end + 1
    }
    return result + bytes[position...]
  }
}
