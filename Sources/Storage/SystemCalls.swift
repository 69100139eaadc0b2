#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// System calls that the C library's default headers hide, found by name when first used.
enum SystemCalls {
  /// What to do with an existing destination.
  enum RenameMode: UInt32 {
    /// Fail with `EEXIST` (Linux `RENAME_NOREPLACE`).
    case exclusive = 1
    /// Swap the two names (Linux `RENAME_EXCHANGE`).
    case exchange = 2
  }

  #if canImport(Glibc)
    private typealias Rename =
      @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32
    private typealias CopyRange =
      @convention(c) (Int32, UnsafeMutablePointer<Int64>?, Int32, UnsafeMutablePointer<Int64>?, Int, UInt32)
      -> Int

    private typealias Allocate = @convention(c) (Int32, Int32, Int64, Int64) -> Int32

    private typealias Writeback = @convention(c) (Int32, Int64, Int64, UInt32) -> Int32

    private static let syncFileRange: Writeback? = unsafe dlsym(nil, "sync_file_range").map {
      unsafe unsafeBitCast($0, to: Writeback.self)
    }
    private static let fallocate: Allocate? = unsafe dlsym(nil, "fallocate").map {
      unsafe unsafeBitCast($0, to: Allocate.self)
    }
    private static let renameat2: Rename? = unsafe dlsym(nil, "renameat2").map {
      unsafe unsafeBitCast($0, to: Rename.self)
    }
    private static let copyFileRange: CopyRange? = unsafe dlsym(nil, "copy_file_range").map {
      unsafe unsafeBitCast($0, to: CopyRange.self)
    }
  #endif

  /// Renames atomically as `mode` says; -1 with `errno`, `ENOSYS` or `EINVAL` where the system cannot.
  static func rename(_ source: String, _ destination: String, _ mode: RenameMode) -> Int32 {
    #if canImport(Glibc)
      guard let renameat2 = unsafe renameat2 else {
        errno = ENOSYS
        return -1
      }
      return unsafe renameat2(AT_FDCWD, source, AT_FDCWD, destination, mode.rawValue)
    #else
      return unsafe renamex_np(source, destination, UInt32(mode == .exclusive ? RENAME_EXCL : RENAME_SWAP))
    #endif
  }

  /// Asks the system to begin writing bytes of a file to the disk, without waiting; where it cannot, nothing happens.
  static func startWriteback(_ file: Int32, from start: Int, count: Int) {
    #if canImport(Glibc)
      // SYNC_FILE_RANGE_WRITE. A failure shows when the file is synchronized.
      _ = syncFileRange?(file, Int64(start), Int64(count), 2)
    #endif
  }

  /// Copies up to `count` bytes between the current positions of two files inside the kernel.
  ///
  /// Returns how many were copied; -1 with `errno`, `ENOSYS` where the system cannot.
  static func copyRange(from source: Int32, to destination: Int32, count: Int) -> Int {
    #if canImport(Glibc)
      if let copyFileRange = unsafe copyFileRange {
        return copyFileRange(source, nil, destination, nil, count, 0)
      }
    #endif
    errno = ENOSYS
    return -1
  }

  /// Reserves disk space for the first `count` bytes of a file without changing its size.
  ///
  /// Returns -1 with `errno`, `ENOSYS` where the system cannot.
  static func reserve(_ descriptor: Int32, count: Int) -> Int32 {
    #if canImport(Glibc)
      // Mode 1 is FALLOC_FL_KEEP_SIZE.
      if let fallocate { return fallocate(descriptor, 1, 0, Int64(count)) }
    #endif
    errno = ENOSYS
    return -1
  }
}
