import Foundation
import Storage
import Testing

/// `profs tune`.
@Suite struct TuneTranscriptTests {
  private static let arguments = [
    "tune", Fixture.model("llama-tied"), "--pairs", Fixture.pairs, "--prompts", "prompts.txt", "--text",
    "text.txt",
    "--max-new-tokens", "3", "--max-perplexity-increase", "900%", "--limit", "20", "--out", "tune.json",
  ]

  private static func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write((1...8).map { "The cook number \($0) wrote\n" }.joined(), "prompts.txt")
    try folder.write(String(repeating: "A letter to the sea. ", count: 40), "text.txt")
    return folder
  }

  @Test("the chosen edit is on the front of its round, its options make it, and a stopped run ends the same")
  func chosen() throws {
    let folder = try Self.folder()
    let run = try Transcript(Self.arguments + ["--json"], in: folder)
    #expect(run.status == 0, "\(run.errors)")
    let report = try run.json()
    let whole = try folder.read("tune.json")
    let candidates = try #require(report["candidates"]?.elements)
    #expect(candidates.count > 50)
    #expect(candidates.contains { $0["round"]?.int == 1 } && candidates.contains { $0["round"]?.int == 3 })
    let chosen = try #require(report["chosen"])
    #expect(chosen["round"]?.int == 3)
    let last = candidates.filter { $0["round"]?.int == 3 }.compactMap { $0["toxicity"]?.double }
    #expect(chosen["toxicity"]?.double ?? 1 >= last.min() ?? 0)
    var document = JSON(try JSONDocument(parsing: whole, source: "tune.json").root)
    guard case .object(var members) = document, case .object(let units)? = members["units"] else {
      Issue.record("no units")
      return
    }
    members["summary"] = nil
    members["units"] = .object(units.list.prefix(2).map { ($0.key, $0.value) })
    document = .object(members)
    try folder.write(document.serialized(), "tune.json")
    let again = try Transcript(Self.arguments, in: folder)
    #expect(again.status == 0 && again.errors.contains("going on with tune.json, 2 parts done"))
    #expect(again.output.contains("chosen, on all validation prompts"))
    // What it says to type makes the edit from the same pairs.
    let words = try #require(again.errors.split(separator: "\n").last { $0.hasPrefix("edit with: profs ") })
      .split(separator: " ").dropFirst(3).map(String.init)
    #expect(words.suffix(2) == ["--out", "EDITED"] && words.contains("--style") && words.contains("f32"))
    #expect(words.joined(separator: " ").contains(try #require(chosen["options"]?.string)))
    let edit = try Transcript(words + ["--json"], in: folder)
    #expect(edit.status == 0, "\(edit.errors)")
    #expect(try edit.json()["pairs"]?.int == 20)
    #expect(try folder.read("tune.json") == whole)
  }

  @Test("between the best strength and the next one three more are tried on everything")
  func refinement() throws {
    let folder = try Self.folder()
    let run = try Transcript(Self.arguments + ["--try", "natural", "--json"], in: folder)
    #expect(run.status == 0, "\(run.errors)")
    let report = try run.json()
    let candidates = try #require(report["candidates"]?.elements)
    #expect(candidates.count == 28 + 3)
    let more = candidates.suffix(3)
    #expect(more.allSatisfy { $0["round"]?.int == 3 })
    func strength(_ candidate: JSONValue) throws -> Double {
      try #require(candidate["options"]?.string?.split(separator: " ").last.flatMap { Double($0) })
    }
    let tried = try more.map(strength)
    let chosen = try strength(try #require(report["chosen"]))
    let others = try candidates.prefix(28).map(strength).sorted()
    // All of them lie between two neighbours of those that were there, and the best is one of these or the lower one.
    let low = try #require(others.last { $0 < tried[0] })
    let high = try #require(others.first { $0 > tried[0] })
    #expect(tried.sorted() == tried && Set(tried).count == 3 && tried[2] < high)
    #expect(([low] + tried).contains(chosen))
  }

  @Test("an edit beyond the budget is not chosen, and the measurements are kept in any case")
  func budget() throws {
    let folder = try Self.folder()
    let arguments = Self.arguments.map { $0 == "900%" ? "0.0001%" : $0 }
    let run = try Transcript(arguments + ["--json"], in: folder)
    if run.status == 0 {
      let chosen = try #require(try run.json()["chosen"])
      #expect(chosen["perplexity_change"]?.double ?? 1 <= 1e-6)
      #expect(chosen["continuation_perplexity_change"]?.double ?? 1 <= 0.1)
    } else {
      #expect(run.status == 1 && run.errors.contains("stays within it"))
    }
    #expect(FileManager.default.fileExists(atPath: folder.url("tune.json").path))
  }

  @Test("a base that the scorer finds nothing wrong with is said, not divided by")
  func nothingToLower() throws {
    let folder = try Self.folder()
    try folder.write("while read line; do echo '{\"score\": 0}'; done\n", "scorer.sh")
    let run = try Transcript(Self.arguments + ["--scorer", "exec:sh scorer.sh"], in: folder)
    #expect(run.status == 1)
    #expect(run.errors.contains("gives every continuation of the base 0"), "\(run.errors)")
  }
}
