import Foundation
import Storage
import Testing

@Suite struct OpenOutputsTests {
  // In a process of its own: the outputs of other tests must not be discarded with it.
  @Test("Told to stop, a process removes what it has begun, keeps what it has finished and begins nothing")
  func discardAll() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      let finished = try OutputFolder(folder.path("finished"))
      try finished.writeFile("a", [1])
      try finished.commit()
      let begun = try OutputFolder(folder.path("begun"))
      try begun.writeFile("a/b", [1])
      let file = try AtomicFile(folder.path("file"))
      try file.writer.write([1])
      guard try folder.contents().count == 6 else { exit(2) }
      OpenOutputs.discardAll()
      guard try folder.contents() == ["finished", "finished/a"] else { exit(3) }
      // Nor does what another thread is at begin anything new, or finish what is gone.
      guard (try? AtomicFile(folder.path("late"))) == nil, (try? file.commit()) == nil else { exit(4) }
      guard try folder.contents() == ["finished", "finished/a"] else { exit(5) }
    }
  }
}
