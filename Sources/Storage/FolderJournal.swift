#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// New files for a folder that take the places of its old ones together: all of them or none, whenever the process dies.
///
/// | in the folder | what it is |
/// |---|---|
/// | `.profs-journal/new/NAME` | a complete new file, forced onto the disk |
/// | `.profs-journal/commit` | `profs-journal 2` and the gate's name, then a line for each new file, `+NAME`, and for each old one that goes, `-NAME` |
/// | `.profs-journal/held/GATE` | the gate while files are moved |
///
/// Without `commit` the folder is as it was, and the journal is litter. `commit` appears by a rename when every new file is
/// on the disk, and from then on the change is only ever finished: each file that is still in `new` is moved to its place,
/// which may be begun again any number of times; then the files that go are removed. Meanwhile the gate, a file that no
/// reader can do without, is held back, so that programs that know of no journal find no complete folder either.
/// `commit` of `profs-journal 1` names new files alone, without the sign.
/// The folder itself is locked (`flock`) by whoever changes it.
package final class FolderJournal: OutputPlace {
  /// What ``recover(_:)`` found and did.
  package enum Recovery: Sendable, Equatable {
    /// There was no journal.
    case nothing
    /// A journal without `commit` was removed: the folder is as it was.
    case rolledBack
    /// A change was finished.
    case finished
  }

  /// The journal's name in the folder.
  package static let name = ".profs-journal"
  /// The folder that is changed.
  package let folder: String
  private let gate: String
  private let lock: FileLock
  // Not before the journal is this value's: `deinit` runs where `init` throws, too.
  private var isOpen = false
  private static let (header, firstHeader) = ("profs-journal 2", "profs-journal 1")

  private var path: String { Self.path(folder) }
  private static func path(_ folder: String) -> String { FileSystem.join(folder, name) }
  private static func marker(_ folder: String) -> String { FileSystem.join(path(folder), "commit") }
  private static func fresh(_ folder: String) -> String { FileSystem.join(path(folder), "new") }
  private static func held(_ folder: String) -> String { FileSystem.join(path(folder), "held") }

  /// Begins a change of `folder`; what a dead run left that changed nothing is removed.
  ///
  /// - Parameter gate: the file that is away while others are moved.
  ///
  /// Throws when another run is at it, or a change is there to be finished first, by ``recover(_:)``.
  package init(_ folder: String, gate: String) throws(StorageError) {
    (self.folder, self.gate) = (folder, gate)
    lock = try FileLock(folder)
    guard !Self.isUnfinished(folder) else { throw Self.unfinished(folder) }
    try FileSystem.remove(Self.path(folder))
    OpenOutputs.add(Self.path(folder))
    isOpen = true
    for path in [Self.path(folder), Self.fresh(folder)] { try Self.makeFolder(path) }
  }

  deinit { discard() }

  /// Whether a change of `folder` was begun and must be finished before it can be read.
  package static func isUnfinished(_ folder: String) -> Bool { FileSystem.exists(marker(folder)) }

  /// What readers say of such a folder.
  package static func unfinished(_ folder: String) -> StorageError {
    StorageError(
      path: folder,
      reason: "an edit of this folder in place was interrupted; profs apply --in-place on it finishes that")
  }

  /// Finishes or removes what a run that died has left in `folder`.
  ///
  /// Throws when another run is at it, the journal is not one, or the system refuses, in which case it can be called again.
  package static func recover(_ folder: String) throws(StorageError) -> Recovery {
    guard FileSystem.exists(path(folder)) else { return .nothing }
    let lock = try FileLock(folder)
    defer { withExtendedLifetime(lock) {} }
    if isUnfinished(folder) {
      try finish(folder)
      return .finished
    }
    try FileSystem.remove(path(folder))
    return .rolledBack
  }

  // MARK: Writing

  /// Begins the new file `name`, a path in the folder.
  package func createFile(_ name: String) throws(StorageError) -> FileWriter {
    try Self.makeParents(of: name, in: Self.fresh(folder))
    return try FileWriter(creating: FileSystem.join(Self.fresh(folder), name))
  }

  /// Copies the file at `source` as `name`; a file that is in its place already stays there.
  package func copyFile(_ source: String, as name: String) throws(StorageError) {
    if source == FileSystem.join(folder, name) { return }
    let writer = try createFile(name)
    try writer.copy(contentsOf: source)
    try writer.finish()
  }

  /// Where the file `name` can be read: new where it is to be replaced, else in its place.
  package func currentPath(of name: String) -> String {
    let path = FileSystem.join(Self.fresh(folder), name)
    return FileSystem.exists(path) ? path : FileSystem.join(folder, name)
  }

  /// Moves every new file into its place, and removes the files of the folder itself that are called `obsolete`.
  ///
  /// Every file must be finished. When this throws, the change has not been made, or ``recover(_:)`` finishes it.
  package func commit(removing obsolete: [String] = []) throws(StorageError) {
    let names = try Self.files(in: Self.fresh(folder))
    for subfolder in Set(names.map { FileSystem.parent(of: FileSystem.join(Self.fresh(folder), $0)) }) {
      try FileSystem.synchronize(folder: subfolder)
    }
    for path in [Self.fresh(folder), path, folder] { try FileSystem.synchronize(folder: path) }
    OpenOutputs.remove(path)
    let lines = [Self.header, gate] + names.map { "+" + $0 } + obsolete.map { "-" + $0 }
    let text = lines.joined(separator: "\n") + "\n"
    try AtomicFile.write(Array(text.utf8), to: Self.marker(folder))
    isOpen = false
    try Self.finish(folder)
  }

  /// Removes what was written; nothing once ``commit()`` has decided.
  package func discard() {
    guard isOpen else { return }
    isOpen = false
    OpenOutputs.remove(path)
    try? FileSystem.remove(path)
  }

  // MARK: Moving

  /// Does what is left to be done of a change, and removes its journal.
  private static func finish(_ folder: String) throws(StorageError) {
    let bytes = try FileSystem.readFile(marker(folder), limit: 64 << 20)
    var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    if lines.first == firstHeader {
      lines = [header] + lines.dropFirst().prefix(1) + lines.dropFirst(2).map { "+" + $0 }
    }
    let names = lines.dropFirst(2).filter { $0.hasPrefix("+") }.map { String($0.dropFirst()) }
    let obsolete = lines.dropFirst(2).filter { $0.hasPrefix("-") }.map { String($0.dropFirst()) }
    // A folder from a stranger may hold a journal that leads elsewhere.
    guard !names.isEmpty, lines[0] == header, names.count + obsolete.count == lines.count - 2,
      ([lines[1]] + names).allSatisfy(isInside), obsolete.allSatisfy({ isInside($0) && !$0.contains("/") })
    else {
      throw StorageError(
        path: marker(folder), reason: "this is no journal of an edit in place; remove \(path(folder))")
    }
    let gate = lines[1]
    let (gatePath, heldPath) = (FileSystem.join(folder, gate), FileSystem.join(held(folder), gate))
    if FileSystem.exists(gatePath), !FileSystem.exists(heldPath) {
      try makeParents(of: gate, in: held(folder))
      try move(gatePath, heldPath)
      try FileSystem.synchronize(folder: folder)
    }
    var changed: Set<String> = [folder]
    for name in names where name != gate {
      let source = FileSystem.join(fresh(folder), name)
      guard FileSystem.exists(source) else { continue }
      try makeParents(of: name, in: folder)
      try move(source, FileSystem.join(folder, name))
      changed.insert(FileSystem.parent(of: FileSystem.join(folder, name)))
    }
    for path in changed { try FileSystem.synchronize(folder: path) }
    for name in obsolete where !names.contains(name) && name != gate {
      let path = FileSystem.join(folder, name)
      if FileSystem.kind(of: path) == .file { try FileSystem.remove(path) }
    }
    let newGate = FileSystem.join(fresh(folder), gate)
    if FileSystem.exists(newGate) {
      try move(newGate, gatePath)
    } else if FileSystem.exists(heldPath) {
      try move(heldPath, gatePath)
    }
    try FileSystem.synchronize(folder: folder)
    try FileSystem.remove(marker(folder))
    try FileSystem.remove(path(folder))
  }

  private static func move(_ source: String, _ destination: String) throws(StorageError) {
    guard unsafe rename(source, destination) == 0 else {
      throw StorageError(path: destination, action: "move the new file here", errorNumber: errno)
    }
  }

  private static func isInside(_ name: String) -> Bool {
    name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { !["", ".", ".."].contains($0) }
  }

  private static func makeFolder(_ path: String) throws(StorageError) {
    guard unsafe mkdir(path, 0o777) == 0 || errno == EEXIST else {
      throw StorageError(path: path, action: "create the folder", errorNumber: errno)
    }
  }

  /// Makes the folders that `name` needs below `root`; none of them may be a link, which could lead elsewhere.
  private static func makeParents(of name: String, in root: String) throws(StorageError) {
    guard isInside(name) else {
      throw StorageError(path: root, reason: "\"\(name)\" is not the name of a file inside this folder")
    }
    if !FileSystem.exists(root) { try makeFolder(root) }
    var folder = root
    for part in name.split(separator: "/").dropLast() {
      folder = FileSystem.join(folder, String(part))
      try makeFolder(folder)
      guard FileSystem.kind(of: folder) == .folder, !FileSystem.isLink(folder) else {
        throw StorageError(path: folder, reason: "expected a folder, found a link or a file; remove it")
      }
    }
  }

  /// The files below `root`, as paths in it.
  private static func files(in root: String, below prefix: String = "") throws(StorageError) -> [String] {
    var found: [String] = []
    for entry in try FileSystem.list(FileSystem.join(root, prefix)) {
      let name = FileSystem.join(prefix, entry)
      if FileSystem.kind(of: FileSystem.join(root, name)) == .folder {
        found += try files(in: root, below: name)
      } else {
        found.append(name)
      }
    }
    return found
  }
}
