/// BERT's cleaning of text.
///
/// In this order, each where asked for: control characters go and white space becomes a space; spaces stand around
/// Chinese characters; accents go, by decomposition; letters become small. Meaning of `BertNormalizer` in
/// `tokenizers`.
struct BertNormalizer: Sendable, Equatable {
  /// Whether control characters go, and white space becomes spaces.
  var cleansText = true
  /// Whether spaces stand around Chinese characters.
  var separatesChinese = true
  /// Whether accents go; nil for what ``lowercases`` says.
  var stripsAccents: Bool?
  /// Whether letters become small.
  var lowercases = true

  /// What becomes of `text`.
  func normalize(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    var result = clean(text)
    if stripsAccents ?? lowercases, result.contains(where: { $0 >= 0x80 }) {
      let decomposed = result.withUnsafeBufferPointer { NormalForm.nfd.normalize($0) }
      result = decomposed.withUnsafeBufferPointer { text in
        Normalizer.mapScalars(text, ascii: \.self) {
          $0.properties.generalCategory == .nonspacingMark && $0.isKnown(toUnicode: 8) ? "" : nil
        }
      }
    }
    if lowercases {
      result = result.withUnsafeBufferPointer { text in
        Normalizer.mapScalars(text, ascii: \.lowercased) { $0.properties.lowercaseMapping }
      }
    }
    return result
  }

  private func clean(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    guard cleansText || separatesChinese else { return Array(text) }
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var position = 0
    while position < text.count {
      let byte = text[position]
      if byte < 0x80 {
        position += 1
        switch byte {
        case _ where !cleansText: result.append(byte)
        case 0x09, 0x0A, 0x0D: result.append(UInt8(ascii: " "))
        case 0..<0x20, 0x7F: break
        default: result.append(byte)
        }
        continue
      }
      let scalar = UTF8Scalar.first(text, at: position)
      let end = position + UTF8.width(scalar)
      defer { position = end }
      if cleansText {
        if scalar == "\u{FFFD}" || scalar.isControl { continue }
        if scalar.properties.isWhitespace {
          result.append(UInt8(ascii: " "))
          continue
        }
      }
      let isChinese = separatesChinese && scalar.isChinese
      if isChinese { result.append(UInt8(ascii: " ")) }
      for byte in text[position..<end] { result.append(byte) }
      if isChinese { result.append(UInt8(ascii: " ")) }
    }
    return result
  }
}

extension Unicode.Scalar {
  /// Whether the character is as old as a major version of Unicode.
  ///
  /// The libraries that `tokenizers` looks categories up in are that old.
  func isKnown(toUnicode version: Int) -> Bool { properties.age.map { $0.major <= version } ?? false }

  /// Whether the general category is M.
  var isCombiningMark: Bool {
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark: true
    default: false
    }
  }

  /// Whether the general category is one of the others': Cc, Cf, Co, Cs.
  fileprivate var isControl: Bool {
    switch properties.generalCategory {
    case .control, .format, .privateUse, .surrogate: isKnown(toUnicode: 8)
    default: false
    }
  }

  /// Whether BERT takes this for a Chinese character: the ideographs of CJK.
  fileprivate var isChinese: Bool {
    switch value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F,
      0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }

  /// Whether BERT takes this for punctuation: ASCII's signs, and the general category P.
  var isPunctuation: Bool {
    switch value {
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: return true
    case 0..<0x80: return false
    default: break
    }
    switch properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      return isKnown(toUnicode: 8)
    default: return false
    }
  }
}
