import Foundation
import Storage
import Testing

/// SIGINT, SIGTERM and SIGHUP in the middle of each long job: the signal's own ending, nothing half-written, and the same
/// command again ends with what one run would have given.
@Suite struct InterruptionTests {
  struct Job: CustomTestStringConvertible, Sendable {
    var testDescription: String { "\(arguments.prefix(2).joined(separator: " ")), \(signal)" }
    var arguments: [String]
    /// Where the result is.
    var output: String
    var signal: Int32
    /// When it comes, as a share of an uninterrupted run.
    var share: Double
  }

  private static let measured = ["--prompts", "p.txt", "--text", "t.txt", "--max-new-tokens", "3"]
  private static let model = Fixture.model("llama-tied")
  private static let pairs = ["--pairs", Fixture.pairs]

  static let jobs = [
    Job(
      arguments: ["edit", model] + pairs + ["--out", "out"], output: "out", signal: SIGHUP, share: 0.6),
    Job(
      arguments: ["tune", model] + pairs + measured + [
        "--max-perplexity-increase", "900%", "--out", "tune.json",
      ], output: "tune.json", signal: SIGINT, share: 0.6),
    Job(
      arguments: ["eval", model] + measured + ["--window", "32", "--stride", "16", "--out", "e.json"],
      output: "e.json", signal: SIGTERM, share: 0.7),
    Job(
      arguments: ["study", "rank", "--model", model] + pairs + measured + [
        "--window", "32", "--stride", "32", "--subsets", "1", "--out", "s.json",
      ], output: "s.json", signal: SIGINT, share: 0.6),
    Job(
      arguments: ["dpo", model] + TrainingTranscriptTests.steps + [
        "--state", "state", "--save-every", "1", "--out", "out",
      ], output: "out", signal: SIGTERM, share: 0.7),
    Job(
      arguments: [
        "pairs", "mine", model, "--prompts", "p.txt", "--samples", "6", "--max-new-tokens", "8",
        "--temperature",
        "5", "--scorer", "exec:sh scorer.sh", "--out", "pairs.jsonl",
      ], output: "pairs.jsonl", signal: SIGINT, share: 0.7),
  ]

  private static func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write((1...8).map { "The cook number \($0) wrote\n" }.joined(), "p.txt")
    try folder.write(String(repeating: "A letter to the sea. ", count: 40), "t.txt")
    // Calls every other text toxic, by its place.
    try folder.write(
      "i=0; while read line; do i=$((1-i)); echo \"{\\\"score\\\": 0.$((1+8*i))}\"; done\n", "scorer.sh")
    return folder
  }

  /// What must be the same: of a folder every file.
  private func result(_ job: Job, in folder: TemporaryFolder) throws -> [String: [UInt8]] {
    guard FileSystem.kind(of: folder.url(job.output).path) == .folder else {
      return [job.output: try folder.read(job.output)]
    }
    return try folder.files(below: job.output)
  }

  @Test("A job that is told to stop stops, leaves nothing half-written, and can be taken up", arguments: jobs)
  func interrupted(_ job: Job) throws {
    let whole = try Self.folder()
    let clock = ContinuousClock()
    let start = clock.now
    try #require(try Transcript(job.arguments + ["-q"], in: whole).status == 0)
    let seconds = (clock.now - start) / .seconds(1)
    let folder = try Self.folder()
    let process = try Transcript.launch(job.arguments + ["-q"], in: folder)
    usleep(UInt32(seconds * job.share * 1e6))
    kill(process.processIdentifier, job.signal)
    process.waitUntilExit()
    let run = try Transcript(process, folder)
    let left = try folder.contents().filter { $0.contains(".partial-") }
    #expect(left.isEmpty, "\(left)")
    if process.terminationReason == .uncaughtSignal {
      #expect(run.status == job.signal)
      #expect(run.errors.contains("interrupted") || run.errors.isEmpty, "\(run.errors)")
      // Records are gone on with; of another output it stands complete where it stands at all, and is not made again.
      if job.output.hasSuffix(".json") || !FileSystem.exists(folder.url(job.output).path) {
        let next = try Transcript(job.arguments + ["-q"], in: folder)
        #expect(next.status == 0, "\(next.errors)")
      }
    } else {
      // It was faster this time.
      #expect(run.status == 0, "\(run.errors)")
    }
    #expect(try result(job, in: folder) == result(job, in: whole))
  }
}
