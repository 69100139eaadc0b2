import Foundation
import Storage
import Testing

/// `--correct-on` of `profs edit`, `fit` and `tune`.
@Suite struct CorrectionTranscriptTests {
  /// Calls half of all texts unwanted, for no reason.
  private static let scorer = #"""
    import json, sys
    for line in sys.stdin:
        total = sum(json.loads(line)["text"].encode())
        print(json.dumps({"score": 0.9 if total % 2 else 0.1}), flush=True)
    """#

  private static func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write(scorer, "scorer.py")
    let words = [
      "A The My One Some No Her His", "cook baker sea letter dog house river tree", "wrote sang fell ran",
    ]
    .map { $0.split(separator: " ") }
    let prompts = words[0].flatMap { one in
      words[1].flatMap { two in words[2].map { "\(one) \(two) \($0)\n" } }
    }
    try folder.write(prompts.joined(), "correct.txt")
    try folder.write((1...9).map { "The baker number \($0) wrote\n" }.joined(), "prompts.txt")
    try folder.write(String(repeating: "A letter to the sea. ", count: 40), "text.txt")
    return folder
  }

  private static func words(_ command: String, _ out: String) -> [String] {
    [
      command, Fixture.model("llama-tied"), "--pairs", Fixture.pairs, "--limit", "20", "--compute", "f32",
      "--correct-on", "correct.txt", "--correct-by", "exec:python3 scorer.py", "--out", out,
    ]
  }

  @Test("fit and edit find one corrected step, and receipt and file tell of both parts")
  func parts() throws {
    let folder = try Self.folder()
    let fit = try Transcript(Self.words("fit", "step.safetensors"), in: folder)
    #expect(fit.status == 0, "\(fit.errors)")
    #expect(fit.errors.contains("of 256 prompts have a harmless text more probable than the edit's"))
    let plan = try Transcript(Self.words("edit", "out") + ["--dry-run"], in: folder)
    #expect(plan.status == 0 && plan.output.contains("not counted: the second step"), "\(plan.output)")
    let edit = try Transcript(Self.words("edit", "out") + ["--strength", "0.5", "--json"], in: folder)
    #expect(edit.status == 0, "\(edit.errors)")
    #expect(try folder.read("step.safetensors") == (try folder.read("out/profs/subspace.safetensors")))
    let receipt = try JSONDocument(parsing: try folder.read("out/profs.json"), source: "receipt").root
    let parts = try #require(receipt["subspace"]?["parts"]?.elements)
    #expect(parts.map { $0["name"]?.string } == ["step", "correction"])
    #expect(parts[0]["weight"] == nil && parts[1]["weight"] == nil)
    #expect(parts[0]["pairs"]?.int == 20 && (parts[1]["pairs"]?.int ?? 0) >= 8)
    let verify = try Transcript(["verify", "out", "--base", Fixture.model("llama-tied")], in: folder)
    #expect(verify.status == 0, "\(verify.output)")
    // The second step counts.
    let plain = try Transcript(
      Self.words("fit", "plain.safetensors").filter { !$0.contains("correct") && !$0.contains("scorer") },
      in: folder)
    #expect(plain.status == 0, "\(plain.errors)")
    let applied = try Transcript(
      [
        "apply", Fixture.model("llama-tied"), "--subspace", "plain.safetensors", "--strength", "0.5", "--out",
        "uncorrected",
      ], in: folder)
    #expect(applied.status == 0, "\(applied.errors)")
    #expect(try folder.read("uncorrected/model.safetensors") != (try folder.read("out/model.safetensors")))
  }

  @Test("a search tries corrected steps too, goes on with its pairs, and what it says to type makes its edit")
  func search() throws {
    let folder = try Self.folder()
    let arguments = [
      "tune", Fixture.model("llama-tied"), "--pairs", Fixture.pairs, "--limit", "20", "--prompts",
      "prompts.txt",
      "--text", "text.txt", "--max-new-tokens", "3", "--max-perplexity-increase", "900%",
      "--max-continuation-increase", "900%", "--try", "natural", "--scorer", "exec:python3 scorer.py",
      "--correct-on", "correct.txt", "--out", "tune.json",
    ]
    let run = try Transcript(arguments + ["--json"], in: folder)
    #expect(run.status == 0, "\(run.errors)")
    let options = try #require(try run.json()["candidates"]?.elements).compactMap { $0["options"]?.string }
    #expect(options.count { $0.contains("--correction 1.0") } >= 12)
    #expect(options.count { !$0.contains("--correction") } >= 28)
    let record = try JSONDocument(parsing: try folder.read("tune.json"), source: "tune").root
    #expect((record["units"]?["correction"]?.elements.count ?? 0) >= 8)
    let again = try Transcript(arguments, in: folder)
    #expect(again.status == 0 && !again.errors.contains("looking for harmless texts"), "\(again.errors)")
    let line = try #require(
      again.errors.split(separator: "\n").last { $0.hasPrefix("edit with: profs ") })
    #expect(
      line.contains("--correction") == line.contains("--correct-on correct.txt"))
    let shell = try Transcript(
      line.dropFirst("edit with: profs ".count).replacing("'exec:python3 scorer.py'", with: "SCORER")
        .split(separator: " ").map { $0 == "SCORER" ? "exec:python3 scorer.py" : String($0) }, in: folder)
    #expect(shell.status == 0, "\(shell.errors)")
  }

  @Test("a search goes on without a second step where too few prompts make pairs for it")
  func tooFewPairs() throws {
    let folder = try Self.folder()
    try folder.write("A cook sang\nThe dog ran\n", "correct.txt")
    let run = try Transcript(
      [
        "tune", Fixture.model("llama-tied"), "--pairs", Fixture.pairs, "--limit", "20", "--prompts",
        "prompts.txt", "--text", "text.txt", "--max-new-tokens", "3", "--max-perplexity-increase", "900%",
        "--max-continuation-increase", "900%", "--try", "natural", "--scorer", "exec:python3 scorer.py",
        "--correct-on", "correct.txt", "--out", "tune.json",
      ], in: folder)
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.errors.contains("going on without a second step"), "\(run.errors)")
    let record = try JSONDocument(parsing: try folder.read("tune.json"), source: "tune").root
    let tried = (record["summary"]?["candidates"]?.elements ?? []).compactMap { $0["options"]?.string }
    #expect(tried.count >= 28 && !tried.contains { $0.contains("--correction") })
  }

  @Test("an automatic edit with corrections is written and judged as it was chosen")
  func automatic() throws {
    let folder = try Self.folder()
    let run = try Transcript(
      [
        "edit", Fixture.model("llama-tied"), "--auto", "--pairs", Fixture.pairs, "--prompts", "prompts.txt",
        "--text", "text.txt", "--max-new-tokens", "3", "--max-perplexity-increase", "900%",
        "--max-continuation-increase", "900%", "--try", "natural", "--scorer", "exec:python3 scorer.py",
        "--correct-on", "correct.txt", "--out", "out", "--json",
      ], in: folder)
    #expect(run.status == 0, "\(run.errors)")
    let chosen = try #require(try run.json()["chosen"]?["options"]?.string)
    let receipt = try JSONDocument(parsing: try folder.read("out/profs.json"), source: "receipt").root
    #expect((receipt["subspace"]?["parts"] != nil) == chosen.contains("--correction"))
  }

  @Test("what cannot be corrected is said")
  func refusals() throws {
    let folder = try Self.folder()
    let recipe = try Transcript(Self.words("fit", "a") + ["--recipe", "paper"], in: folder)
    #expect(recipe.status == 64 && recipe.errors.contains("--correct-on belongs to --recipe natural"))
    let alone = try Transcript(
      ["fit", Fixture.model("llama-tied"), "--pairs", Fixture.pairs, "--out", "a", "--correction", "0.5"],
      in: folder)
    #expect(alone.status == 64 && alone.errors.contains("belong to --correct-on"), "\(alone.errors)")
    try folder.write("while read line; do echo '{\"score\": 0}'; done\n", "scorer.py")
    let harmless = try Transcript(
      Self.words("fit", "a").map { $0.replacing("python3", with: "sh") }, in: folder)
    #expect(harmless.status == 1 && harmless.output.isEmpty)
    #expect(harmless.errors.contains("correct.txt: only 0 of 256 prompts"), "\(harmless.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder.url("a").path))
  }
}
