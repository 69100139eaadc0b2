import Foundation
import Testing

/// A new folder for files that a test makes, removed with its owner.
final class TemporaryFiles {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "profs-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and answers its path.
  func write(_ bytes: some Sequence<UInt8>, _ name: String) throws -> String {
    let file = path + "/" + name
    try Data(bytes).write(to: URL(filePath: file))
    return file
  }

  /// Copies a folder of fixtures and answers the copy's path.
  func copy(_ folder: String, _ name: String) throws -> String {
    try FileManager.default.copyItem(atPath: folder, toPath: path + "/" + name)
    return path + "/" + name
  }
}
