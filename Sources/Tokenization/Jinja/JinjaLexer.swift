/// A piece of a template.
enum JinjaToken: Equatable {
  /// Text to be written as it is.
  case data([UInt8])
  /// `{{`
  case variableBegin
  /// `}}`
  case variableEnd
  /// `{%`
  case blockBegin
  /// `%}`
  case blockEnd
  /// A name or keyword.
  case name(String)
  /// A string, its escapes resolved.
  case text([UInt8])
  /// An integer.
  case int(Int)
  /// A number with a fraction or an exponent.
  case double(Double)
  /// An operator or bracket, such as `==`.
  case mark(String)
}

/// Cuts a template into tokens, with transformers' settings of white space: the line end behind a block goes (`trim_blocks`),
/// and so do blanks before a block that begins a line (`lstrip_blocks`).
///
/// Source: `jinja2/lexer.py` of Jinja 3.1.
struct JinjaLexer {
  private let source: [UInt8]
  private var place = 0
  private var line = 1
  /// Whether what was consumed last ended with a line.
  private var isAtLineStart = true
  private var tokens: [(token: JinjaToken, line: Int)] = []

  private init(_ text: String) {
    // Line ends are one line feed each, and the last of the text is none.
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    var afterReturn = false
    for byte in text.utf8 {
      if byte == UInt8(ascii: "\r") {
        bytes.append(UInt8(ascii: "\n"))
      } else if byte != UInt8(ascii: "\n") || !afterReturn {
        bytes.append(byte)
      }
      afterReturn = byte == UInt8(ascii: "\r")
    }
    if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
    source = bytes
  }

  /// The tokens of a template and the lines they stand in.
  ///
  /// - Throws: `JinjaError` where a tag, a comment or a string does not end, or a character has no meaning.
  static func tokens(_ text: String) throws(JinjaError) -> [(token: JinjaToken, line: Int)] {
    var lexer = JinjaLexer(text)
    while lexer.place < lexer.source.count { try lexer.readUntilTagEnds() }
    return lexer.tokens
  }

  /// Data up to a tag, and the tag.
  private mutating func readUntilTagEnds() throws(JinjaError) {
    var start = place
    while start < source.count, !(byte(start) == "{" && ["{", "%", "#"].contains(byte(start + 1))) {
      start += 1
    }
    guard start < source.count else {
      append(.data(Array(source[place...])))
      return advance(to: source.count)
    }
    let kind = byte(start + 1)
    let sign = byte(start + 2)
    let hasSign = sign == "-" || sign == "+"
    let data = stripped(source[place..<start], sign: hasSign ? sign : nil, isVariable: kind == "{")
    if !data.isEmpty { append(.data(Array(data))) }
    advance(to: start + (hasSign ? 3 : 2))
    switch kind {
    case "#": try readComment()
    case "%":
      if let end = end(ofTag: "raw", at: place, trimsLine: false) {
        advance(to: end)
        return try readRaw()
      }
      append(.blockBegin)
      try readTag(end: "%}", .blockEnd)
    default:
      append(.variableBegin)
      try readTag(end: "}}", .variableEnd)
    }
  }

  /// What of the data before a tag is written.
  private func stripped(_ data: ArraySlice<UInt8>, sign: Unicode.Scalar?, isVariable: Bool) -> ArraySlice<
    UInt8
  > {
    if sign == "-" { return data[..<JinjaText.endOfContent(data)] }
    guard sign == nil, !isVariable else { return data }
    let lineStart = data.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? data.startIndex
    guard lineStart > data.startIndex || isAtLineStart,
      JinjaText.endOfContent(data[lineStart...]) == lineStart
    else { return data }
    return data[..<lineStart]
  }

  private mutating func readComment() throws(JinjaError) {
    let begin = place
    guard let end = firstIndex(of: "#}", from: place) else {
      throw JinjaError("a comment has no end", line: line)
    }
    advance(to: afterTagEnd(sign: end > begin ? byte(end - 1) : nil, from: end + 2, trimsLine: true))
  }

  private mutating func readRaw() throws(JinjaError) {
    var start = place
    while let next = firstIndex(of: "{%", from: start) {
      let sign = byte(next + 2)
      let hasSign = sign == "-" || sign == "+"
      if let end = end(ofTag: "endraw", at: next + (hasSign ? 3 : 2), trimsLine: true) {
        let data = stripped(source[place..<next], sign: hasSign ? sign : nil, isVariable: false)
        if !data.isEmpty { append(.data(Array(data))) }
        return advance(to: end)
      }
      start = next + 2
    }
    throw JinjaError("raw text has no end", line: line)
  }

  /// Where a tag of one word ends whose word begins at or after `start`; nil if there is another.
  private func end(ofTag word: String, at start: Int, trimsLine: Bool) -> Int? {
    var index = afterSpace(start)
    guard source[index...].starts(with: word.utf8) else { return nil }
    index = afterSpace(index + word.utf8.count)
    let sign = byte(index)
    if sign == "-" || (sign == "+" && trimsLine) { index += 1 }
    guard byte(index) == "%", byte(index + 1) == "}" else { return nil }
    return afterTagEnd(sign: sign, from: index + 2, trimsLine: trimsLine)
  }

  /// Where the template goes on behind the end of a tag with this sign.
  private func afterTagEnd(sign: Unicode.Scalar?, from index: Int, trimsLine: Bool) -> Int {
    if sign == "-" { return afterSpace(index) }
    return trimsLine && sign != "+" && byte(index) == "\n" ? index + 1 : index
  }

  /// The expressions of a tag, up to and with its end.
  private mutating func readTag(end: String, _ endToken: JinjaToken) throws(JinjaError) {
    let isVariable = endToken == .variableEnd
    var open: [String] = []
    while true {
      let start = afterSpace(place)
      advance(to: start)
      guard start < source.count else { throw JinjaError("a tag has no end, \(end)", line: line) }
      if open.isEmpty {
        let sign = byte(start)
        let hasSign = sign == "-" || (sign == "+" && !isVariable)
        let index = start + (hasSign ? 1 : 0)
        if source[index...].starts(with: end.utf8) {
          append(endToken)
          return advance(to: afterTagEnd(sign: hasSign ? sign : nil, from: index + 2, trimsLine: !isVariable))
        }
      }
      let first = byte(start) ?? "\0"
      if first == "'" || first == "\"" {
        try readText(quote: source[start])
      } else if ("0"..."9").contains(first) {
        try readNumber()
      } else if isNamePart(source[start]) {
        var index = start
        while index < source.count, isNamePart(source[index]) { index += 1 }
        append(.name(String(decoding: source[start..<index], as: UTF8.self)))
        advance(to: index)
      } else {
        try readMark(&open)
      }
    }
  }

  private mutating func readMark(_ open: inout [String]) throws(JinjaError) {
    guard let mark = Self.marks.first(where: { source[place...].starts(with: $0.utf8) }) else {
      let shown = String(decoding: source[place...].prefix(4), as: UTF8.self).prefix(1)
      throw JinjaError("“\(shown)” has no meaning in a tag", line: line)
    }
    if let closing = ["(": ")", "[": "]", "{": "}"][mark] {
      open.append(closing)
    } else if [")", "]", "}"].contains(mark), open.popLast() != mark {
      throw JinjaError("“\(mark)” closes nothing", line: line)
    }
    append(.mark(mark))
    advance(to: place + mark.utf8.count)
  }

  /// Longer ones first.
  private static let marks = [
    "==", "!=", ">=", "<=", "//", "**", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<",
    "=", ".",
    ":", "|", ",",
  ]

  private mutating func readText(quote: UInt8) throws(JinjaError) {
    var result: [UInt8] = []
    var index = place + 1
    while index < source.count, source[index] != quote {
      guard source[index] == UInt8(ascii: "\\") else {
        result.append(source[index])
        index += 1
        continue
      }
      guard let (bytes, next) = escape(at: index + 1) else {
        throw JinjaError("a string has an escape that means no character", line: line)
      }
      result += bytes
      index = next
    }
    guard index < source.count else { throw JinjaError("a string has no end", line: line) }
    append(.text(result))
    advance(to: index + 1)
  }

  /// What an escape stands for that goes on at `index`, as in Python's strings, and where the text goes on.
  private func escape(at index: Int) -> (bytes: [UInt8], next: Int)? {
    guard let kind = byte(index) else { return nil }
    func scalar(_ digits: Range<Int>, radix: Int) -> [UInt8]? {
      guard digits.upperBound <= source.count,
        let value = UInt32(String(decoding: source[digits], as: UTF8.self), radix: radix),
        let scalar = Unicode.Scalar(value)
      else { return nil }
      return Array(String(scalar).utf8)
    }
    switch kind {
    case "n": return ([0x0A], index + 1)
    case "t": return ([0x09], index + 1)
    case "r": return ([0x0D], index + 1)
    case "a": return ([0x07], index + 1)
    case "b": return ([0x08], index + 1)
    case "f": return ([0x0C], index + 1)
    case "v": return ([0x0B], index + 1)
    case "\n": return ([], index + 1)
    case "\\", "'", "\"": return ([source[index]], index + 1)
    case "x", "u", "U":
      let end = index + 1 + (kind == "x" ? 2 : kind == "u" ? 4 : 8)
      return scalar(index + 1..<end, radix: 16).map { ($0, end) }
    case "0"..."7":
      var end = index + 1
      while end < index + 3, let digit = byte(end), ("0"..."7").contains(digit) { end += 1 }
      return scalar(index..<end, radix: 8).map { ($0, end) }
    case "N": return nil
    default: return ([UInt8(ascii: "\\")], index)
    }
  }

  private mutating func readNumber() throws(JinjaError) {
    var index = place
    var isDouble = false
    let start = index
    if byte(index) == "0", let mark = byte(index + 1), let radix = Self.radices[mark] {
      while index < source.count, isNamePart(source[index]) { index += 1 }
      let digits = source[(start + 2)..<index].filter { $0 != UInt8(ascii: "_") }
      guard let value = Int(String(decoding: digits, as: UTF8.self), radix: radix) else {
        throw JinjaError("a number of base \(radix) cannot be read", line: line)
      }
      append(.int(value))
      return advance(to: index)
    }
    func digits(from index: Int) -> Int {
      var index = index
      while let digit = byte(index), ("0"..."9").contains(digit) || digit == "_" { index += 1 }
      return index
    }
    index = digits(from: index)
    func isDigit(_ index: Int) -> Bool { byte(index).map { ("0"..."9").contains($0) } ?? false }
    if byte(index) == ".", isDigit(index + 1) {
      isDouble = true
      index = digits(from: index + 1)
    }
    if let exponent = byte(index), exponent == "e" || exponent == "E" {
      let hasSign = byte(index + 1) == "+" || byte(index + 1) == "-"
      if isDigit(index + (hasSign ? 2 : 1)) {
        isDouble = true
        index = digits(from: index + (hasSign ? 2 : 1))
      }
    }
    let text = String(decoding: source[start..<index].filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
    if isDouble, let value = Double(text) {
      append(.double(value))
    } else if !isDouble, let value = Int(text), index == source.count || !isNamePart(source[index]) {
      append(.int(value))
    } else {
      throw JinjaError("\(text.prefix(24)) is not a number that can be read", line: line)
    }
    advance(to: index)
  }

  private static let radices: [Unicode.Scalar: Int] = [
    "x": 16, "X": 16, "o": 8, "O": 8, "b": 2, "B": 2,
  ]

  private func isNamePart(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
      true
    default: false
    }
  }

  /// The character at `index` if it is of ASCII; nil behind the end.
  private func byte(_ index: Int) -> Unicode.Scalar? {
    index < source.count ? Unicode.Scalar(source[index]) : nil
  }

  private func afterSpace(_ index: Int) -> Int {
    index + JinjaText.spaceCount(source[min(index, source.count)...])
  }

  private func firstIndex(of pair: String, from start: Int) -> Int? {
    let pair = Array(pair.utf8)
    guard source.count - start >= 2 else { return nil }
    return (start...source.count - 2).first { source[$0] == pair[0] && source[$0 + 1] == pair[1] }
  }

  private mutating func append(_ token: JinjaToken) { tokens.append((token, line)) }

  private mutating func advance(to index: Int) {
    line += source[place..<index].count { $0 == UInt8(ascii: "\n") }
    if index > place { isAtLineStart = source[index - 1] == UInt8(ascii: "\n") }
    place = index
  }
}
