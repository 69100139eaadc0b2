import Foundation
import Storage
import Testing

@Suite struct MappedFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("Any range of a mapped file holds the file's bytes", arguments: [1, 4095, 4096, 4097, 100_003])
  func ranges(count: Int) throws {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let file = try MappedFile(path: folder.write(bytes, "data"))
    #expect(file.byteCount == count)
    for range in [0..<count, 0..<0, count..<count, count / 3..<count / 2 + 1, count - 1..<count] {
      #expect(try file.withBytes(range) { Array($0) } == Array(bytes[range]))
    }
    #expect(try file.withBytes { Array($0) } == bytes)
  }

  @Test("An empty file is mapped, and lends no bytes")
  func empty() throws {
    let file = try MappedFile(path: folder.write([], "empty"))
    #expect(file.byteCount == 0)
    #expect(try file.withBytes { $0.count } == 0)
    #expect(throws: StorageError.self) { try file.withBytes(0..<1) { _ in } }
  }

  @Test(
    "A range outside the file is refused with both sizes", arguments: [5..<11, -1..<3, 10..<11, 3..<Int.max])
  func outside(range: Range<Int>) throws {
    let file = try MappedFile(path: folder.write(Array(repeating: 7, count: 10), "ten"))
    let error = #expect(throws: StorageError.self) { try file.withBytes(range) { _ in } }
    #expect(error?.offset == range.lowerBound)
    #expect(error?.reason.contains("the file has 10") == true)
  }

  @Test("A folder, an absent file, a pipe and a name with a NUL are refused, without waiting")
  func notFiles() throws {
    #expect(mkfifo(folder.path("pipe"), 0o600) == 0)
    let expectations = [
      (folder.path, "found a folder"), (folder.path("absent"), "No such file"),
      (folder.path("pipe"), "not a regular file"), ("a\0b", "NUL"),
    ]
    for (path, text) in expectations {
      let error = #expect(throws: StorageError.self) { try MappedFile(path: path) }
      #expect(error?.description.contains(text) == true, "\(error?.description ?? "")")
    }
  }

  @Test("The mapping outlives the file's name")
  func unlinked() throws {
    let path = try folder.write([1, 2, 3], "gone")
    let file = try MappedFile(path: path)
    try FileManager.default.removeItem(atPath: path)
    #expect(try file.withBytes { Array($0) } == [1, 2, 3])
  }
}
