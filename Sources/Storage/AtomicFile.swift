/// A file that appears at its destination complete or not at all.
///
/// It is written beside the destination, forced onto the disk, and renamed. Letting go of it without `commit`
/// (an error was thrown, say) removes what was written; a run that dies leaves only a temporary name,
/// which the next run removes.
package final class AtomicFile {
  /// Takes the contents.
  package let writer: FileWriter
  private let output: PartialOutput

  /// Begins the file; with `replacing`, an existing file keeps its name until `commit` replaces it.
  ///
  /// Throws when something is at `path` already, or its folder cannot be written.
  package init(_ path: String, replacing: Bool = false) throws(StorageError) {
    output = try PartialOutput(destination: path, isFolder: false, replacing: replacing)
    writer = try FileWriter(overwriting: output.path)
  }

  /// Forces the contents onto the disk and gives the file its name.
  package func commit() throws(StorageError) {
    try writer.finish()
    try output.commit()
  }

  /// Removes what was written.
  package func discard() { output.discard() }

  /// Writes `bytes` as the file `path`, complete or not at all.
  package static func write(_ bytes: [UInt8], to path: String, replacing: Bool = false) throws(StorageError) {
    let file = try AtomicFile(path, replacing: replacing)
    try file.writer.write(bytes)
    try file.commit()
  }
}
