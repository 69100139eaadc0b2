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

  /// `Metaspace`: SentencePiece's way with spaces.
  case metaspace(Metaspace)

  /// `WhitespaceSplit`: leaves out white space.
  case whitespaceSplit

  /// `Whitespace`: runs of word characters, and of what is neither word nor space.
  case whitespace

  /// `Punctuation`: cuts at ASCII's signs and the characters of general category P.
  case punctuation(SplitBehavior)

  /// `BertPreTokenizer`: leaves out white space, and cuts every punctuation character from the rest.
  case bert

  /// Calls `body` with the pieces of `text`, none of them empty, in order.
  ///
  /// - Parameters:
  ///   - text: Well-formed UTF-8, not empty.
  ///   - isStart: Whether the text begins with it.
  ///   - scratch: Working memory, which `body` may use too.
  ///   - body: Also gets to know whether the text begins with the piece.
  func split(
    _ text: UnsafeBufferPointer<UInt8>, isStart: Bool, _ scratch: PatternScratch,
    _ body: (_ piece: UnsafeBufferPointer<UInt8>, _ isStart: Bool) throws -> Void
  ) throws {
    func pass(_ piece: Range<Int>) throws {
      try body(UnsafeBufferPointer(rebasing: text[piece]), isStart && piece.lowerBound == 0)
    }

    switch self {
    case .split(let pattern, let behavior, let inverted):
      var joiner = SpanJoiner(behavior, inverted: inverted)
      try pattern.forEachSpan(in: text, scratch) { span, isMatch in
        if let piece = joiner.add(span, isMatch) { try pass(piece) }
      }
      if let piece = joiner.finish() { try pass(piece) }
    case .digits(let individually):
      try Self.split(text, individually ? .isolated : .contiguous, at: \.isNumeric, pass)
    case .byteLevel(let addsPrefixSpace, let pattern):
      guard addsPrefixSpace, text.first != UInt8(ascii: " ") else {
        return try Self.split(text, pattern, scratch) { try body($0, false) }
      }
      try ([UInt8(ascii: " ")] + text).withUnsafeBufferPointer {
        try Self.split($0, pattern, scratch) { try body($0, false) }
      }
    case .metaspace(let metaspace): try metaspace.split(text, isStart: isStart, body)
    case .whitespaceSplit: try Self.split(text, .removed, at: \.properties.isWhitespace, pass)
    case .whitespace:
      try Self.split(text, .removed, at: \.properties.isWhitespace) { span in
        let word = UnsafeBufferPointer(rebasing: text[span])
        try Self.split(word, .contiguous, at: \.isWordCharacter) { piece in
          try pass(span.lowerBound + piece.lowerBound..<span.lowerBound + piece.upperBound)
        }
      }
    case .punctuation(let behavior): try Self.split(text, behavior, at: \.isPunctuation, pass)
    case .bert: try Self.splitWords(text, pass)
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

  /// Calls `body` with the pieces that `text` is cut into at the characters that `matches` holds for.
  private static func split(
    _ text: UnsafeBufferPointer<UInt8>, _ behavior: SplitBehavior, at matches: (Unicode.Scalar) -> Bool,
    _ body: (Range<Int>) throws -> Void
  ) throws {
    var joiner = SpanJoiner(behavior, inverted: false)
    var start = 0
    var position = 0
    while position < text.count {
      let byte = text[position]
      let scalar = byte < 0x80 ? Unicode.Scalar(byte) : UTF8Scalar.first(text, at: position)
      let end = position + UTF8.width(scalar)
      if matches(scalar) {
        if start < position, let piece = joiner.add(start..<position, false) { try body(piece) }
        if let piece = joiner.add(position..<end, true) { try body(piece) }
        start = end
      }
      position = end
    }
    if start < position, let piece = joiner.add(start..<position, false) { try body(piece) }
    if let piece = joiner.finish() { try body(piece) }
  }

  /// Calls `body` with BERT's words: what stands between white space, punctuation characters by themselves.
  private static func splitWords(
    _ text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) throws -> Void
  ) rethrows {
    var start = 0
    var position = 0
    while position < text.count {
      let byte = text[position]
      var end = position + 1
      let isSpace: Bool
      let isPunctuation: Bool
      if byte < 0x80 {
        // Lower and upper letters and digits come most often.
        if byte &- 0x61 < 26 || byte &- 0x30 < 10 || byte &- 0x41 < 26 {
          position = end
          continue
        }
        isSpace = byte == 0x20 || byte &- 9 < 5
        isPunctuation = Unicode.Scalar(byte).isPunctuation
      } else {
        let scalar = UTF8Scalar.first(text, at: position)
        end = position + UTF8.width(scalar)
        isSpace = scalar.properties.isWhitespace
        isPunctuation = !isSpace && scalar.isPunctuation
      }
      if isSpace || isPunctuation {
        if start < position { try body(start..<position) }
        if isPunctuation { try body(position..<end) }
        start = end
      }
      position = end
    }
    if start < position { try body(start..<position) }
  }
}
