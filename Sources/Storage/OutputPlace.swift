/// Takes the files of an output: a folder that is built beside its place, or a journal in a folder that is changed.
package protocol OutputPlace {
  /// Begins the file `name`, a path inside the folder whose own folders are made as needed.
  ///
  /// Throws when `name` leads outside, exists already, or cannot be created.
  func createFile(_ name: String) throws(StorageError) -> FileWriter
  /// Copies the file at `source` as `name`.
  func copyFile(_ source: String, as name: String) throws(StorageError)
  /// Where a finished file, or one that stays as it was, can be read now.
  func currentPath(of name: String) -> String
}

extension OutputPlace {
  /// Writes `bytes` as the file `name`.
  package func writeFile(_ name: String, _ bytes: [UInt8]) throws(StorageError) {
    let writer = try createFile(name)
    try writer.write(bytes)
    try writer.finish()
  }
}
