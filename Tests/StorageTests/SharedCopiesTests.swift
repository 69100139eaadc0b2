import Foundation
import Storage
import Testing

/// What is said of copies that take no room.
@Suite struct SharedCopiesTests {
  @Test(
    "A copy is said to share its blocks where cp can make one that does, and nothing is left of the question")
  func asked() throws {
    let folder = try TemporaryFolder()
    let source = folder.path("source")
    try Data(repeating: 7, count: 100_000).write(to: URL(filePath: source))
    let found = FileSystem.sharesCopies(of: source, in: folder.path(""))
    #if os(Linux)
      let copy = Process()
      copy.executableURL = URL(filePath: "/usr/bin/env")
      copy.arguments = ["cp", "--reflink=always", source, folder.path("copy")]
      copy.standardError = FileHandle.nullDevice
      try copy.run()
      copy.waitUntilExit()
      #expect(found == (copy.terminationStatus == 0))
      try? FileManager.default.removeItem(atPath: folder.path("copy"))
    #else
      #expect(!found)
    #endif
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("")) == ["source"])
  }

  @Test("Of what is not there, and of another file system, no copy shares anything")
  func elsewhere() throws {
    let folder = try TemporaryFolder()
    let source = folder.path("source")
    try Data([1]).write(to: URL(filePath: source))
    #expect(!FileSystem.sharesCopies(of: folder.path("none"), in: folder.path("")))
    #expect(!FileSystem.sharesCopies(of: source, in: folder.path("none")))
    #expect(!FileSystem.sharesCopies(of: source, in: "/proc"))
  }
}
