import Foundation
import ProFS
import Testing

/// Memory of a process that edits again and again, in a process of its own, because other tests run beside this one.
@Suite struct LeakTests {
  @Test(
    "A hundred edits in one process keep flat memory, and leave no open file",
    .enabled(
      if: ProcessInfo.processInfo.environment["PROFS_SANITIZER"] == nil,
      "a sanitizer keeps what was freed for a while, and notes on everything"))
  func edits() async {
    await #expect(processExitsWith: .success) {
      let goldens = PaperGoldens.all[0]
      let pairs = try PreferenceFile(path: goldens.pairsPath).pairs.prefix(20)
      var resident: [Int] = []
      var files: [Int] = []
      for _ in 0..<100 {
        let folder = try TemporaryFolder()
        let editor = try ModelEditor(modelAt: goldens.folder, compute: .f32, threads: 1)
        let subspace = try editor.fit(
          chosen: pairs.compactMap { $0.text(of: .chosen) },
          rejected: pairs.compactMap { $0.text(of: .rejected) }, recipe: EditRecipe(rank: 3, blocks: 2...3))
        try editor.apply(subspace, writingTo: folder.path("out"))
        try #require(try ModelEditor.verify(folder.path("out"), base: goldens.folder).holds)
        resident.append(try LeakTests.residentBytes())
        files.append(try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count)
      }
      let (early, late) = (try #require(resident[10..<20].max()), try #require(resident[90...].min()))
      print("resident after 20 edits \(early >> 10) KiB, after 100 \(late >> 10) KiB")
      // Eighty edits of a model of 200 kB: one that kept only its weights would show 16 MB.
      #expect(late - early < 4 << 20, "\(resident)")
      #expect(files[99] <= files[19], "\(files)")
    }
  }

  /// Bytes of this process in memory.
  static func residentBytes() throws -> Int {
    let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
    return try #require(Int(pages[1])) * sysconf(Int32(_SC_PAGESIZE))
  }
}
