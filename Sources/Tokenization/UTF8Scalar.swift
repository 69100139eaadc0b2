/// Scalars of text that is known to be well-formed UTF-8.
enum UTF8Scalar {
  /// How many bytes the encoding that begins with `lead` has.
  static func width(lead: UInt8) -> Int { lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4 }

  /// The scalar whose encoding starts at `position`.
  static func first(_ text: UnsafeBufferPointer<UInt8>, at position: Int) -> Unicode.Scalar {
    var iterator = text[position...].makeIterator()
    var decoder = UTF8()
    if case .scalarValue(let scalar) = decoder.decode(&iterator) { return scalar }
    return "\u{FFFD}"
  }

  /// The scalar whose encoding ends before `position`, which is not the start.
  static func last(_ text: UnsafeBufferPointer<UInt8>, before position: Int) -> Unicode.Scalar {
    var start = position - 1
    while start > 0, text[start] & 0xC0 == 0x80 { start -= 1 }
    return first(text, at: start)
  }
}

extension Unicode.Scalar {
  /// Whether the general category is one of the numbers': Nd, Nl, No.
  var isNumeric: Bool {
    switch properties.generalCategory {
    case .decimalNumber, .letterNumber, .otherNumber: true
    default: false
    }
  }

  /// Whether this is a word character by Unicode's recommendation for regular expressions (UTS #18, annex C).
  var isWordCharacter: Bool {
    switch properties.generalCategory {
    case .decimalNumber, .connectorPunctuation, .nonspacingMark, .spacingMark, .enclosingMark: true
    default: properties.isAlphabetic || properties.isJoinControl
    }
  }
}
