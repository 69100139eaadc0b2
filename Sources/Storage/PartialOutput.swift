#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file or folder that is built under a temporary name beside its destination and renamed when complete.
///
/// The temporary name is the destination's with `.partial-` and eight hexadecimal digits, and the process
/// holds a lock (`flock`) on it. A name of that form whose lock is free was left by a run that died; it is
/// removed when the next output to the same destination begins.
final class PartialOutput: Sendable {
  /// Where the output will be.
  let destination: String
  /// Where it is being built.
  let path: String
  private let replacing: Bool
  private let isFolder: Bool
  private let lock: FileDescriptor

  /// Makes an empty file's name or an empty folder beside `destination`.
  ///
  /// Throws when the destination exists (and, if `replacing`, is of another kind), or the place cannot be
  /// written.
  convenience init(destination: String, isFolder: Bool, replacing: Bool) throws(StorageError) {
    let destination = try Self.named(destination)
    try Self.check(destination: destination, isFolder: isFolder, replacing: replacing)
    try self.init(beside: destination, isFolder: isFolder, replacing: replacing)
  }

  /// Makes an empty file beside `destination`, whatever is there, that says that it is being written.
  convenience init(claiming destination: String) throws(StorageError) {
    try self.init(beside: Self.named(destination), isFolder: false, replacing: true)
  }

  /// `destination` without slashes at its end.
  private static func named(_ destination: String) throws(StorageError) -> String {
    let destination = FileSystem.withoutFinalSlashes(destination)
    guard !["", ".", "..", "/"].contains(FileSystem.lastComponent(of: destination)) else {
      throw StorageError(
        path: destination, reason: "this cannot be an output; give the name of something new")
    }
    return destination
  }

  private init(beside destination: String, isFolder: Bool, replacing: Bool) throws(StorageError) {
    Self.removeLeftovers(of: destination)
    lock = try Self.create(destination: destination, isFolder: isFolder)
    path = lock.path
    self.destination = destination
    self.isFolder = isFolder
    self.replacing = replacing
  }

  deinit { discard() }

  /// Renames the output into place and forces the names onto the disk.
  ///
  /// The contents were forced before.
  func commit() throws(StorageError) {
    let isDone = try OpenOutputs.finish(path) { () throws(StorageError) in
      if replacing, FileSystem.exists(destination) {
        try replace()
      } else {
        try moveIntoPlace()
      }
    }
    guard isDone else {
      throw StorageError(path: destination, reason: "the run was told to stop before this was complete")
    }
    try FileSystem.synchronize(folder: FileSystem.parent(of: destination))
  }

  /// Removes what was built, as far as the system lets it; nothing after `commit`.
  func discard() {
    guard OpenOutputs.contains(path) else { return }
    try? FileSystem.remove(path)
    OpenOutputs.remove(path)
  }

  // MARK: Into place

  private func moveIntoPlace() throws(StorageError) {
    if SystemCalls.rename(path, destination, .exclusive) == 0 { return }
    if errno == ENOSYS || errno == EINVAL {
      // This file system cannot rename exclusively: look first, which leaves a moment for another process.
      try Self.check(destination: destination, isFolder: isFolder, replacing: false)
      if unsafe rename(path, destination) == 0 { return }
    }
    throw Self.failure(destination, errno)
  }

  private func replace() throws(StorageError) {
    try Self.check(destination: destination, isFolder: isFolder, replacing: true)
    if !isFolder {
      guard unsafe rename(path, destination) == 0 else { throw Self.failure(destination, errno) }
      return
    }
    if SystemCalls.rename(path, destination, .exchange) == 0 {
      // The old folder now has the temporary name: what cannot be removed of it, a later run will try again.
      try? FileSystem.remove(path)
      return
    }
    guard errno == ENOSYS || errno == EINVAL else { throw Self.failure(destination, errno) }
    // No exchange here: step aside under a name that no run removes, so that dying in between loses nothing.
    let old = destination + ".replaced-" + Self.randomSuffix()
    guard unsafe rename(destination, old) == 0 else { throw Self.failure(destination, errno) }
    guard unsafe rename(path, destination) == 0 else {
      let number = errno
      _ = unsafe rename(old, destination)
      throw Self.failure(destination, number)
    }
    try? FileSystem.remove(old)
  }

  private static func failure(_ destination: String, _ number: Int32) -> StorageError {
    number == EEXIST || number == ENOTEMPTY
      ? alreadyExists(destination)
      : StorageError(path: destination, action: "move the finished output here", errorNumber: number)
  }

  private static func alreadyExists(_ destination: String) -> StorageError {
    StorageError(path: destination, reason: "this already exists; choose another name, or ask to replace it")
  }

  private static func check(
    destination: String, isFolder: Bool, replacing: Bool
  ) throws(StorageError) {
    guard FileSystem.exists(destination) else { return }
    guard replacing else { throw alreadyExists(destination) }
    guard FileSystem.kind(of: destination) == (isFolder ? .folder : .file) else {
      throw StorageError(
        path: destination, reason: "only a \(isFolder ? "folder" : "file") can be replaced here")
    }
  }

  // MARK: Beginning

  /// Makes the file or folder under a free temporary name, and locks it.
  private static func create(
    destination: String, isFolder: Bool
  ) throws(StorageError) -> FileDescriptor {
    for _ in 0..<100 {
      let path = destination + ".partial-" + randomSuffix()
      let begun = OpenOutputs.begin(path) {
        unsafe isFolder ? mkdir(path, 0o777) : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      }
      guard let made = begun else {
        throw StorageError(path: destination, reason: "the run was told to stop before this was begun")
      }
      guard made >= 0 else {
        if errno == EEXIST { continue }
        throw StorageError(path: destination, action: "begin writing beside it", errorNumber: errno)
      }
      if !isFolder { close(made) }
      // A run that starts at this moment may take the new output for a dead one. Then the lock is taken or
      // the name gone, and another name is tried.
      if let lock = try? FileDescriptor(opening: path, flags: O_RDONLY),
        // A file system without locks leaves this output unlocked, and others' unremoved.
        flock(lock.number, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK, FileSystem.exists(path)
      {
        return lock
      }
      OpenOutputs.remove(path)
    }
    throw StorageError(path: destination, reason: "cannot find a free temporary name beside it")
  }

  /// The temporary names beside `destination`, of runs that live or died.
  private static func temporaryNames(of destination: String) -> [String] {
    let folder = FileSystem.parent(of: destination)
    let prefix = FileSystem.lastComponent(of: destination) + ".partial-"
    let names = (try? FileSystem.list(folder)) ?? []
    return names.filter { name in
      name.utf8.starts(with: prefix.utf8) && name.utf8.count == prefix.utf8.count + 8
        && UInt32(String(name.suffix(8)), radix: 16) != nil
    }.map { FileSystem.join(folder, $0) }
  }

  /// Whether a run is writing `destination` now, or has claimed it; the temporary name `own` does not count.
  static func isBeingWritten(_ destination: String, besides own: String? = nil) -> Bool {
    guard let destination = try? named(destination) else { return false }
    return temporaryNames(of: destination).contains { path in
      // The same folder can be named in two ways.
      guard FileSystem.lastComponent(of: path) != own.map(FileSystem.lastComponent),
        let lock = try? FileDescriptor(opening: path, flags: O_RDONLY | O_NOFOLLOW)
      else { return false }
      return flock(lock.number, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }
  }

  /// Removes what dead runs left beside `destination`.
  private static func removeLeftovers(of destination: String) {
    for path in temporaryNames(of: destination) {
      guard let lock = try? FileDescriptor(opening: path, flags: O_RDONLY | O_NOFOLLOW),
        flock(lock.number, LOCK_EX | LOCK_NB) == 0
      else { continue }
      try? FileSystem.remove(path)
    }
  }

  private static func randomSuffix() -> String {
    let digits = String(UInt32.random(in: 0 ... .max), radix: 16)
    return String(repeating: "0", count: 8 - digits.utf8.count) + digits
  }
}
