/// The text of a Jinja template, to be searched for what it writes.
struct TemplateText {
  private let bytes: [UInt8]
  /// Bytes that a literal has at most, so that the time for a search grows with the template alone.
  private static let literalLimit = 4096

  /// The template in `text`.
  init(_ text: String) { bytes = Array(text.utf8) }

  /// Whether `part` occurs.
  func contains(_ part: String) -> Bool { firstIndex(of: Array(part.utf8), from: 0) != nil }

  /// Where `part` first occurs at or behind `start`.
  private func firstIndex(of part: [UInt8], from start: Int) -> Int? {
    guard let first = part.first, bytes.count - start >= part.count else { return nil }
    return (start...bytes.count - part.count).first { index in
      bytes[index] == first && part.indices.allSatisfy { bytes[index + $0] == part[$0] }
    }
  }

  /// The places behind every occurrence of `part`.
  func ends(of part: String) -> [Int] {
    let part = Array(part.utf8)
    var (ends, next) = ([Int](), 0)
    while let index = firstIndex(of: part, from: next) {
      next = index + part.count
      ends.append(next)
    }
    return ends
  }

  /// Whether `part` stands at `place`.
  func begins(_ part: String, at place: Int) -> Bool { bytes[place...].starts(with: part.utf8) }

  /// What stands between the first occurrence of `start` and the next of `end`, where that is all literal text: no
  /// quotation mark closes it and no expression interrupts it.
  ///
  /// Escapes are resolved as in a Jinja string, so `\n` may be written as such.
  func literal(after start: String, until end: String) -> String? {
    let (start, end) = (Array(start.utf8), Array(end.utf8))
    var (opening, closing) = (firstIndex(of: start, from: 0), 0)
    while let index = opening {
      let first = index + start.count
      if closing < first {
        guard let next = firstIndex(of: end, from: first) else { return nil }
        closing = next
      }
      if (1...Self.literalLimit).contains(closing - first) {
        let found = bytes[first..<closing]
        let quote = bytes[..<index].last.flatMap { "'\"".utf8.contains($0) ? $0 : nil }
        if !found.contains(quote ?? UInt8(ascii: "{")) { return Self.resolved(found) }
      }
      opening = firstIndex(of: start, from: first)
    }
    return nil
  }

  /// What stands between the first occurrence of `start` and the next of `end`; nil where either is missing.
  func text(after start: String, until end: String) -> TemplateText? {
    let (start, end) = (Array(start.utf8), Array(end.utf8))
    guard let opening = firstIndex(of: start, from: 0),
      let closing = firstIndex(of: end, from: opening + start.count)
    else { return nil }
    return TemplateText(String(decoding: bytes[opening + start.count..<closing], as: UTF8.self))
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
