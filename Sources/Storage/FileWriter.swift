#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A new file being written from its start to its end, through a small buffer.
package final class FileWriter {
  /// Where it is being written.
  package let path: String
  /// Bytes written so far, buffered ones included.
  package private(set) var byteCount = 0
  private let descriptor: FileDescriptor
  private var buffer: [UInt8] = []
  private static let bufferCapacity = 1 << 18
  /// Bytes after which the disk is set to work, so that it writes while the rest is made.
  private static let writebackStep = 1 << 26
  private var writebackStart = 0

  /// Creates the file; throws when there is already something at `path`.
  package init(creating path: String) throws(StorageError) {
    self.path = path
    descriptor = try FileDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_EXCL)
  }

  /// Opens an existing file, whose contents are overwritten from the start.
  package init(overwriting path: String) throws(StorageError) {
    self.path = path
    descriptor = try FileDescriptor(opening: path, flags: O_WRONLY)
  }

  /// Reserves disk space for a file of `count` bytes, where the file system can.
  ///
  /// Throws when there is not that much: at once, rather than after hours of work.
  package func reserve(_ count: Int) throws(StorageError) {
    guard count > 0, SystemCalls.reserve(descriptor.number, count: count) != 0 else { return }
    if Self.meansNoSpace(errno) {
      throw StorageError(path: path, action: "reserve \(count) bytes", errorNumber: errno)
    }
  }

  /// Appends `bytes`.
  package func write(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
    if buffer.count + bytes.count > Self.bufferCapacity { try flush() }
    if bytes.count >= Self.bufferCapacity {
      try unsafe descriptor.write(bytes)
    } else {
      unsafe buffer.append(contentsOf: bytes)
    }
    byteCount += bytes.count
    startWriteback()
  }

  /// Appends `bytes`.
  package func write(_ bytes: [UInt8]) throws(StorageError) {
    try unsafe bytes.span.bytes.withUnsafeBytes { bytes throws(StorageError) in try unsafe write(bytes) }
  }

  /// Appends all of the file at `source`, inside the kernel where it can (on some file systems without
  /// copying at all), otherwise by reading and writing.
  package func copy(contentsOf source: String) throws(StorageError) {
    try copy(source, from: 0, count: .max)
  }

  /// Appends the bytes of `range` of the file at `source`, in the same way.
  ///
  /// Throws when the file has fewer.
  package func copy(_ range: Range<Int>, of source: String) throws(StorageError) {
    let before = byteCount
    try copy(source, from: range.lowerBound, count: range.count)
    guard byteCount - before == range.count else {
      throw StorageError(
        path: source, offset: range.lowerBound,
        reason: "expected \(range.count) bytes here, found \(byteCount - before); was the file changed?")
    }
  }

  /// Appends up to `count` bytes of the file at `source`, from its byte `start`.
  private func copy(_ source: String, from start: Int, count: Int) throws(StorageError) {
    try flush()
    let input = try FileDescriptor(opening: source, flags: O_RDONLY)
    guard try input.status().st_mode & S_IFMT == S_IFREG else {
      throw StorageError(path: source, reason: "expected a file to copy, found a folder, pipe or device")
    }
    if start > 0, lseek(input.number, off_t(start), SEEK_SET) < 0 {
      throw StorageError(path: source, action: "go to byte \(start)", errorNumber: errno)
    }
    var left = count
    while left > 0 {
      let part = min(left, Self.writebackStep)
      let copied = retryingInterrupts {
        SystemCalls.copyRange(from: input.number, to: descriptor.number, count: part)
      }
      if copied > 0 {
        byteCount += copied
        left -= copied
        startWriteback()
      } else if copied < 0, errno == EIO || Self.meansNoSpace(errno) {
        throw StorageError(path: path, action: "copy \(source)", errorNumber: errno)
      } else {
        // The end of the file, or two file systems that cannot be copied between: the loop below tells.
        break
      }
    }
    while left > 0 {
      let chunk = try input.read(upTo: min(left, 1 << 20))
      if chunk.isEmpty { return }
      try write(chunk)
      left -= chunk.count
    }
  }

  private func startWriteback() {
    let count = byteCount - buffer.count - writebackStart
    guard count >= Self.writebackStep else { return }
    SystemCalls.startWriteback(descriptor.number, from: writebackStart, count: count)
    writebackStart += count
  }

  /// Writes what is buffered and forces the file onto the disk; to be called once, after the last write.
  package func finish() throws(StorageError) {
    try flush()
    try descriptor.synchronize()
  }

  private static func meansNoSpace(_ errorNumber: Int32) -> Bool {
    [ENOSPC, EDQUOT, EFBIG].contains(errorNumber)
  }

  /// Hands what is buffered to the system, so that the file can be read.
  package func flush() throws(StorageError) {
    let pending = exchange(&buffer, with: [])
    try unsafe pending.span.bytes.withUnsafeBytes { bytes throws(StorageError) in
      try unsafe descriptor.write(bytes)
    }
  }
}
