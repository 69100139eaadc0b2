/// The text of a Jinja template, to be searched for what it writes.
struct TemplateText {
  private let bytes: [UInt8]

  /// The template in `text`.
  init(_ text: String) { bytes = Array(text.utf8) }

  /// Whether `part` occurs.
  func contains(_ part: String) -> Bool { bytes.firstRange(of: Array(part.utf8)) != nil }

  /// What stands between the first occurrence of `start` and the next of `end`, where that is all literal text: no
  /// quotation mark closes it and no expression interrupts it.
  ///
  /// Escapes are resolved as in a Jinja string, so `\n` may be written as such.
  func literal(after start: String, until end: String) -> String? {
    var rest = bytes[...]
    while let opening = rest.firstRange(of: Array(start.utf8)) {
      rest = rest[opening.upperBound...]
      guard let closing = rest.firstRange(of: Array(end.utf8)) else { return nil }
      let found = rest[..<closing.lowerBound]
      let quotes = bytes[..<opening.lowerBound].last.flatMap { "'\"".utf8.contains($0) ? $0 : nil }
      let isLiteral = quotes.map { !found.contains($0) } ?? (found.firstIndex(of: UInt8(ascii: "{")) == nil)
      if isLiteral, !found.isEmpty { return Self.resolved(found) }
    }
    return nil
  }

  private static func resolved(_ bytes: ArraySlice<UInt8>) -> String {
    var result: [UInt8] = []
    var rest = bytes
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let escaped = rest.popFirst() else {
        result.append(byte)
        continue
      }
      switch escaped {
      case UInt8(ascii: "n"): result.append(UInt8(ascii: "\n"))
      case UInt8(ascii: "t"): result.append(UInt8(ascii: "\t"))
      case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): result.append(escaped)
      default: result += [byte, escaped]
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
