#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file that is read piece after piece, so that it need not be held as a whole.
package final class FileReader {
  /// Bytes of a piece.
  package static let pieceBytes = 1 << 20

  private let descriptor: FileDescriptor
  private let limit: Int
  private var count = 0

  /// Opens a file, which must be a regular one of at most `limit` bytes, now and as it is read.
  package init(path: String, limit: Int) throws(StorageError) {
    descriptor = try FileDescriptor(opening: path, flags: O_RDONLY)
    self.limit = limit
    _ = try descriptor.regularFileSize(limit: limit)
  }

  /// The next ``pieceBytes`` bytes, or what is left; none at the end of the file.
  package func next() throws(StorageError) -> [UInt8] {
    var piece = try descriptor.read(upTo: Self.pieceBytes)
    while !piece.isEmpty, piece.count < Self.pieceBytes {
      let more = try descriptor.read(upTo: Self.pieceBytes - piece.count)
      if more.isEmpty { break }
      piece += more
    }
    count += piece.count
    guard count <= limit else {
      throw StorageError(
        path: descriptor.path, reason: "the file grew beyond \(limit) bytes while it was read")
    }
    return piece
  }
}
