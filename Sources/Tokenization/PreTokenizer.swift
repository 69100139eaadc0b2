/// One step of cutting text into the pieces that a model encodes one by one.
///
/// Steps run in order, each on the pieces of the one before. Names and meanings are those of `pre_tokenizer` in
/// `tokenizer.json`.
enum PreTokenizer: Sendable {
  /// `Split`: cuts at the matches of a pattern, or with `inverted` at what lies between them.
  case split(SplitPattern, SplitBehavior, inverted: Bool)

  /// `Digits`: cuts runs of numeric characters (general category N) from the rest, each character by itself or not.
  case digits(individually: Bool)

  /// `ByteLevel`: puts a space before a piece that has none where asked to, and cuts by GPT-2's pattern if given.
  ///
  /// The model takes bytes as they are, so the alphabet of byte-level vocabularies is not spelled out here.
  case byteLevel(addsPrefixSpace: Bool, SplitPattern?)

  /// Calls `body` with the pieces of `text`, none of them empty, in order.
  ///
  /// - Parameters:
  ///   - text: Well-formed UTF-8, not empty.
  ///   - scratch: Working memory, which `body` may use too.
  func split(
    _ text: UnsafeBufferPointer<UInt8>, _ scratch: PatternScratch,
    _ body: (UnsafeBufferPointer<UInt8>) throws -> Void
  ) throws {
    switch self {
    case .split(let pattern, let behavior, let inverted):
      var joiner = SpanJoiner(behavior, inverted: inverted)
      try pattern.forEachSpan(in: text, scratch) { span, isMatch in
        if let piece = joiner.add(span, isMatch) { try body(UnsafeBufferPointer(rebasing: text[piece])) }
      }
      if let piece = joiner.finish() { try body(UnsafeBufferPointer(rebasing: text[piece])) }
    case .digits(let individually):
      var joiner = SpanJoiner(individually ? .isolated : .contiguous, inverted: false)
      try Self.forEachNumericSpan(in: text) { span, isMatch in
        if let piece = joiner.add(span, isMatch) { try body(UnsafeBufferPointer(rebasing: text[piece])) }
      }
      if let piece = joiner.finish() { try body(UnsafeBufferPointer(rebasing: text[piece])) }
    case .byteLevel(let addsPrefixSpace, let pattern):
      guard addsPrefixSpace, text.first != UInt8(ascii: " ") else {
        return try Self.split(text, pattern, scratch, body)
      }
      try ([UInt8(ascii: " ")] + text).withUnsafeBufferPointer { try Self.split($0, pattern, scratch, body) }
    }
  }

  private static func split(
    _ text: UnsafeBufferPointer<UInt8>, _ pattern: SplitPattern?, _ scratch: PatternScratch,
    _ body: (UnsafeBufferPointer<UInt8>) throws -> Void
  ) throws {
    guard let pattern else { return try body(text) }
    try pattern.forEachSpan(in: text, scratch) { span, _ in
      if !span.isEmpty { try body(UnsafeBufferPointer(rebasing: text[span])) }
    }
  }

  /// Calls `body` with every numeric character, and with what lies between two of them.
  private static func forEachNumericSpan(
    in text: UnsafeBufferPointer<UInt8>, _ body: (_ span: Range<Int>, _ isMatch: Bool) throws -> Void
  ) throws {
    var start = 0
    var position = 0
    while position < text.count {
      let byte = text[position]
      var end = position + 1
      let isNumeric: Bool
      if byte < 0x80 {
        isNumeric = byte &- UInt8(ascii: "0") < 10
      } else {
        let scalar = UTF8Scalar.first(text, at: position)
        end = position + UTF8.width(scalar)
        isNumeric = scalar.isNumeric
      }
      if isNumeric {
        if start < position { try body(start..<position, false) }
        try body(position..<end, true)
        start = end
      }
      position = end
    }
    if start < position { try body(start..<position, false) }
  }
}
