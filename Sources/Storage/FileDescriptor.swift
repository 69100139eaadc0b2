#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// An open file, closed when the value goes away.
struct FileDescriptor: ~Copyable {
  /// The system's number for it.
  let number: Int32
  /// The path it was opened by, for messages.
  let path: String

  /// Opens `path`; never waits for the other end of a pipe, and is not passed on to child processes.
  init(opening path: String, flags: Int32, mode: mode_t = 0o666) throws(StorageError) {
    guard !path.utf8.contains(0) else {
      throw StorageError(path: path, reason: "a path cannot contain a NUL byte")
    }
    let number = retryingInterrupts { unsafe open(path, flags | O_CLOEXEC | O_NONBLOCK, mode) }
    guard number >= 0 else { throw StorageError(path: path, action: "open", errorNumber: errno) }
    self.number = number
    self.path = path
  }

  deinit { close(number) }

  /// Size, kind and permissions.
  func status() throws(StorageError) -> stat {
    var status = stat()
    guard unsafe fstat(number, &status) == 0 else {
      throw StorageError(path: path, action: "read the file's status", errorNumber: errno)
    }
    return status
  }

  /// Bytes of what must be a regular file of at most `limit` bytes.
  func regularFileSize(limit: Int) throws(StorageError) -> Int {
    let status = try status()
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw StorageError(path: path, reason: "expected a file, found a folder, pipe or device")
    }
    guard status.st_size <= limit else {
      throw StorageError(
        path: path,
        reason: "the file has \(status.st_size) bytes, more than the \(limit) expected at most here")
    }
    return Int(status.st_size)
  }

  /// Reads at most `count` bytes at the current position; none at the end of the file.
  func read(upTo count: Int) throws(StorageError) -> [UInt8] {
    var result = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      result = retryingInterrupts { unsafe System.read(number, buffer.baseAddress, count) }
      initialized = max(result, 0)
    }
    guard result >= 0 else { throw StorageError(path: path, action: "read", errorNumber: errno) }
    return bytes
  }

  /// Writes all of `bytes` at the current position.
  func write(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
    var done = 0
    guard let base = bytes.baseAddress else { return }
    while done < bytes.count {
      let written = retryingInterrupts { unsafe System.write(number, base + done, bytes.count - done) }
      guard written > 0 else {
        throw StorageError(
          path: path, action: "write \(bytes.count - done) bytes", errorNumber: written < 0 ? errno : EIO)
      }
      done += written
    }
  }

  /// Forces what was written onto the disk.
  func synchronize() throws(StorageError) {
    guard retryingInterrupts({ fsync(number) }) == 0 else {
      throw StorageError(path: path, action: "flush to disk", errorNumber: errno)
    }
  }
}

/// System calls whose names a method of `FileDescriptor` hides.
private enum System {
  /// `read(2)`.
  static func read(_ number: Int32, _ base: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    #if canImport(Glibc)
      unsafe Glibc.read(number, base, count)
    #else
      unsafe Darwin.read(number, base, count)
    #endif
  }

  /// `write(2)`.
  static func write(_ number: Int32, _ base: UnsafeRawPointer, _ count: Int) -> Int {
    #if canImport(Glibc)
      unsafe Glibc.write(number, base, count)
    #else
      unsafe Darwin.write(number, base, count)
    #endif
  }
}

/// Repeats a system call for as long as a signal interrupts it.
func retryingInterrupts<Result: SignedInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}
