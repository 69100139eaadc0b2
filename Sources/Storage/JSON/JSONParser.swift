/// The checking pass over a JSON text: one loop with an explicit stack, appending nodes.
struct JSONParser {
  /// Name of the text, for errors.
  let source: String
  /// What has been read so far.
  private(set) var nodes: [JSONNode] = []
  private var position = 0
  /// Indices of the arrays and objects that are open, outermost first.
  private var open: [Int] = []
  private let seed = UInt64.random(in: 0...UInt64.max)

  /// A parser that has read nothing.
  init(source: String) { self.source = source }

  /// Fills `nodes` with the one value of `text`.
  mutating func parse(_ text: Span<UInt8>) throws(JSONError) {
    // Offsets and counts are 32 bits wide: a node stays at 16 bytes.
    guard text.count < Int(UInt32.max) else {
      throw JSONError(
        source: source, bytes: text, offset: 0,
        reason: "expected less than 4 GiB of JSON, found \(text.count) bytes")
    }
    nodes.reserveCapacity(text.count / 8 + 8)
    repeat {
      try parseValue(text)
      try closeContainers(text)
    } while !open.isEmpty
    guard position == text.count else { throw unexpected(text, "the end of the text after its value") }
  }

  /// Reads a scalar, or the opening of a container as far as its first value.
  private mutating func parseValue(_ text: Span<UInt8>) throws(JSONError) {
    while true {
      skipWhitespace(text)
      guard position < text.count else { throw unexpected(text, "a value") }
      switch text[position] {
      case UInt8(ascii: "\""): return try parseString(text)
      case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber(text)
      case UInt8(ascii: "t"): return try parseWord(text, "true", .yes)
      case UInt8(ascii: "f"): return try parseWord(text, "false", .no)
      case UInt8(ascii: "n"): return try parseWord(text, "null", .null)
      case UInt8(ascii: "["): try push(text, .array)
      case UInt8(ascii: "{"): try push(text, .object)
      default: throw unexpected(text, "a value")
      }
      // A container is open: an empty one is a complete value, else its first child's turn has come.
      skipWhitespace(text)
      guard let index = open.last else { return }
      let isObject = nodes[index].tag == .object
      if position < text.count, text[position] == UInt8(ascii: isObject ? "}" : "]") { return }
      if isObject { try parseKey(text) }
      nodes[index].count = 1
    }
  }

  /// After a value: closes what ends here, and stops before the next value or at the end of the text.
  private mutating func closeContainers(_ text: Span<UInt8>) throws(JSONError) {
    skipWhitespace(text)
    while let index = open.last {
      let isObject = nodes[index].tag == .object
      let found = position < text.count ? text[position] : 0
      if found == UInt8(ascii: ","), nodes[index].count > 0 {
        position += 1
        nodes[index].count += 1
        if isObject { try parseKey(text) }
        return
      }
      guard found == UInt8(ascii: isObject ? "}" : "]") else {
        throw unexpected(text, isObject ? "',' or '}' in an object" : "',' or ']' in an array")
      }
      position += 1
      nodes[index].end = UInt32(nodes.count)
      open.removeLast()
      if isObject { try checkKeys(of: index, text) }
      skipWhitespace(text)
    }
  }

  private mutating func push(_ text: Span<UInt8>, _ tag: JSONNode.Tag) throws(JSONError) {
    guard open.count < JSONDocument.depthLimit else {
      throw unexpected(text, "at most \(JSONDocument.depthLimit) levels of arrays and objects")
    }
    open.append(nodes.count)
    nodes.append(JSONNode(offset: UInt32(position), count: 0, end: 0, tag: tag))
    position += 1
  }

  private mutating func parseKey(_ text: Span<UInt8>) throws(JSONError) {
    skipWhitespace(text)
    guard position < text.count, text[position] == UInt8(ascii: "\"") else {
      throw unexpected(text, "a key in double quotes")
    }
    try parseString(text)
    skipWhitespace(text)
    guard position < text.count, text[position] == UInt8(ascii: ":") else {
      throw unexpected(text, "':' after a key")
    }
    position += 1
  }

  private mutating func append(_ tag: JSONNode.Tag, from start: Int, to end: Int) {
    let next = UInt32(nodes.count + 1)
    nodes.append(JSONNode(offset: UInt32(start), count: UInt32(end - start), end: next, tag: tag))
  }

  private mutating func parseWord(
    _ text: Span<UInt8>, _ word: StaticString, _ tag: JSONNode.Tag
  ) throws(JSONError) {
    let start = position
    for byte in word.description.utf8 {
      guard position < text.count, text[position] == byte else { throw unexpected(text, "\(word)") }
      position += 1
    }
    append(tag, from: start, to: position)
  }

  private mutating func parseNumber(_ text: Span<UInt8>) throws(JSONError) {
    let start = position
    var tag = JSONNode.Tag.integer
    if text[position] == UInt8(ascii: "-") { position += 1 }
    if position < text.count, text[position] == UInt8(ascii: "0") {
      position += 1
      if position < text.count, isDigit(text[position]) {
        throw unexpected(text, "a number without leading zeros")
      }
    } else {
      try skipDigits(text)
    }
    if position < text.count, text[position] == UInt8(ascii: ".") {
      tag = .decimal
      position += 1
      try skipDigits(text)
    }
    // 0x20 folds the two cases of the letter.
    if position < text.count, text[position] | 0x20 == UInt8(ascii: "e") {
      tag = .decimal
      position += 1
      if position < text.count, text[position] == UInt8(ascii: "+") || text[position] == UInt8(ascii: "-") {
        position += 1
      }
      try skipDigits(text)
    }
    append(tag, from: start, to: position)
  }

  private mutating func skipDigits(_ text: Span<UInt8>) throws(JSONError) {
    guard position < text.count, isDigit(text[position]) else { throw unexpected(text, "a digit") }
    repeat { position += 1 } while position < text.count && isDigit(text[position])
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  private mutating func parseString(_ text: Span<UInt8>) throws(JSONError) {
    position += 1
    let start = position
    var tag = JSONNode.Tag.string
    while position < text.count {
      switch text[position] {
      case UInt8(ascii: "\""):
        append(tag, from: start, to: position)
        position += 1
        return
      case UInt8(ascii: "\\"):
        tag = .escapedString
        try parseEscape(text)
      case 0..<0x20: throw unexpected(text, "control characters in a string to be escaped")
      case 0x20..<0x80: position += 1
      default:
        let length = UTF8Sequence.length(in: text, at: position)
        guard length > 0 else { throw unexpected(text, "UTF-8 in a string") }
        position += length
      }
    }
    throw unexpected(text, "'\"' at the end of a string")
  }

  private mutating func parseEscape(_ text: Span<UInt8>) throws(JSONError) {
    position += 1
    guard position < text.count else { throw unexpected(text, "a character after '\\'") }
    switch text[position] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      position += 1
    case UInt8(ascii: "u"):
      for _ in 0..<4 {
        position += 1
        guard position < text.count, JSONString.hexValue(text[position]) != nil else {
          throw unexpected(text, "four hexadecimal digits after '\\u'")
        }
      }
      position += 1
    default: throw unexpected(text, "one of \"\\/bfnrtu after '\\'")
    }
  }

  private mutating func skipWhitespace(_ text: Span<UInt8>) {
    while position < text.count {
      switch text[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  /// Throws if two keys of the object at `index` are the same string.
  ///
  /// Open addressing over a table at least twice the size of the object, with a random seed: linear whatever the
  /// keys.
  private func checkKeys(of index: Int, _ text: Span<UInt8>) throws(JSONError) {
    let count = Int(nodes[index].count)
    guard count > 1 else { return }
    let bits = Int.bitWidth - (2 * count - 1).leadingZeroBitCount
    // Upper half: the hash, so that strings are compared only where it agrees. Lower half: the key's node, 0 if free.
    var table = [UInt64](repeating: 0, count: 1 << bits)
    var key = index + 1
    for _ in 0..<count {
      let hash = JSONString.hash(of: nodes[key], in: text, seed: seed)
      var slot = Int(truncatingIfNeeded: hash) & (table.count - 1)
      while table[slot] != 0 {
        if table[slot] >> 32 == hash >> 32,
          JSONString.areEqual(nodes[Int(table[slot] & 0xFFFF_FFFF)], nodes[key], in: text)
        {
          let name = String(decoding: JSONString.decoded(nodes[key], in: text), as: UTF8.self)
          throw JSONError(
            source: source, bytes: text, offset: Int(nodes[key].offset) - 1,
            reason: "expected each key once in an object, found \"\(name)\" again")
        }
        slot = (slot + 1) & (table.count - 1)
      }
      table[slot] = hash & 0xFFFF_FFFF_0000_0000 | UInt64(key)
      key = Int(nodes[key + 1].end)
    }
  }

  private func unexpected(_ text: Span<UInt8>, _ expected: String) -> JSONError {
    let found: String
    if position >= text.count {
      found = "the end of the text"
    } else {
      switch text[position] {
      case 0x21...0x7E: found = "'\(Unicode.Scalar(text[position]))'"
      case let byte: found = "byte 0x" + String(byte, radix: 16, uppercase: true)
      }
    }
    return JSONError(
      source: source, bytes: text, offset: position, reason: "expected \(expected), found \(found)")
  }
}
