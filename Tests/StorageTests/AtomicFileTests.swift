import Foundation
import Storage
import Testing

@Suite struct AtomicFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test(
    "The file appears with all its bytes when it is committed, and not before", arguments: [0, 10, 700_001])
  func commit(count: Int) throws {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 13 >> 2) }
    let file = try AtomicFile(folder.path("out.bin"))
    for start in stride(from: 0, to: count, by: 99_999) {
      try file.writer.write(Array(bytes[start..<min(start + 99_999, count)]))
    }
    #expect(file.writer.byteCount == count)
    #expect(!FileSystem.exists(folder.path("out.bin")))
    try file.commit()
    #expect(try folder.contents() == ["out.bin"])
    #expect(try folder.read("out.bin") == bytes)
  }

  @Test("Letting go of an uncommitted file, or discarding it, leaves nothing")
  func abandon() throws {
    struct Interruption: Error {}
    #expect(throws: Interruption.self) {
      let file = try AtomicFile(folder.path("a"))
      try file.writer.write([1, 2, 3])
      throw Interruption()
    }
    let file = try AtomicFile(folder.path("b"))
    try file.writer.write(Array(repeating: 1, count: 1_000_000))
    #expect(try folder.contents().count == 1)
    file.discard()
    #expect(try folder.contents() == [])
  }

  @Test("An existing file is refused at the start, and at the end if it appeared meanwhile")
  func existing() throws {
    let path = try folder.write([1], "out")
    let early = #expect(throws: StorageError.self) { try AtomicFile(path) }
    #expect(early?.reason.contains("already exists") == true)

    let file = try AtomicFile(folder.path("late"))
    try folder.write([2], "late")
    let late = #expect(throws: StorageError.self) { try file.commit() }
    #expect(late?.reason.contains("already exists") == true)
    file.discard()
    #expect(try folder.read("late") == [2])
    #expect(try folder.contents() == ["late", "out"])
  }

  @Test("Replacing keeps the old file until the new one is complete")
  func replacing() throws {
    let path = try folder.write([1], "out")
    let file = try AtomicFile(path, replacing: true)
    try file.writer.write([2, 2])
    #expect(try folder.read("out") == [1])
    try file.commit()
    #expect(try folder.read("out") == [2, 2])
    try AtomicFile.write([3], to: path, replacing: true)
    #expect(try folder.read("out") == [3])
    #expect(try folder.contents() == ["out"])
    #expect(throws: StorageError.self) { try AtomicFile(folder.path, replacing: true) }
  }

  @Test("A full disk is an error that says so", .enabled(if: FileSystem.exists("/dev/full")))
  func fullDisk() throws {
    for count in [10, 1_000_000] {
      let error = #expect(throws: StorageError.self) {
        let writer = try FileWriter(overwriting: "/dev/full")
        try writer.write([UInt8](repeating: 1, count: count))
        try writer.finish()
      }
      #expect(error?.errorNumber == ENOSPC)
      #expect(error?.description.contains("No space left on device; free some space") == true)
    }
  }

  @Test("Room is reserved without changing the file, and refused when there is not enough")
  func reserve() throws {
    let file = try AtomicFile(folder.path("out"))
    try file.writer.reserve(100_000)
    try file.writer.write([1, 2])
    #if os(Linux)
      #expect(throws: StorageError.self) { try file.writer.reserve(1 << 60) }
    #endif
    try file.commit()
    #expect(try folder.read("out") == [1, 2])
  }

  @Test("A folder that is absent is an error that names the file", arguments: ["absent/out", "file/out"])
  func unwritable(name: String) throws {
    try folder.write([1], "file")
    let error = #expect(throws: StorageError.self) { try AtomicFile(folder.path(name)) }
    #expect(error?.path == folder.path(name))
    #expect(try folder.contents() == ["file"])
  }
}
