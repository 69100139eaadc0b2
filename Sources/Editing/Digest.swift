internal import Crypto
internal import Storage

/// SHA-256 of bytes that come piece by piece, as lowercase hexadecimal digits.
struct Digest {
  private var hash = SHA256()

  /// Adds bytes.
  mutating func update(_ bytes: UnsafeRawBufferPointer) { hash.update(bufferPointer: bytes) }

  /// Adds the UTF-8 bytes of a text.
  mutating func update(_ text: String) {
    var text = text
    text.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
  }

  /// Adds the bytes of a part of a file.
  ///
  /// - Parameter isStopped: asked now and then; the rest is left out once it says so.
  mutating func update(_ file: MappedFile, _ range: Range<Int>, unless isStopped: () -> Bool = { false })
    throws
  {
    for start in stride(from: range.lowerBound, to: range.upperBound, by: 1 << 24) where !isStopped() {
      try file.withBytes(start..<min(start + 1 << 24, range.upperBound)) { update($0) }
    }
  }

  /// The digest of everything so far.
  var hex: String { hash.finalize().hexadecimal }
}
