import Foundation
import Storage
import Testing

/// A new empty folder, removed when the last reference goes.
final class Scratch {
  let path: String

  init(_ name: String) throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "\(name)-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file, in a folder of this one where its name says so, and answers its path.
  @discardableResult
  func write(_ bytes: [UInt8], _ name: String) throws -> String {
    let file = FileSystem.join(path, name)
    // Not `Data.write`, which forces each file onto the disk: thousands are written. A new file each time, because ext4
    // does the same with one that is emptied and written again.
    try FileSystem.remove(file)
    let stream = try #require(fopen(file, "w"), "\(file)")
    defer { fclose(stream) }
    try #require(fwrite(bytes, 1, bytes.count, stream) == bytes.count)
    return file
  }

  /// Makes a folder with files of another one in it, linked.
  func link(_ names: [String], from folder: String, into name: String) throws {
    let target = FileSystem.join(path, name)
    try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
    for name in names where FileSystem.kind(of: FileSystem.join(folder, name)) != nil {
      try FileManager.default.createSymbolicLink(
        atPath: FileSystem.join(target, name), withDestinationPath: FileSystem.join(folder, name))
    }
  }
}
