#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The right to change a file or folder, held by one process at a time until it lets go or dies.
package final class FileLock: Sendable {
  private let descriptor: FileDescriptor

  /// Takes the lock of the file or folder at `path`, without waiting.
  ///
  /// On a file system without locks it is taken for granted. Throws when another run holds it.
  package init(_ path: String) throws(StorageError) {
    descriptor = try FileDescriptor(opening: path, flags: O_RDONLY)
    if flock(descriptor.number, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
      throw StorageError(path: path, reason: "another run is changing this now; wait until it has ended")
    }
  }

  /// Takes the lock of the file or folder at `path` as soon as it is free; `nil` where it cannot be had within
  /// `milliseconds`, or at all.
  init?(_ path: String, waitingAtMost milliseconds: Int) {
    guard let opened = try? FileDescriptor(opening: path, flags: O_RDONLY) else { return nil }
    descriptor = opened
    for _ in 0..<max(1, milliseconds) {
      if flock(descriptor.number, LOCK_EX | LOCK_NB) == 0 { return }
      guard errno == EWOULDBLOCK || errno == EINTR else { return nil }
      usleep(1000)
    }
    return nil
  }
}
