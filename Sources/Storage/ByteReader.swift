/// A cursor over little-endian bytes that checks every read against what is left.
///
/// It borrows memory, so it lives inside the closure that lends the bytes (`MappedFile.withBytes`).
@safe
package struct ByteReader {
  /// The file the bytes come from, for messages.
  package let path: String
  /// Position of the next byte to read, counted from the start of `bytes`.
  package private(set) var offset = 0
  private let bytes: UnsafeRawBufferPointer

  /// Starts at the first of `bytes`, which must outlive the reader.
  @unsafe
  package init(_ bytes: UnsafeRawBufferPointer, path: String) {
    unsafe self.bytes = bytes
    self.path = path
  }

  /// Bytes not yet read.
  package var remaining: Int { unsafe bytes.count - offset }

  /// Reads one fixed-width integer.
  ///
  /// `what` names it in the error: "the tensor count".
  package mutating func read<T: FixedWidthInteger & BitwiseCopyable>(
    _ what: @autoclosure () -> String, as: T.Type = T.self
  ) throws(StorageError) -> T {
    let start = try advance(MemoryLayout<T>.size, what())
    return T(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: start, as: T.self))
  }

  /// Reads a 64-bit unsigned integer that must fit `Int` and not exceed `limit`.
  package mutating func readCount(
    limit: Int = .max, _ what: @autoclosure () -> String
  ) throws(StorageError) -> Int {
    let start = offset
    let value = try read(what(), as: UInt64.self)
    guard let count = Int(exactly: value), count <= limit else {
      throw StorageError(
        path: path, offset: start, reason: "\(what()) is \(value), but at most \(limit) is possible here")
    }
    return count
  }

  /// Passes over `count` bytes and returns where they lie.
  package mutating func readRange(
    _ count: Int, _ what: @autoclosure () -> String
  ) throws(StorageError) -> Range<Int> {
    let start = try advance(count, what())
    return start..<offset
  }

  /// Copies `count` bytes out.
  package mutating func readBytes(
    _ count: Int, _ what: @autoclosure () -> String
  ) throws(StorageError) -> [UInt8] {
    let range = try readRange(count, what())
    return unsafe [UInt8](UnsafeRawBufferPointer(rebasing: bytes[range]))
  }

  /// Moves past `count` bytes and returns the offset before them.
  private mutating func advance(
    _ count: Int, _ what: @autoclosure () -> String
  ) throws(StorageError) -> Int {
    guard count >= 0, count <= remaining else {
      throw StorageError(
        path: path, offset: offset,
        reason: "\(what()) needs \(count) bytes, but the file ends after \(remaining) more; it may be a "
          + "partial download: fetch it again")
    }
    defer { offset += count }
    return offset
  }
}
