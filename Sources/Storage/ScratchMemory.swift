#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Memory that the system may write to disk when it is short of it: a file without a name, mapped for reading and writing.
///
/// The file is in the folder that `TMPDIR` names, or in `/var/tmp`, and is gone with the value, however the process ends.
@safe
package final class ScratchMemory: Sendable {
  /// Size in bytes.
  package let byteCount: Int
  // Whoever holds the value decides who reads and writes when, as with any memory.
  private nonisolated(unsafe) let address: UnsafeMutableRawPointer

  /// Takes `byteCount` bytes, all zero, and their place on disk.
  ///
  /// Throws where the folder cannot be written to or has no room.
  package init(byteCount: Int) throws(StorageError) {
    precondition(byteCount > 0, "memory of no bytes")
    self.byteCount = byteCount
    let folder = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/var/tmp"
    var name = Array((folder + "/profs-XXXXXX").utf8CString)
    let number = unsafe mkstemp(&name)
    guard number >= 0 else {
      throw StorageError(path: folder, action: "make a temporary file", errorNumber: errno)
    }
    defer { close(number) }
    _ = unsafe unlink(name)
    #if canImport(Glibc)
      // A place on disk now, or an error now; without it a write into the mapping would end the process.
      let failure = posix_fallocate(number, 0, off_t(byteCount))
    #else
      let failure = ftruncate(number, off_t(byteCount)) == 0 ? 0 : errno
    #endif
    guard failure == 0 else {
      throw StorageError(
        path: folder, action: "take \(byteCount) bytes for a temporary file (TMPDIR chooses another folder)",
        errorNumber: failure)
    }
    let address = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, number, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw StorageError(path: folder, action: "map \(byteCount) bytes", errorNumber: errno)
    }
    unsafe self.address = address
  }

  /// The first byte; valid while the value lives.
  @unsafe package var base: UnsafeMutableRawPointer { unsafe address }

  deinit { unsafe munmap(address, byteCount) }
}
