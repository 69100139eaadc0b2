/// How a vocabulary writes its tokens down.
enum TokenSpelling: Sendable {
  /// Each byte as a character of ``ByteLevelAlphabet``.
  case byteLevel
  /// Spaces as U+2581, and bytes that no token holds as `<0x0A>`.
  case sentencePiece
  /// Tokens that continue a word behind this prefix.
  case wordPiece(prefix: [UInt8])

  /// SentencePiece's mark for a space: U+2581, "▁".
  static let space: [UInt8] = [0xE2, 0x96, 0x81]

  /// The bytes that a token stands for.
  func bytes(of text: ArraySlice<UInt8>) -> [UInt8] {
    switch self {
    case .byteLevel: ByteLevelAlphabet.decode(text) ?? Array(text)
    case .sentencePiece:
      Self.byte(of: text).map { [$0] } ?? Self.replacing(text, Self.space, by: [UInt8(ascii: " ")])
    case .wordPiece(let prefix): Array(text.starts(with: prefix) ? text.dropFirst(prefix.count) : text)
    }
  }

  /// What the token that stands for `bytes` is looked up as.
  func key(ofBytes bytes: [UInt8]) -> [UInt8] {
    guard case .sentencePiece = self else { return bytes }
    return Self.replacing(bytes[...], [UInt8(ascii: " ")], by: Self.space)
  }

  /// The byte that a token such as `<0x0A>` stands for; nil if it is none.
  static func byte(of text: ArraySlice<UInt8>) -> UInt8? {
    guard text.count == 6, text.starts(with: "<0x".utf8), text.last == UInt8(ascii: ">") else { return nil }
    let digits = text.dropFirst(3).dropLast()
    guard digits.allSatisfy({ (0x30...0x39).contains($0) || (0x41...0x46).contains($0 & 0xDF) }) else {
      return nil
    }
    return UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
  }

  /// The text of the token for `byte`.
  static func text(ofByte byte: UInt8) -> [UInt8] {
    let digits = String(byte, radix: 16, uppercase: true)
    return Array("<0x\(digits.count < 2 ? "0" : "")\(digits)>".utf8)
  }

  /// `text` with every `old` in it, which is not empty, replaced.
  static func replacing(
    _ text: some RandomAccessCollection<UInt8>, _ old: [UInt8], by new: [UInt8]
  ) -> [UInt8] {
    let found = text.withContiguousStorageIfAvailable { text -> [UInt8] in
      var result: [UInt8] = []
      result.reserveCapacity(text.count + text.count / 4)
      var copied = 0
      var position = 0
      while position < text.count {
        guard text[position] == old[0], position + old.count <= text.count,
          UnsafeBufferPointer(rebasing: text[position..<position + old.count]).elementsEqual(old)
        else {
          position += 1
          continue
        }
        result.append(contentsOf: UnsafeBufferPointer(rebasing: text[copied..<position]))
        result.append(contentsOf: new)
        position += old.count
        copied = position
      }
      result.append(contentsOf: UnsafeBufferPointer(rebasing: text[copied...]))
      return result
    }
    return found ?? replacing(Array(text), old, by: new)
  }
}
