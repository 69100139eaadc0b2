import Foundation
import Storage
import Testing

/// `profs edit --auto`.
@Suite struct AutomaticEditTests {
  private static let arguments = [
    "edit", Fixture.model("llama-tied"), "--auto", "--pairs", Fixture.pairs, "--prompts", "prompts.txt",
    "--text", "text.txt", "--max-new-tokens", "3", "--max-perplexity-increase", "900%", "--out", "out",
  ]

  private static func folder(prompts: Int = 9) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write((1...prompts).map { "The cook number \($0) wrote\n" }.joined(), "prompts.txt")
    try folder.write(String(repeating: "A letter to the sea. ", count: 40), "text.txt")
    return folder
  }

  @Test(
    "the edit that is written is the one that was chosen, judged on the prompts that did not choose it",
    arguments: [[], ["--try", "natural"]])
  func everything(recipes: [String]) throws {
    let folder = try Self.folder()
    let run = try Transcript(
      Self.arguments + recipes + ["--max-continuation-increase", "900%", "--json"], in: folder)
    #expect(run.status == 0, "\(run.errors)")
    let report = try run.json()
    // As the search is unless it is told otherwise, also where a fit by itself would be in bf16.
    #expect(report["compute"]?.string == "f32")
    #expect(report["overruns"]?.elements.isEmpty == true)
    let tuning = try JSONDocument(parsing: try folder.read("out.tuning.json"), source: "tuning").root
    let chosen = try #require(report["chosen"]?["options"]?.string)
    #expect(tuning["summary"]?["chosen"]?["options"]?.string == chosen)
    let tried = try #require(tuning["summary"]?["candidates"]?.elements)
    #expect(
      tried.allSatisfy { recipes.isEmpty || $0["options"]?.string?.contains("--recipe natural") == true })

    let words = chosen.split(separator: " ").map(String.init)
    let byHand = try Transcript(
      ["edit", Fixture.model("llama-tied"), "--pairs", Fixture.pairs, "--out", "by-hand", "--compute", "f32"]
        + words, in: folder)
    #expect(byHand.status == 0, "\(byHand.errors)")
    #expect(try folder.read("by-hand/model.safetensors") == (try folder.read("out/model.safetensors")))

    let evaluation = try JSONDocument(parsing: try folder.read("out.evaluation.json"), source: "eval").root
    let continuations = try #require(evaluation["settings"]?["continuations"])
    #expect(continuations["count"]?.int == 4)
    let judging = (1...4).map { "The cook number \(2 * $0) wrote\n" }.joined()
    try folder.write(judging, "judging.txt")
    let again = try Transcript(
      [
        "eval", Fixture.model("llama-tied"), "out", "--prompts", "judging.txt", "--text", "text.txt",
        "--json",
        "--compute", "f32", "--max-new-tokens", "3", "--window", "128", "--stride", "128",
      ], in: folder)
    let other = try again.json()
    #expect(continuations["sha256"]?.string == other["settings"]?["continuations"]?["sha256"]?.string)
    let ours = JSON(try #require(report["evaluation"]?["summary"]))
    #expect(ours == JSON(try #require(other["summary"])))
  }

  @Test("what --auto chooses cannot be given, and what it chooses by must be")
  func usage() throws {
    let folder = try Self.folder()
    let rank = try Transcript(Self.arguments + ["--rank", "2"], in: folder)
    #expect(rank.status == 64 && rank.errors.contains("--auto chooses"), "\(rank.errors)")
    let plain = Self.arguments.filter { $0 != "--auto" }
    let stray = try Transcript(plain, in: folder)
    #expect(stray.status == 64 && stray.errors.contains("belong to --auto"), "\(stray.errors)")
    // A budget that nothing would hold to.
    for option in [["--max-perplexity-increase", "1%"], ["--text-limit", "100"]] {
      let budget = try Transcript(
        ["edit", Fixture.model("llama-tied"), "--pairs", Fixture.pairs, "--out", "out"] + option, in: folder)
      #expect(budget.status == 64 && budget.errors.contains("belong to --auto"), "\(budget.errors)")
    }
    let lacking = try Transcript(Array(Self.arguments.prefix(5)) + ["--out", "out"], in: folder)
    #expect(lacking.status == 64 && lacking.errors.contains("--auto needs --prompts"), "\(lacking.errors)")
    let single = try Transcript(Self.arguments, in: try Self.folder(prompts: 1))
    #expect(single.status == 1 && single.errors.contains("at least 2 prompts"), "\(single.errors)")
  }
}
