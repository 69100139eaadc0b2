#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Looking at, reading, and removing files and folders by path.
package enum FileSystem {
  /// What a path leads to, symbolic links followed.
  package enum Kind: Sendable {
    case file, folder
    /// A pipe, socket or device.
    case other
  }

  // MARK: Paths

  /// `name` inside `folder`.
  package static func join(_ folder: String, _ name: String) -> String {
    folder.isEmpty ? name : folder.utf8.last == UInt8(ascii: "/") ? folder + name : folder + "/" + name
  }

  /// `path` up to its last component: `.` for a bare name, `/` for something at the root.
  ///
  /// Slashes at its end do not count, here and in ``lastComponent(of:)``.
  package static func parent(of path: String) -> String {
    let path = withoutFinalSlashes(path)
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// `path` after its last slash.
  package static func lastComponent(of path: String) -> String {
    let path = withoutFinalSlashes(path)
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
    return String(path[path.utf8.index(after: slash)...])
  }

  /// `path` without slashes at its end, where it is more than slashes.
  static func withoutFinalSlashes(_ path: String) -> String {
    var path = path
    while path.utf8.count > 1, path.utf8.last == UInt8(ascii: "/") { path.unicodeScalars.removeLast() }
    return path
  }

  // MARK: Looking

  /// What lies at `path`; `nil` when there is nothing, or nothing that may be seen.
  package static func kind(of path: String) -> Kind? {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return nil }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return .file
    case S_IFDIR: return .folder
    default: return .other
    }
  }

  /// True when there is anything at `path`, a dangling symbolic link included.
  package static func exists(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path, &status) == 0
  }

  /// True when `path` itself is a symbolic link, whatever it leads to.
  package static func isLink(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
  }

  /// The names in `folder`, ordered by their bytes, without `.` and `..`.
  ///
  /// Throws when the folder cannot be read or a name is not UTF-8.
  package static func list(_ folder: String) throws(StorageError) -> [String] {
    guard let stream = unsafe opendir(folder) else {
      throw StorageError(path: folder, action: "list the folder", errorNumber: errno)
    }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else { break }
      let name = unsafe withUnsafePointer(to: entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(
          to: CChar.self, capacity: MemoryLayout.size(ofValue: entry.pointee.d_name)
        ) {
          unsafe String(validatingCString: $0)
        }
      }
      guard let name else {
        throw StorageError(path: folder, reason: "a file name in this folder is not UTF-8; rename the file")
      }
      if name != ".", name != ".." { names.append(name) }
    }
    guard errno == 0 else {
      throw StorageError(path: folder, action: "list the folder", errorNumber: errno)
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Size in bytes of the file that `path` leads to; `nil` where there is none.
  package static func size(of path: String) -> Int? {
    var status = stat()
    guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int(exactly: status.st_size)
  }

  /// `path` from the root, links followed; `nil` where nothing is there.
  package static func realPath(_ path: String) -> String? {
    guard let found = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(found) }
    return unsafe String(validatingCString: found)
  }

  /// Bytes that this user can still write to the disk that `folder` is on; `nil` where the system does not say.
  package static func freeBytes(in folder: String) -> Int? {
    var status = statvfs()
    guard unsafe statvfs(folder, &status) == 0 else { return nil }
    let (bytes, overflow) = Int(clamping: status.f_bavail)
      .multipliedReportingOverflow(by: Int(clamping: status.f_frsize))
    return overflow ? .max : bytes
  }

  // MARK: Reading

  /// The bytes of a small regular file.
  ///
  /// Throws when it cannot be read or is longer than `limit` bytes.
  package static func readFile(_ path: String, limit: Int) throws(StorageError) -> [UInt8] {
    let descriptor = try FileDescriptor(opening: path, flags: O_RDONLY)
    var bytes: [UInt8] = []
    // The size is a hint only: the file may grow or shrink while it is read.
    var room = try descriptor.regularFileSize(limit: limit) + 1
    while bytes.count <= limit {
      let chunk = try descriptor.read(upTo: room)
      if chunk.isEmpty { return bytes }
      // The first is nearly always all of it, and may be large.
      if bytes.isEmpty { bytes = chunk } else { bytes += chunk }
      room = 65536
    }
    throw StorageError(path: path, reason: "the file grew beyond \(limit) bytes while it was read")
  }

  // MARK: Removing

  /// Removes a file, or a folder with all that is in it; symbolic links are removed, not followed.
  ///
  /// Nothing at `path` is success. Throws at the first thing that cannot be removed.
  package static func remove(_ path: String) throws(StorageError) {
    if unsafe unlink(path) == 0 || errno == ENOENT { return }
    // Linux says EISDIR of a folder, POSIX EPERM.
    guard errno == EISDIR || errno == EPERM else {
      throw StorageError(path: path, action: "remove the file", errorNumber: errno)
    }
    for name in try list(path) { try remove(join(path, name)) }
    guard unsafe rmdir(path) == 0 || errno == ENOENT else {
      throw StorageError(path: path, action: "remove the folder", errorNumber: errno)
    }
  }

  /// Forces the names in `folder` onto the disk.
  static func synchronize(folder: String) throws(StorageError) {
    try FileDescriptor(opening: folder, flags: O_RDONLY | O_DIRECTORY).synchronize()
  }
}
