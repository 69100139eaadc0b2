import Foundation
import Storage
import Testing

/// Model files that another program empties while they are mapped: a sentence that names the file, not a crash.
@Suite(.enabled(if: Faults.isAvailable, "needs Linux and a C compiler")) struct ShortenedFileTests {
  private static let shard = "model-00001-of-00002.safetensors"

  /// A folder with a model, and the environment in which it is emptied at a system call.
  private func emptied(at moment: String) throws -> (TemporaryFolder, [String: String]) {
    let folder = try TemporaryFolder()
    try folder.copyModel("llama-untied", as: "model")
    let path = folder.url("model/" + Self.shard).path
    return (folder, Faults.environment(["PROFS_FAULT": moment + ":cut=" + path]))
  }

  @Test("edit ends with one sentence and leaves the whole output or nothing, whenever the file is emptied")
  func edit() throws {
    let (whole, _) = try emptied(at: "open:0")
    let arguments = ["edit", "model", "--pairs", Fixture.pairs, "--limit", "20", "-q", "--out", "out"]
    let counts = try Faults.counts(arguments, in: whole)
    let expected = try whole.files(below: "out")
    var sentences = 0
    for (call, number) in [("open", 10), ("create", 2), ("copy", 1), ("sync", 2)] {
      for moment in Faults.numbers(number, of: counts[call] ?? 0) {
        let (folder, environment) = try emptied(at: "\(call):\(moment)")
        let run = try Transcript(arguments, in: folder, environment: environment)
        let comment = Comment(rawValue: "\(call):\(moment): \(run.status) \(run.errors)")
        #expect(run.status == 0 || run.isOneSentence(), comment)
        if run.errors.contains("was shortened from") {
          #expect(run.isOneSentence([Self.shard, "to 0 bytes while it was being read"]), comment)
          sentences += 1
        }
        if FileSystem.exists(folder.url("out").path) {
          #expect(try folder.files(below: "out") == expected, comment)
        } else {
          #expect(run.status == 1, comment)
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(Set(left).isSubset(of: ["model", "out"]), comment)
      }
    }
    #expect(sentences >= 3)
  }

  @Test("eval says so as well, and keeps what was measured before")
  func eval() throws {
    // The first write saves the first records; weights are read again after it.
    let (folder, environment) = try emptied(at: "write:1")
    try folder.write("The cook wrote a\n", "prompts.txt")
    try folder.write(String(repeating: "A letter to the sea. ", count: 12), "text.txt")
    let arguments = [
      "eval", "model", "--prompts", "prompts.txt", "--text", "text.txt", "--window", "32", "--stride", "32",
      "--max-new-tokens", "3", "-q", "--out", "e.json",
    ]
    let run = try Transcript(arguments, in: folder, environment: environment)
    #expect(run.isOneSentence([Self.shard, "was shortened from"]), "\(run.status) \(run.errors)")
    #expect(try folder.contents().filter { $0.contains(".partial-") }.isEmpty)
    #expect(FileSystem.exists(folder.url("e.json").path))
  }

  @Test("A bus error that a person sends, and one that is of no file, ends the process as it always did")
  func sent() throws {
    let folder = try TemporaryFolder()
    try folder.write("cat >/dev/null; sleep 20\n", "scorer.sh")
    try folder.write("The cook wrote a\n", "prompts.txt")
    let process = try Transcript.launch(
      [
        "eval", Fixture.model("llama-tied"), "--prompts", "prompts.txt", "--max-new-tokens", "2", "--scorer",
        "exec:sh scorer.sh", "-q",
      ], in: folder)
    usleep(300_000)
    kill(process.processIdentifier, SIGBUS)
    process.waitUntilExit()
    #expect(process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGBUS)
  }
}
