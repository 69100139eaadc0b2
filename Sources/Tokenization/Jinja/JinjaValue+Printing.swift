extension JinjaValue {
  /// What Python's `str` makes of it, behind `bytes`; it grows with the value alone.
  ///
  /// - Throws: `JinjaError` for what Python writes with its place in memory.
  func print(to bytes: inout [UInt8]) throws(JinjaError) {
    switch self {
    case .undefined: break
    case .text(let text), .safe(let text): bytes += text
    default: try printLiteral(to: &bytes)
    }
  }

  /// What Python's `repr` makes of it.
  private func printLiteral(to bytes: inout [UInt8]) throws(JinjaError) {
    func each<T>(
      _ items: [T], _ open: String, _ close: String, _ print: (T, inout [UInt8]) throws(JinjaError) -> Void
    ) throws(JinjaError) {
      bytes += open.utf8
      for (index, item) in items.enumerated() {
        if index > 0 { bytes += ", ".utf8 }
        try print(item, &bytes)
      }
      bytes += close.utf8
    }
    switch self {
    case .undefined: bytes += "Undefined".utf8
    case .none: bytes += "None".utf8
    case .bool(let value): bytes += (value ? "True" : "False").utf8
    case .int(let value): bytes += String(value).utf8
    case .double(let value): bytes += Self.shown(value).utf8
    case .text(let text): Self.printLiteral(text, to: &bytes)
    case .safe(let text):
      bytes += "Markup(".utf8
      Self.printLiteral(text, to: &bytes)
      bytes.append(UInt8(ascii: ")"))
    case .list(let list):
      let (open, close) =
        switch list.kind {
        case .list: ("[", "]")
        case .tuple: ("(", list.elements.count == 1 ? ",)" : ")")
        case .view(let name): ("dict_\(name)([", "])")
        case .range(let first, let end, let step):
          ("range(\(first), \(end)\(step == 1 ? "" : ", \(step)")", ")")
        }
      try each(list.kind.isWritten ? list.elements : [], open, close) { element, bytes throws(JinjaError) in
        try element.printLiteral(to: &bytes)
      }
    case .dictionary(let dictionary):
      try each(dictionary.members, "{", "}") { member, bytes throws(JinjaError) in
        try member.key.printLiteral(to: &bytes)
        bytes += ": ".utf8
        try member.value.printLiteral(to: &bytes)
      }
    case .iterator, .namespace, .loop, .macro, .function, .method:
      throw JinjaError("\(kind) is written as a text")
    }
  }

  /// Python's shortest digits, with an exponent from 10¹⁶ on and below 10⁻⁴.
  private static func shown(_ value: Double) -> String {
    guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
    // Swift's digits are the same, but its exponents begin with 15.
    if abs(value) < 1e16, let integer = Int(exactly: value), abs(integer) >= 1 << 53 { return "\(integer).0" }
    return "\(value)"
  }

  private static func printLiteral(_ text: [UInt8], to bytes: inout [UInt8]) {
    let single = UInt8(ascii: "'")
    let quote = text.contains(single) && !text.contains(UInt8(ascii: "\"")) ? UInt8(ascii: "\"") : single
    bytes.append(quote)
    for scalar in JinjaText.scalars(text) {
      switch scalar {
      case "\n": bytes += "\\n".utf8
      case "\r": bytes += "\\r".utf8
      case "\t": bytes += "\\t".utf8
      case "\\": bytes += "\\\\".utf8
      case _ where scalar.value == UInt32(quote): bytes += [UInt8(ascii: "\\"), quote]
      case _ where Self.isPrinted(scalar): bytes += String(scalar).utf8
      default:
        let value = scalar.value
        let (mark, width) = value < 0x100 ? ("x", 2) : value < 0x10000 ? ("u", 4) : ("U", 8)
        bytes += "\\\(mark)\(Self.hexadecimal(value, width))".utf8
      }
    }
    bytes.append(quote)
  }

  private static func isPrinted(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    case .spaceSeparator: scalar == " "
    default: true
    }
  }

  private static func hexadecimal(_ value: UInt32, _ width: Int) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  /// How Python's `json.dumps` writes it, with `ensure_ascii=False`.
  struct JSONStyle {
    /// What a level is indented by; nil where all stands in one line.
    var indent: [UInt8]?
    /// What stands between elements, and between keys and values.
    var separators: (element: [UInt8], key: [UInt8])
    /// Whether keys are in order.
    var sortsKeys = false
    /// Whether other characters than ASCII's are escaped.
    var isASCII = false

    /// Python's, indented or not.
    init(indent: [UInt8]? = nil) {
      self.indent = indent
      separators = (Array((indent == nil ? ", " : ",").utf8), Array(": ".utf8))
    }
  }

  /// The value as JSON, behind `bytes`.
  ///
  /// - Throws: `JinjaError` for what JSON does not have.
  func printJSON(to bytes: inout [UInt8], _ style: JSONStyle, level: Int = 0) throws(JinjaError) {
    func breakLine(_ level: Int) {
      guard let indent = style.indent else { return }
      bytes.append(UInt8(ascii: "\n"))
      for _ in 0..<level { bytes += indent }
    }
    switch self {
    case .none: bytes += "null".utf8
    case .bool(let value): bytes += (value ? "true" : "false").utf8
    case .int(let value): bytes += String(value).utf8
    case .double(let value):
      bytes +=
        (value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : Self.shown(value))
        .utf8
    case .text(let text), .safe(let text): Self.printJSON(text, to: &bytes, isASCII: style.isASCII)
    case .list(let list) where list.kind.isListOrTuple:
      bytes.append(UInt8(ascii: "["))
      for (index, element) in list.elements.enumerated() {
        if index > 0 { bytes += style.separators.element }
        breakLine(level + 1)
        try element.printJSON(to: &bytes, style, level: level + 1)
      }
      if !list.elements.isEmpty { breakLine(level) }
      bytes.append(UInt8(ascii: "]"))
    case .dictionary(let dictionary):
      var members = dictionary.members
      if style.sortsKeys {
        guard members.dropFirst().allSatisfy({ $0.key.isLess(than: members[0].key) != nil }) else {
          throw JinjaError("keys that have no order are to be written in it")
        }
        members.sort { $0.key.isLess(than: $1.key) ?? false }
      }
      bytes.append(UInt8(ascii: "{"))
      for (index, member) in members.enumerated() {
        if index > 0 { bytes += style.separators.element }
        breakLine(level + 1)
        if case .text = member.key {
          try member.key.printJSON(to: &bytes, style)
        } else {
          var key: [UInt8] = []
          try member.key.printJSON(to: &key, style)
          Self.printJSON(key, to: &bytes, isASCII: style.isASCII)
        }
        bytes += style.separators.key
        try member.value.printJSON(to: &bytes, style, level: level + 1)
      }
      if !members.isEmpty { breakLine(level) }
      bytes.append(UInt8(ascii: "}"))
    case .undefined, .list, .iterator, .namespace, .loop, .macro, .function, .method:
      throw JinjaError("\(kind) cannot be written as JSON")
    }
  }

  private static func printJSON(_ text: [UInt8], to bytes: inout [UInt8], isASCII: Bool) {
    let start = bytes.count
    defer { if isASCII { bytes.replaceSubrange(start..., with: escaped(bytes[start...])) } }
    bytes.append(UInt8(ascii: "\""))
    for byte in text {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
      case 0x0A: bytes += "\\n".utf8
      case 0x0D: bytes += "\\r".utf8
      case 0x09: bytes += "\\t".utf8
      case 0x08: bytes += "\\b".utf8
      case 0x0C: bytes += "\\f".utf8
      case ..<0x20: bytes += "\\u\(hexadecimal(UInt32(byte), 4))".utf8
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// `text` with other characters than ASCII's written as `\u` and their UTF-16.
  private static func escaped(_ text: ArraySlice<UInt8>) -> [UInt8] {
    String(decoding: text, as: UTF8.self).utf16.flatMap { unit in
      unit < 0x80 ? [UInt8(unit)] : Array("\\u\(hexadecimal(UInt32(unit), 4))".utf8)
    }
  }
}
