import Foundation
import Storage
import Testing

@Suite struct FileSystemTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test(
    "Paths come apart at their last slash",
    arguments: [
      ("model.gguf", ".", "model.gguf"), ("a/b/c", "a/b", "c"), ("/a", "/", "a"), ("größe/ä", "größe", "ä"),
      ("out/", ".", "out"), ("a/b//", "a", "b"), ("/a/", "/", "a"),
    ])
  func paths(path: String, parent: String, name: String) {
    #expect(FileSystem.parent(of: path) == parent)
    #expect(FileSystem.lastComponent(of: path) == name)
  }

  @Test("Joining adds exactly one slash")
  func join() {
    #expect(FileSystem.join("a", "b") == "a/b")
    #expect(FileSystem.join("a/", "b") == "a/b")
    #expect(FileSystem.join("", "b") == "b")
  }

  @Test("A listing is complete, ordered by bytes, and tells files from folders")
  func list() throws {
    for name in ["b", "B", "é", "a10", "a9", ".hidden", "sub/x"] { try folder.write([1], name) }
    #expect(try FileSystem.list(folder.path) == [".hidden", "B", "a10", "a9", "b", "sub", "é"])
    #expect(FileSystem.kind(of: folder.path("sub")) == .folder)
    #expect(FileSystem.kind(of: folder.path("b")) == .file)
    #expect(FileSystem.kind(of: folder.path("absent")) == nil)
    #expect(throws: StorageError.self) { try FileSystem.list(folder.path("b")) }
  }

  @Test("A small file is read whole, and a file over the limit is refused", arguments: [0, 1, 70_000])
  func readFile(count: Int) throws {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let path = try folder.write(bytes, "data")
    #expect(try FileSystem.readFile(path, limit: count) == bytes)
    #expect(try FileSystem.readFile(path, limit: 1 << 40) == bytes)
    let error = #expect(throws: StorageError.self) { try FileSystem.readFile(path, limit: count - 1) }
    #expect(error?.reason.contains("\(count) bytes") == true)
    #expect(throws: StorageError.self) { try FileSystem.readFile(folder.path, limit: 10) }
  }

  @Test("Removing a folder removes what is in it, but follows no symbolic link")
  func remove() throws {
    try folder.write([1], "kept/file")
    try folder.write([1], "gone/a/b/file")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("gone/link"), withDestinationPath: folder.path("kept"))
    try FileSystem.remove(folder.path("gone"))
    try FileSystem.remove(folder.path("absent"))
    #expect(try folder.contents() == ["kept", "kept/file"])
  }
}
