#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A folder that appears at its destination complete or not at all.
///
/// It is built beside the destination and renamed. Letting go of it without `commit` removes it; a run that
/// dies leaves only a temporary name, which the next run to the same destination removes.
package final class OutputFolder: OutputPlace {
  private let output: PartialOutput
  private var subfolders: [String] = []

  /// Begins the folder; with `replacing`, an existing folder stays as it is until `commit` replaces it.
  ///
  /// Throws when something is at `path` already, or its parent cannot be written.
  package init(_ path: String, replacing: Bool = false) throws(StorageError) {
    output = try PartialOutput(destination: path, isFolder: true, replacing: replacing)
  }

  /// Where the folder is being built: to read back what was written, before `commit`.
  package var path: String { output.path }

  /// Begins the file `name`, a path inside the folder whose own folders are made as needed.
  ///
  /// Throws when `name` leads outside, exists already, or cannot be created.
  package func createFile(_ name: String) throws(StorageError) -> FileWriter {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard !parts.isEmpty, parts.allSatisfy({ !["", ".", ".."].contains($0) }) else {
      throw StorageError(
        path: output.destination, reason: "\"\(name)\" is not the name of a file inside this folder")
    }
    var folder = output.path
    for part in parts.dropLast() {
      folder = FileSystem.join(folder, String(part))
      if unsafe mkdir(folder, 0o777) == 0 {
        subfolders.append(folder)
      } else if errno != EEXIST {
        throw StorageError(path: folder, action: "create the folder", errorNumber: errno)
      }
    }
    return try FileWriter(creating: FileSystem.join(output.path, name))
  }

  /// Copies the file at `source` as `name`.
  package func copyFile(_ source: String, as name: String) throws(StorageError) {
    let writer = try createFile(name)
    try writer.copy(contentsOf: source)
    try writer.finish()
  }

  /// Where a finished file is until `commit`.
  package func currentPath(of name: String) -> String { FileSystem.join(output.path, name) }

  /// Forces the folder onto the disk and gives it its name.
  ///
  /// Every file must be finished.
  package func commit() throws(StorageError) {
    for folder in subfolders.reversed() { try FileSystem.synchronize(folder: folder) }
    try FileSystem.synchronize(folder: output.path)
    try output.commit()
  }

  /// Removes what was built.
  package func discard() { output.discard() }
}
