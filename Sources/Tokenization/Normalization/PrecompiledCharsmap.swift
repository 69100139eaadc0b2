/// SentencePiece's map of characters to what they are normalized to, as `precompiled_charsmap` holds it.
///
/// | bytes | content |
/// |---|---|
/// | 4 | size `t` of the trie, little-endian |
/// | `t` | a double-array trie (Darts): 32-bit units, little-endian |
/// | rest | the replacements, each ended by a zero byte; the trie's values are offsets into them |
///
/// A unit holds its label (bits 0–7 and 31), whether a key ends at it (bit 8), and the offset to its children (from
/// bit 10 on, shifted by 8 more where bit 9 is set); that of an end holds the value (bits 0–30).
///
/// Like `tokenizers`, which is not quite SentencePiece: a grapheme cluster shorter than six bytes that begins with a
/// key is replaced whole, by the replacement of the shortest such key; longer ones and those without are looked up
/// character by character.
struct PrecompiledCharsmap: Sendable, Equatable {
  /// Longest replacement, in bytes; it bounds what a text can grow to.
  ///
  /// Real ones are below a hundred.
  static let replacementLimit = 1024

  /// The map as files hold it.
  let bytes: [UInt8]

  private let units: [UInt32]
  private let replacements: Range<Int>
  /// What each ASCII character by itself becomes; nil to keep it.
  private var ascii: [Range<Int>?] = []

  /// The map in `bytes`; nil if a part is missing.
  init?(_ bytes: [UInt8]) {
    func unit(at offset: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
    }
    guard bytes.count >= 4, case let size = Int(unit(at: 0)), size % 4 == 0, size <= bytes.count - 4 else {
      return nil
    }
    let replacements = 4 + size..<bytes.count
    // What is looked up must be text.
    guard (try? UTF8Span(validating: bytes[replacements].span)) != nil else { return nil }
    self.bytes = bytes
    self.replacements = replacements
    units = stride(from: 4, to: 4 + size, by: 4).map(unit)
    ascii = (0..<128).map { byte in
      [UInt8(byte)].withUnsafeBufferPointer { replacement(of: $0, 0..<1) }
    }
  }

  /// What becomes of `text`.
  func normalize(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var position = 0
    while position < text.count {
      // An ASCII character before another is a cluster by itself; only CR and LF go together.
      while position < text.count, text[position] < 0x80, text[position] != 0x0D,
        position + 1 == text.count || text[position + 1] < 0x80
      {
        if let range = ascii[Int(text[position])] {
          result.append(contentsOf: bytes[range])
        } else {
          result.append(text[position])
        }
        position += 1
      }
      guard position < text.count else { break }
      // Up to where an ASCII character comes before another.
      var end = position + 1
      while end < text.count,
        text[end] >= 0x80 || text[end] == 0x0A || end + 1 < text.count && text[end + 1] >= 0x80
      {
        end += 1
      }
      let part = String(decoding: UnsafeBufferPointer(rebasing: text[position..<end]), as: UTF8.self)
      for cluster in part {
        let range = position..<position + cluster.utf8.count
        appendCluster(text, range, to: &result)
        position = range.upperBound
      }
    }
    return result
  }

  private func appendCluster(
    _ text: UnsafeBufferPointer<UInt8>, _ cluster: Range<Int>, to result: inout [UInt8]
  ) {
    if cluster.count < 6, let range = replacement(of: text, cluster) {
      result.append(contentsOf: bytes[range])
      return
    }
    var position = cluster.lowerBound
    while position < cluster.upperBound {
      let end = position + UTF8.width(UTF8Scalar.first(text, at: position))
      if let range = replacement(of: text, position..<end) {
        result.append(contentsOf: bytes[range])
      } else {
        result.append(contentsOf: UnsafeBufferPointer(rebasing: text[position..<end]))
      }
      position = end
    }
  }

  /// The replacement of the shortest key that `text[range]` begins with, as a range of ``bytes``; nil for none.
  private func replacement(of text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Range<Int>? {
    guard let root = units.first else { return nil }
    var node = Self.offset(root)
    for index in range {
      let byte = text[index]
      guard byte != 0 else { return nil }
      node ^= Int(byte)
      guard node < units.count, units[node] & 0x8000_00FF == UInt32(byte) else { return nil }
      let unit = units[node]
      node ^= Self.offset(unit)
      guard unit >> 8 & 1 == 1 else { continue }
      guard node < units.count, case let start = Int(units[node] & 0x7FFF_FFFF), start < replacements.count
      else { return nil }
      let text = bytes[(replacements.lowerBound + start)...].prefix(Self.replacementLimit)
      // It must begin at a character, and end.
      guard let first = text.first, first & 0xC0 != 0x80, let end = text.firstIndex(of: 0) else { return nil }
      return text.startIndex..<end
    }
    return nil
  }

  private static func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << (unit >> 6 & 8)) }
}
