import Foundation
import Storage
import Testing

/// Memory that the system may write to disk.
@Suite struct ScratchMemoryTests {
  @Test("It begins as zeros, keeps what is written, and leaves no file")
  func keepsBytes() throws {
    let folder = URL(filePath: ProcessInfo.processInfo.environment["TMPDIR"] ?? "/var/tmp")
    func mine() throws -> Set<String> {
      Set(try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix("profs-") })
    }
    let before = try mine()
    let memory = try ScratchMemory(byteCount: 100_000)
    #expect(memory.byteCount == 100_000)
    let bytes = UnsafeMutableRawBufferPointer(start: memory.base, count: memory.byteCount)
    #expect(bytes.allSatisfy { $0 == 0 })
    for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: index &* 31) }
    #expect(bytes.indices.allSatisfy { bytes[$0] == UInt8(truncatingIfNeeded: $0 &* 31) })
    // Its name was gone at once; folders of other tests may come and go.
    let regular = try mine().subtracting(before).filter {
      FileSystem.kind(of: folder.appending(path: $0).path) == .file
    }
    #expect(regular.isEmpty)
    withExtendedLifetime(memory) {}
  }

  @Test("What no disk holds is refused with the way out")
  func tooLarge() {
    #expect {
      try ScratchMemory(byteCount: 1 << 55)
    } throws: {
      "\($0)".contains("TMPDIR")
    }
  }
}
