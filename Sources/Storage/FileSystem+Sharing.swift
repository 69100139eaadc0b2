#if canImport(Glibc)
  import Glibc
#endif

extension FileSystem {
  /// Whether a copy of the file at `source` in `folder` would share its blocks and so take no room, as on btrfs, and on XFS
  /// where it was made for that.
  ///
  /// The file system is asked for such a copy (`FICLONE`), in a file without a name that is gone at once. `copy_file_range`
  /// makes one where it can.
  package static func sharesCopies(of source: String, in folder: String) -> Bool {
    #if canImport(Glibc)
      // O_TMPFILE and FICLONE of Linux, which the C library's headers hide.
      guard let file = try? FileDescriptor(opening: source, flags: O_RDONLY),
        let copy = try? FileDescriptor(opening: folder, flags: O_RDWR | O_DIRECTORY | 0o20_000_000)
      else { return false }
      return ioctl(copy.number, 0x4004_9409, file.number) == 0
    #else
      return false
    #endif
  }
}
