import Foundation
import Storage
import Testing

@Suite struct OutputFolderTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("The folder appears with all its files when it is committed, and not before")
  func commit() throws {
    let source = try folder.write((0..<300_000).map { UInt8(truncatingIfNeeded: $0 >> 3) }, "source.bin")
    let output = try OutputFolder(folder.path("out/"))
    try output.writeFile("config.json", Array("{}".utf8))
    try output.writeFile("a/b/deep", [1, 2])
    try output.writeFile("a/other", [])
    try output.copyFile(source, as: "copy.bin")
    #expect(!FileSystem.exists(folder.path("out")))
    try output.commit()
    #expect(
      try folder.contents() == [
        "out", "out/a", "out/a/b", "out/a/b/deep", "out/a/other", "out/config.json", "out/copy.bin",
        "source.bin",
      ])
    #expect(try folder.read("out/copy.bin") == folder.read("source.bin"))
    #expect(try folder.read("out/a/b/deep") == [1, 2])
  }

  @Test("A copy may be followed and preceded by other bytes")
  func copyInside() throws {
    let source = try folder.write([5, 6, 7], "source")
    let output = try OutputFolder(folder.path("out"))
    let writer = try output.createFile("joined")
    try writer.write([1])
    try writer.copy(contentsOf: source)
    try writer.write([9])
    #expect(writer.byteCount == 5)
    try writer.finish()
    try output.commit()
    #expect(try folder.read("out/joined") == [1, 5, 6, 7, 9])
  }

  @Test("Letting go of an uncommitted folder, or discarding it, leaves nothing")
  func abandon() throws {
    struct Interruption: Error {}
    #expect(throws: Interruption.self) {
      let output = try OutputFolder(folder.path("out"))
      try output.writeFile("a/b", [1])
      throw Interruption()
    }
    let output = try OutputFolder(folder.path("out"))
    try output.writeFile("a/b", [1])
    output.discard()
    #expect(try folder.contents() == [])
  }

  @Test("A committed folder stays when its writer goes")
  func committedStays() throws {
    do {
      let output = try OutputFolder(folder.path("out"))
      try output.writeFile("a", [1])
      try output.commit()
      output.discard()
    }
    #expect(try folder.contents() == ["out", "out/a"])
  }

  @Test("An existing destination is refused at the start and at the end")
  func existing() throws {
    try folder.write([1], "out/file")
    let early = #expect(throws: StorageError.self) { try OutputFolder(folder.path("out")) }
    #expect(early?.reason.contains("already exists") == true)
    let output = try OutputFolder(folder.path("late"))
    try folder.write([2], "late/file")
    #expect(throws: StorageError.self) { try output.commit() }
    output.discard()
    #expect(try folder.contents() == ["late", "late/file", "out", "out/file"])
  }

  @Test("Replacing swaps the whole folder and leaves nothing of the old one")
  func replacing() throws {
    try folder.write([1], "out/old")
    try folder.write([1], "out/sub/old")
    let output = try OutputFolder(folder.path("out"), replacing: true)
    try output.writeFile("new", [2])
    #expect(try folder.read("out/old") == [1])
    try output.commit()
    #expect(try folder.contents() == ["out", "out/new"])
    try folder.write([1], "plain")
    #expect(throws: StorageError.self) { try OutputFolder(folder.path("plain"), replacing: true) }
  }

  @Test("What a dead run left is removed, what a live one is building is not")
  func leftovers() throws {
    try folder.write([1], "out.partial-0123abcd/big/file")
    try folder.write([1], "out.partial-89abcdef")
    // Not of the form, or another output's.
    let others = [
      "other.partial-0123abcd", "out.partial-012", "out.partial-0123abcx", "out.partial-0123abcd.txt",
    ]
    for other in others { try folder.write([1], other) }
    let first = try OutputFolder(folder.path("out"))
    try first.writeFile("a", [1])
    let second = try OutputFolder(folder.path("out"))
    try second.writeFile("a", [2])
    #expect(FileSystem.exists(first.path) && FileSystem.exists(second.path) && first.path != second.path)
    #expect(!FileSystem.exists(folder.path("out.partial-0123abcd")))
    #expect(!FileSystem.exists(folder.path("out.partial-89abcdef")))
    try second.commit()
    #expect(throws: StorageError.self) { try first.commit() }
    first.discard()
    #expect(try folder.contents() == (others + ["out", "out/a"]).sorted())
    #expect(try folder.read("out/a") == [2])
  }

  @Test(
    "A file name that leads outside the folder, or is taken, is refused",
    arguments: ["../x", "a/../../x", "/etc/x", "", "a//b", ".", "taken"])
  func names(name: String) throws {
    let output = try OutputFolder(folder.path("out"))
    try output.writeFile("taken", [1])
    #expect(throws: StorageError.self) { try output.writeFile(name, [2]) }
    #expect(try FileSystem.list(folder.path).count == 1)
  }

  @Test("A destination that cannot be new is refused", arguments: ["", ".", "a/..", "/"])
  func destinations(path: String) {
    #expect(throws: StorageError.self) { try OutputFolder(path) }
  }
}
