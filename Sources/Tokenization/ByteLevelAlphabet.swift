/// The alphabet in which byte-level vocabularies are written: one printable character for each of the 256 bytes.
///
/// Printable Latin-1 characters stand for themselves; the other 68 bytes, in order, are U+0100 and on, so that a
/// space is "Ġ" (U+0120). From GPT-2's `bytes_to_unicode`.
enum ByteLevelAlphabet {
  /// The character of each byte.
  static let scalars: [Unicode.Scalar] = {
    var next: UInt32 = 0x100
    return (UInt8.min...UInt8.max).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return Unicode.Scalar(byte)
      default:
        defer { next += 1 }
        // Below U+0144: always a scalar.
        return Unicode.Scalar(next) ?? "\u{FFFD}"
      }
    }
  }()

  /// `bytes` in this alphabet, in UTF-8.
  static func encode(_ bytes: [UInt8]) -> [UInt8] {
    bytes.flatMap { UTF8.encode(scalars[Int($0)]) ?? .init() }
  }

  /// The byte of each character below U+0144; nil where the alphabet has a gap.
  private static let bytes: [UInt8?] = {
    var bytes = [UInt8?](repeating: nil, count: 0x144)
    for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar.value)] = UInt8(byte) }
    return bytes
  }()

  /// The bytes that `text`, in UTF-8, stands for; nil if a character is not of the alphabet.
  static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var index = text.startIndex
    while index < text.endIndex {
      let lead = text[index]
      var scalar = Int(lead)
      index += 1
      if lead >= 0x80 {
        // U+0080 to U+0143 take two bytes, led by 0xC2 to 0xC5.
        guard (0xC2...0xC5).contains(lead), index < text.endIndex, text[index] & 0xC0 == 0x80 else {
          return nil
        }
        scalar = Int(lead & 0x1F) << 6 | Int(text[index] & 0x3F)
        index += 1
      }
      guard scalar < bytes.count, let byte = bytes[scalar] else { return nil }
      result.append(byte)
    }
    return result
  }
}
