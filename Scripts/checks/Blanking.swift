/// The source with every character of a comment or a string literal made a space; line breaks stay where they are.
///
/// Knows line and nested block comments, `"…"`, `"""…"""`, their raw forms with `#`, and code interpolated into strings, which is
/// blanked with the string.
func blanked(_ source: String) -> String {
  var scanner = Blanking(source: Array(source.utf8))
  scanner.code(until: nil)
  return String(decoding: scanner.result, as: UTF8.self)
}

private struct Blanking {
  let source: [UInt8]
  var result: [UInt8] = []
  var position = 0

  init(source: [UInt8]) {
    self.source = source
    result.reserveCapacity(source.count)
  }

  /// Code up to the end, or, inside an interpolation, up to the parenthesis that closes it.
  mutating func code(until closing: UInt8?) {
    var depth = 0
    while position < source.count {
      if starts(with: "//") {
        while position < source.count, source[position] != UInt8(ascii: "\n") { blank() }
      } else if starts(with: "/*") {
        blockComment()
      } else if let pounds = stringStart() {
        string(pounds: pounds)
      } else {
        let byte = source[position]
        if closing != nil {
          if byte == UInt8(ascii: "(") { depth += 1 }
          if byte == UInt8(ascii: ")") { depth -= 1 }
          blank()
          if depth == 0 { return }
        } else {
          result.append(byte)
          position += 1
        }
      }
    }
  }

  /// Number of `#` before the quotation mark that begins a string here; nil where none does.
  private func stringStart() -> Int? {
    var end = position
    while end < source.count, source[end] == UInt8(ascii: "#") { end += 1 }
    return end < source.count && source[end] == UInt8(ascii: "\"") ? end - position : nil
  }

  private mutating func string(pounds: Int) {
    blank(pounds)
    let quote = starts(with: "\"\"\"") ? "\"\"\"" : "\""
    let raw = String(repeating: "#", count: pounds)
    blank(quote.utf8.count)
    while position < source.count {
      if starts(with: quote + raw) { return blank(quote.utf8.count + pounds) }
      if starts(with: "\\" + raw) {
        blank(1 + pounds)
        if starts(with: "(") { code(until: UInt8(ascii: ")")) } else { blank() }
      } else if quote.utf8.count == 1, source[position] == UInt8(ascii: "\n") {
        return  // not a string after all: a quotation mark in a regular expression
      } else {
        blank()
      }
    }
  }

  private mutating func blockComment() {
    var depth = 0
    repeat {
      if starts(with: "/*") {
        depth += 1
        blank(2)
      } else if starts(with: "*/") {
        depth -= 1
        blank(2)
      } else {
        blank()
      }
    } while depth > 0 && position < source.count
  }

  private func starts(with text: String) -> Bool {
    source[position...].starts(with: text.utf8)
  }

  private mutating func blank(_ count: Int = 1) {
    for _ in 0..<count where position < source.count {
      result.append(source[position] == UInt8(ascii: "\n") ? UInt8(ascii: "\n") : UInt8(ascii: " "))
      position += 1
    }
  }
}
