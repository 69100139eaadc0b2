import Foundation
import Storage
import Testing

/// Two runs that would write the same: the second says so at once, and changes nothing.
@Suite struct ClaimedOutputTests {
  private static let model = Fixture.model("llama-tied")
  private static let measured = ["--prompts", "p.txt", "--text", "t.txt", "--window", "32", "--stride", "32"]

  @Test(
    "A second run is refused before it computes",
    arguments: [
      (["edit", model, "--pairs", Fixture.pairs, "--out"], "out"),
      (["edit", model, "--pairs", Fixture.pairs, "--out"], "out.gguf"),
      (["edit", "--in-place", "--pairs", Fixture.pairs], "model"),
      (["apply", "--subspace", "s", "--in-place"], "model"),
      (["fit", model, "--pairs", Fixture.pairs, "--out"], "out"),
      (["apply", model, "--subspace", "s", "--out"], "out"),
      (["embed", model, "--texts", "p.txt", "--out"], "out"),
      (["dpo", model, "--pairs", Fixture.pairs, "--out"], "out"),
      (["dpo", model, "--pairs", Fixture.pairs, "--out", "other", "--state"], "state"),
      (["pairs", "mine", model, "--prompts", "p.txt", "--out"], "out.jsonl"),
      (["pairs", "mine", model, "--prompts", "p.txt", "--out", "o.jsonl"], "o.jsonl.progress"),
      (["report", "records.json", "--out"], "out.html"),
      (["eval", model] + measured + ["--out"], "out.json"),
      (["study", "rank", "--model", model, "--pairs", Fixture.pairs] + measured + ["--out"], "out.json"),
      (["tune", model, "--pairs", Fixture.pairs] + measured.prefix(4) + ["--out"], "out.json"),
    ])
  func refused(_ arguments: [String], claimed: String) throws {
    let folder = try TemporaryFolder()
    try folder.copyModel("llama-tied", as: "model")
    try folder.write("The cook wrote a\nYou are such a\n", "p.txt")
    try folder.write(String(repeating: "A letter to the sea. ", count: 12), "t.txt")
    let fit = [
      "fit", Self.model, "--pairs", Fixture.pairs, "--limit", "9", "--rank", "1", "--out", "s", "-q",
    ]
    if arguments.contains("s") { try #require(try Transcript(fit, in: folder).status == 0) }
    let claim = try OutputClaim(folder.url(claimed).path)
    let before = try folder.contents()
    let name = claimed.hasSuffix(".progress") ? [] : [claimed]
    let run = try Transcript(arguments + name + ["-q"], in: folder)
    #expect(run.isOneSentence([claimed, "another run is writing this now"]), "\(run.status) \(run.errors)")
    #expect(try folder.contents() == before)
    withExtendedLifetime(claim) {}
  }

  @Test("Of edits that start together one writes, the others say why, and nothing else is left")
  func race() throws {
    let edit = ["edit", Self.model, "--pairs", Fixture.pairs, "--limit", "20", "-q", "--out"]
    let folder = try TemporaryFolder()
    let logs = try (0..<3).map { _ in try TemporaryFolder() }
    let out = folder.url("out").path
    let processes = try logs.map { try Transcript.launch(edit + [out], in: $0) }
    for process in processes { process.waitUntilExit() }
    let runs = try zip(processes, logs).map { try Transcript($0, $1) }
    #expect(runs.count { $0.status == 0 } == 1)
    for run in runs where run.status != 0 {
      #expect(run.isOneSentence(["out"]), "\(run.errors)")
      #expect(run.errors.contains("another run") || run.errors.contains("exist"), "\(run.errors)")
    }
    #expect(try folder.contents().filter { $0.contains(".partial-") }.isEmpty)
    #expect(try Transcript(["verify", out, "--base", Self.model, "-q"], in: folder).status == 0)
  }
}
