/// One step of rewriting text before it is cut into pieces.
///
/// Steps run in order, each on the whole text between two added tokens. Names and meanings are those of `normalizer`
/// in `tokenizer.json`.
enum Normalizer: Sendable {
  /// `Prepend`: puts text before a text that is not empty.
  case prepend([UInt8])

  /// `Replace`: puts text in the place of every match.
  case replace(SplitPattern, [UInt8])

  /// `NFC`, `NFD`, `NFKC`, `NFKD`: a normal form of Unicode.
  case form(NormalForm)

  /// `Lowercase`: the full lower-case mapping of each character, whatever stands around it.
  case lowercase

  /// `StripAccents`: leaves out the combining marks (general category M).
  case stripAccents

  /// `Strip`: leaves out white space at the ends.
  case strip(left: Bool, right: Bool)

  /// `BertNormalizer`.
  case bert(BertNormalizer)

  /// `Precompiled`: SentencePiece's map of characters.
  case precompiled(PrecompiledCharsmap)

  /// What becomes of `text`, which is well-formed UTF-8, as the result is.
  ///
  /// - Throws: `PatternError` if a pattern gives up on the text.
  func normalize(_ text: UnsafeBufferPointer<UInt8>, _ scratch: PatternScratch) throws -> [UInt8] {
    switch self {
    case .prepend(let prefix): return text.isEmpty ? [] : prefix + text
    case .replace(let pattern, let replacement):
      if case .literal(let literal) = pattern.source {
        return literal.isEmpty
          ? Array(text) : TokenSpelling.replacing(text, Array(literal.utf8), by: replacement)
      }
      var result: [UInt8] = []
      result.reserveCapacity(text.count)
      try pattern.forEachSpan(in: text, scratch) { span, isMatch in
        if isMatch {
          result.append(contentsOf: replacement)
        } else {
          result.append(contentsOf: UnsafeBufferPointer(rebasing: text[span]))
        }
      }
      return result
    case .form(let form): return form.normalize(text)
    case .lowercase: return Self.mapScalars(text, ascii: { $0.lowercased }) { $0.properties.lowercaseMapping }
    case .stripAccents:
      return Self.mapScalars(text, ascii: \.self) {
        $0.isCombiningMark && $0.isKnown(toUnicode: 9) ? "" : nil
      }
    case .strip(let left, let right):
      var range = 0..<text.count
      if left {
        while !range.isEmpty, case let scalar = UTF8Scalar.first(text, at: range.lowerBound),
          scalar.properties.isWhitespace
        {
          range = range.lowerBound + UTF8.width(scalar)..<range.upperBound
        }
      }
      if right {
        while !range.isEmpty, case let scalar = UTF8Scalar.last(text, before: range.upperBound),
          scalar.properties.isWhitespace
        {
          range = range.lowerBound..<range.upperBound - UTF8.width(scalar)
        }
      }
      return Array(text[range])
    case .bert(let normalizer): return normalizer.normalize(text)
    case .precompiled(let map): return map.normalize(text)
    }
  }

  /// `text` with every character mapped: ASCII by one function, what lies beyond by the other, where nil keeps it.
  static func mapScalars(
    _ text: UnsafeBufferPointer<UInt8>, ascii: (UInt8) -> UInt8, other: (Unicode.Scalar) -> String?
  ) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var position = 0
    while position < text.count {
      let byte = text[position]
      if byte < 0x80 {
        result.append(ascii(byte))
        position += 1
        continue
      }
      let scalar = UTF8Scalar.first(text, at: position)
      let end = position + UTF8.width(scalar)
      if let mapped = other(scalar) {
        result.append(contentsOf: mapped.utf8)
      } else {
        for byte in text[position..<end] { result.append(byte) }
      }
      position = end
    }
    return result
  }
}

extension UInt8 {
  /// The lower-case letter of an ASCII capital; itself otherwise.
  var lowercased: UInt8 { self &- UInt8(ascii: "A") < 26 ? self | 0x20 : self }
}
