internal import CUtf8proc

/// A normal form of Unicode (UAX #15), computed by utf8proc.
enum NormalForm: String, Sendable, CaseIterable {
  case nfc = "NFC"
  case nfd = "NFD"
  case nfkc = "NFKC"
  case nfkd = "NFKD"

  private var options: utf8proc_option_t {
    let form: UInt32 =
      switch self {
      case .nfc: UTF8PROC_COMPOSE.rawValue
      case .nfd: UTF8PROC_DECOMPOSE.rawValue
      case .nfkc: UTF8PROC_COMPOSE.rawValue | UTF8PROC_COMPAT.rawValue
      case .nfkd: UTF8PROC_DECOMPOSE.rawValue | UTF8PROC_COMPAT.rawValue
      }
    return utf8proc_option_t(form | UTF8PROC_STABLE.rawValue)
  }

  /// The normal form of `text`, which is well-formed UTF-8.
  ///
  /// ASCII is in every normal form, and so nothing is done to it.
  func normalize(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    guard text.contains(where: { $0 >= 0x80 }) else { return Array(text) }
    return utf8procMapped(text, options)
  }
}

/// Text with its differences of case, accents and compatibility variants removed, for comparing words.
package enum TextFolding {
  /// `text`, which is well-formed UTF-8, in lower case, decomposed for compatibility, without marks and characters that
  /// are not seen.
  package static func fold(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    guard text.contains(where: { $0 >= 0x80 }) else {
      return text.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
    }
    let options =
      UTF8PROC_DECOMPOSE.rawValue | UTF8PROC_COMPAT.rawValue | UTF8PROC_CASEFOLD.rawValue
      | UTF8PROC_STRIPMARK.rawValue | UTF8PROC_IGNORE.rawValue | UTF8PROC_STABLE.rawValue
    return utf8procMapped(text, utf8proc_option_t(options))
  }
}

/// What utf8proc makes of well-formed text.
private func utf8procMapped(
  _ text: UnsafeBufferPointer<UInt8>, _ options: utf8proc_option_t
) -> [UInt8] {
  var mapped: UnsafeMutablePointer<UInt8>?
  let count = utf8proc_map(text.baseAddress, text.count, &mapped, options)
  defer { free(mapped) }
  // Well-formed text fails only where there is no memory left.
  guard count >= 0, let mapped else { return Array(text) }
  return Array(UnsafeBufferPointer(start: mapped, count: count))
}
