/// The strings of a checked JSON text: decoding, hashing and comparing them.
enum JSONString {
  /// The bytes of the string `node`, its escapes resolved; an unpaired surrogate becomes U+FFFD.
  static func decoded(_ node: JSONNode, in text: Span<UInt8>) -> [UInt8] {
    let start = Int(node.offset)
    let end = start + Int(node.count)
    var result: [UInt8] = []
    result.reserveCapacity(Int(node.count))
    var position = start
    while position < end {
      let byte = text[position]
      guard byte == UInt8(ascii: "\\") else {
        result.append(byte)
        position += 1
        continue
      }
      let escape = text[position + 1]
      position += 2
      switch escape {
      case UInt8(ascii: "b"): result.append(0x08)
      case UInt8(ascii: "t"): result.append(0x09)
      case UInt8(ascii: "n"): result.append(0x0A)
      case UInt8(ascii: "f"): result.append(0x0C)
      case UInt8(ascii: "r"): result.append(0x0D)
      case UInt8(ascii: "u"): decodeCodeUnits(text, &position, end, into: &result)
      default: result.append(escape)
      }
    }
    return result
  }

  /// Appends the scalar of the digits at `position`, with those of a following `\u` where the two are a pair.
  private static func decodeCodeUnits(
    _ text: Span<UInt8>, _ position: inout Int, _ end: Int, into result: inout [UInt8]
  ) {
    let first = codeUnit(text, at: position)
    position += 4
    var value = first
    if first & 0xFC00 == 0xD800, position + 6 <= end, text[position] == UInt8(ascii: "\\"),
      text[position + 1] == UInt8(ascii: "u")
    {
      let second = codeUnit(text, at: position + 2)
      if second & 0xFC00 == 0xDC00 {
        value = 0x10000 + (first & 0x3FF) << 10 + second & 0x3FF
        position += 6
      }
    }
    // Only surrogates are not scalars.
    let scalar = Unicode.Scalar(value) ?? "\u{FFFD}"
    result.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
  }

  private static func codeUnit(_ text: Span<UInt8>, at position: Int) -> UInt32 {
    (position..<position + 4).reduce(0) { $0 << 4 | UInt32(hexValue(text[$1]) ?? 0) }
  }

  /// The value of a hexadecimal digit; nil for any other byte.
  static func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  /// A hash of the string's decoded bytes.
  static func hash(of node: JSONNode, in text: Span<UInt8>, seed: UInt64) -> UInt64 {
    unsafe withBytes(of: node, in: text) { bytes in unsafe ByteHash.hash(bytes, seed: seed) }
  }

  /// Whether two strings have the same decoded bytes.
  static func areEqual(_ first: JSONNode, _ second: JSONNode, in text: Span<UInt8>) -> Bool {
    unsafe withBytes(of: first, in: text) { first in
      unsafe withBytes(of: second, in: text) { second in unsafe first.elementsEqual(second) }
    }
  }

  /// Lends the string's decoded bytes, without a copy where the text holds them as they are.
  static func withBytes<R>(
    of node: JSONNode, in text: Span<UInt8>, _ body: (UnsafeRawBufferPointer) throws -> R
  ) rethrows -> R {
    guard node.tag == .string else {
      return try unsafe decoded(node, in: text).withUnsafeBytes { bytes in try unsafe body(bytes) }
    }
    let start = Int(node.offset)
    return try unsafe text.extracting(start..<start + Int(node.count)).withUnsafeBytes { bytes in
      try unsafe body(bytes)
    }
  }
}

/// Well-formed UTF-8 (Unicode 16, table 3-7).
enum UTF8Sequence {
  /// Bytes of the multi-byte sequence at `position`, whose first byte is at least 0x80; 0 if it is ill-formed.
  static func length(in text: Span<UInt8>, at position: Int) -> Int {
    let lead = text[position]
    // Which second bytes are allowed rules out overlong forms, surrogates and what lies above U+10FFFF.
    let (length, low, high): (Int, UInt8, UInt8) =
      switch lead {
      case 0xC2...0xDF: (2, 0x80, 0xBF)
      case 0xE0: (3, 0xA0, 0xBF)
      case 0xED: (3, 0x80, 0x9F)
      case 0xE1...0xEF: (3, 0x80, 0xBF)
      case 0xF0: (4, 0x90, 0xBF)
      case 0xF1...0xF3: (4, 0x80, 0xBF)
      case 0xF4: (4, 0x80, 0x8F)
      default: (0, 0, 0)
      }
    guard length > 0, position + length <= text.count else { return 0 }
    guard text[position + 1] >= low, text[position + 1] <= high else { return 0 }
    for index in position + 2..<max(position + length, position + 2) where text[index] & 0xC0 != 0x80 {
      return 0
    }
    return length
  }
}
