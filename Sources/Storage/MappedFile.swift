#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file mapped read-only into memory: pages are read when they are touched and dropped when memory is
/// short.
///
/// The mapping is private, so nobody can write through it. A file that another process shortens while it is
/// mapped ends this process (`SIGBUS`), as with every mapping: models are replaced by renaming, never in
/// place. The command says which file it was, for which ``MappedRanges`` keeps the addresses.
@safe
package final class MappedFile: Sendable {
  /// The path as it was given.
  package let path: String
  /// Size of the file when it was opened.
  package let byteCount: Int
  // The mapping is read-only and lives exactly as long as `self`, so sharing it between threads is safe.
  // `nil` for an empty file, which the system refuses to map.
  private nonisolated(unsafe) let base: UnsafeRawPointer?
  private let isWritable: Bool

  /// Maps the regular file at `path` without reading it.
  ///
  /// An empty file is allowed. Throws when the file cannot be opened or mapped, or is a folder, pipe or
  /// device.
  package init(path: String) throws(StorageError) {
    self.path = path
    let descriptor = try FileDescriptor(opening: path, flags: O_RDONLY)
    let status = try descriptor.status()
    guard status.st_mode & S_IFMT == S_IFREG else {
      let kind = status.st_mode & S_IFMT == S_IFDIR ? "a folder" : "not a regular file"
      throw StorageError(path: path, reason: "expected a file, found \(kind)")
    }
    guard let byteCount = Int(exactly: status.st_size), byteCount >= 0 else {
      throw StorageError(path: path, reason: "the file's size, \(status.st_size), is out of range")
    }
    self.byteCount = byteCount
    isWritable = false
    guard byteCount > 0 else {
      unsafe self.base = nil
      return
    }
    let address = unsafe mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor.number, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw StorageError(path: path, action: "map \(byteCount) bytes", errorNumber: errno)
    }
    unsafe self.base = UnsafeRawPointer(address)
    MappedRanges.add(UInt(bitPattern: address), byteCount: byteCount, path: path)
  }

  /// Zeroed memory in the guise of a file, for tensors that change while they are used.
  ///
  /// Throws where there is not that much memory: at once, rather than when the last of it is touched.
  ///
  /// - Parameter name: what messages call it.
  package init(zeroedBytes byteCount: Int, name: String) throws(StorageError) {
    precondition(byteCount > 0, "memory of no bytes")
    path = name
    self.byteCount = byteCount
    isWritable = true
    if let available = SystemMemory.available(), available < byteCount {
      throw StorageError(
        path: name,
        reason:
          "this needs \(byteCount) bytes of memory, and \(available) are left; close other programs, or use a "
          + "machine with more")
    }
    let address = unsafe mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw StorageError(path: name, action: "take \(byteCount) bytes of memory for it", errorNumber: errno)
    }
    unsafe self.base = UnsafeRawPointer(address)
  }

  /// Whether the bytes are those of the file ``path``, and not memory.
  package var isFile: Bool { !isWritable }

  /// Lends the bytes of memory that ``init(zeroedBytes:name:)`` took, for writing; nobody may read them meanwhile.
  package func withMutableBytes<R>(_ body: (UnsafeMutableRawBufferPointer) throws -> R) rethrows -> R {
    precondition(isWritable, "a file is read-only")
    return try unsafe body(
      UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(mutating: base), count: byteCount))
  }

  deinit {
    guard let base = unsafe base else { return }
    if isFile { MappedRanges.remove(UInt(bitPattern: base)) }
    unsafe munmap(UnsafeMutableRawPointer(mutating: base), byteCount)
  }

  /// Lends the bytes of `range`; they must not be kept beyond `body`.
  ///
  /// Throws a `StorageError` when `range` is not inside the file, and whatever `body` throws.
  package func withBytes<R>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
    guard range.lowerBound >= 0, range.upperBound <= byteCount else {
      throw StorageError(
        path: path, offset: range.lowerBound,
        reason:
          "bytes \(range.lowerBound)..<\(range.upperBound) were asked for, but the file has \(byteCount)")
    }
    guard let base = unsafe base else { return try unsafe body(UnsafeRawBufferPointer(start: nil, count: 0)) }
    return try unsafe body(UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count))
  }

  /// Lends the whole file.
  package func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
    try unsafe withBytes(0..<byteCount, body)
  }
}
