import Foundation
import Storage
import Testing

/// System calls that fail or do less than asked: old state or new one, exit code 1 and one sentence, and the next run
/// completes.
@Suite(.enabled(if: Faults.isAvailable, "needs Linux and a C compiler")) struct FaultInjectionTests {
  /// Moments for each fault of each kind; `PROFS_FAULTS` asks for more.
  private static let moments = ProcessInfo.processInfo.environment["PROFS_FAULTS"].flatMap { Int($0) } ?? 1

  /// What can happen to each call; what is short or interrupted must be invisible.
  private static let faults: [(call: String, what: [String])] = [
    ("open", ["EIO"]), ("create", ["EROFS", "ENOSPC"]), ("read", ["EIO", "short", "EINTR"]),
    ("write", ["ENOSPC", "EIO", "short", "EINTR"]), ("copy", ["EIO", "ENOSPC", "short", "EINTR"]),
    ("sync", ["EIO", "EINTR"]), ("rename", ["EACCES", "ENOSPC"]), ("reserve", ["ENOSPC"]),
    ("map", ["ENOMEM"]), ("remove", ["EIO"]),
  ]

  /// Runs `arguments` once for each fault, `prepare` before each, and `check` after it with the name of the fault.
  private func inject(
    _ arguments: [String], in folder: TemporaryFolder, prepare: () throws -> Void,
    check: (Transcript, Comment) throws -> Void
  ) throws {
    try prepare()
    let counts = try Faults.counts(arguments, in: folder)
    var runs = 0
    for (call, kinds) in Self.faults {
      for number in Faults.numbers(Self.moments, of: counts[call] ?? 0) {
        for kind in kinds {
          try prepare()
          let fault = "\(call):\(number):\(kind)"
          let run = try Transcript(
            arguments, in: folder, environment: Faults.environment(["PROFS_FAULT": fault]))
          let comment = Comment(rawValue: "\(fault): \(run.status) \(run.errors)")
          if ["short", "EINTR"].contains(kind) { #expect(run.status == 0, comment) }
          #expect(run.status == 0 || run.isOneSentence(), comment)
          try check(run, comment)
          runs += 1
        }
      }
    }
    #expect(runs > 10)
    print("\(arguments[0]): \(runs) faults")
  }

  @Test("edit writes the whole output or nothing, whichever call fails")
  func edit() throws {
    let folder = try TemporaryFolder()
    let edit = [
      "edit", Fixture.model("llama-untied"), "--pairs", Fixture.pairs, "--limit", "20", "-q", "--out",
    ]
    try #require(try Transcript(edit + ["whole"], in: folder).status == 0)
    let expected = try folder.files(below: "whole")
    try inject(edit + ["out"], in: folder, prepare: { try folder.remove("out") }) { run, fault in
      let exists = FileSystem.exists(folder.url("out").path)
      #expect(exists || run.status == 1, fault)
      if exists {
        #expect(try folder.files(below: "out") == expected, fault)
      } else {
        #expect(try Transcript(edit + ["out"], in: folder).status == 0, fault)
        #expect(try folder.files(below: "out") == expected, fault)
      }
      // A fault of a removal leaves a temporary name, which the next run removed.
      let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
        !["whole", "out"].contains($0)
      }
      #expect(left.isEmpty || exists && left.allSatisfy { $0.hasPrefix("out.partial-") }, fault)
      for name in left { try folder.remove(name) }
    }
  }

  @Test("apply --in-place leaves the old model or the new one, or a journal that the next run finishes")
  func inPlace() throws {
    let folder = try TemporaryFolder()
    let fit = ["fit", Fixture.model("llama-untied"), "--pairs", Fixture.pairs, "--limit", "20", "--out", "s"]
    try #require(try Transcript(fit, in: folder).status == 0)
    let apply = ["apply", "model", "--subspace", "s", "--in-place", "-q"]
    try folder.copyModel("llama-untied", as: "model")
    let old = try folder.files(below: "model")
    try #require(try Transcript(apply, in: folder).status == 0)
    let new = try folder.files(below: "model")
    try inject(
      apply, in: folder,
      prepare: {
        try folder.remove("model")
        try folder.copyModel("llama-untied", as: "model")
      }
    ) { run, fault in
      let found = try folder.files(below: "model").filter { !$0.key.hasPrefix(FolderJournal.name) }
      if !FolderJournal.isUnfinished(folder.url("model").path) {
        #expect(found == (run.status == 0 ? new : found == new ? new : old), fault)
        if found == new { return }
      }
      let next = try Transcript(apply, in: folder)
      #expect(next.status == 0, "\(fault) \(next.errors)")
      #expect(try folder.files(below: "model") == new, fault)
    }
  }

  @Test(
    "eval keeps what it has measured, and the next run goes on to the same records",
    .enabled(if: moments > 1, "with PROFS_FAULTS, by Scripts/test-faults.sh"))
  func records() throws {
    let folder = try TemporaryFolder()
    try folder.write("The cook wrote a\nYou are such a\n", "prompts.txt")
    try folder.write(String(repeating: "A letter to the sea. ", count: 12), "text.txt")
    let eval = [
      "eval", Fixture.model("llama-tied"), "--prompts", "prompts.txt", "--text", "text.txt", "--window", "32",
      "--stride", "32", "--max-new-tokens", "3", "-q", "--out",
    ]
    try #require(try Transcript(eval + ["whole.json"], in: folder).status == 0)
    let expected = try folder.read("whole.json")
    try inject(eval + ["e.json"], in: folder, prepare: { try folder.remove("e.json") }) { run, fault in
      if run.status == 1 {
        let next = try Transcript(eval + ["e.json"], in: folder)
        #expect(next.status == 0, fault)
      }
      let found = try folder.read("e.json")
      #expect(found == expected, fault)
    }
  }
}
