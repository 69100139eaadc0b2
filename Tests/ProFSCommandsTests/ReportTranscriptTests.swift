import Foundation
import Storage
import Testing

/// `profs report` as people run it, on what the other commands write.
@Suite struct ReportTranscriptTests {
  @Test("what the commands write becomes one page, the same each time")
  func page() throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("llama-tied")
    try folder.write("The cook wrote a\nYou are such a\n2 + 2 =\n", "prompts.txt")
    try folder.write(String(repeating: "The cook wrote a letter to the sea. ", count: 12), "text.txt")
    let commands = [
      ("edit.json", ["edit", model, "--pairs", Fixture.pairs, "--out", "out", "--json"]),
      ("verify.json", ["verify", "out", "--base", model, "--json"]),
      (
        "explain.json",
        ["explain", "out/profs/subspace.safetensors", "--model", model, "--top", "3", "--json"]
      ),
      (
        "eval.json",
        [
          "eval", model, "out", "--prompts", "prompts.txt", "--text", "text.txt", "--window", "32",
          "--stride", "32",
          "--max-new-tokens", "3", "--json",
        ]
      ),
      (
        "perplexity.json",
        ["perplexity", model, "--text", "text.txt", "--window", "32", "--stride", "32", "--json"]
      ),
      ("tasks.json", ["tasks", model, "--data", Fixture.tasks, "--limit", "2", "--json"]),
      ("generate.json", ["generate", model, "--prompts", "prompts.txt", "--max-new-tokens", "3", "--json"]),
    ]
    for (file, arguments) in commands {
      let run = try Transcript(arguments, in: folder)
      #expect(run.status == 0, "\(run.errors)")
      try folder.write(run.output, file)
    }
    let records = commands.map(\.0) + ["out/profs.json"]
    let run = try Transcript(["report"] + records + ["--out", "report.html"], in: folder)
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    #expect(run.output.hasPrefix("written to report.html, "))
    let page = try folder.read("report.html")
    let text = String(decoding: page, as: UTF8.self)
    for title in [
      "What changes", "The trade-off", "Side by side (eval.json)", "Side by side (generate.json)",
      "What the directions stand for", "The receipt",
      "The proof",
      "What it took", "Accuracy on zero-shot tasks",
    ] { #expect(text.contains(">\(title)</h2>"), "\(title)") }
    let again = try Transcript(["report"] + records + ["--out", "again.html", "--json"], in: folder)
    #expect(try again.json()["bytes"]?.int == page.count)
    #expect(try folder.read("again.html") == page)
  }

  @Test(
    "what is no record, is damaged, or would overwrite something is refused in a sentence, and nothing is written"
  )
  func refused() throws {
    let folder = try TemporaryFolder()
    try folder.write("{\"format\": \"profs-evaluation\", \"version\": 1, \"units\": {}}", "eval.json")
    try folder.write("{\"a\": 1}", "other.json")
    try folder.write("{\"a\": ", "cut.json")
    for (arguments, sentence) in [
      (["eval.json"], "eval.json: the evaluation is not finished"),
      (["other.json"], "other.json: holds no record that a report can show"),
      (["cut.json"], "cut.json: line 1"), (["absent.json"], "absent.json: cannot open"),
    ] {
      let run = try Transcript(["report"] + arguments + ["--out", "r.html"], in: folder)
      #expect(run.status == 1)
      #expect(run.errors.hasPrefix("profs: error: " + sentence), "\(run.errors)")
    }
    let taken = try Transcript(["report", "eval.json", "--out", "other.json"], in: folder)
    #expect(taken.status == 1 && taken.errors.contains("the output exists already"))
    #expect(try folder.contents() == ["cut.json", "eval.json", "other.json"])
  }
}
