import Foundation
import Storage
import Testing

@Suite struct PairsCheckTranscriptTests {
  @Test("pairs check says what may mislead a fit, in words and as JSON")
  func report() throws {
    let folder = try TemporaryFolder()
    var lines = (0..<12).map {
      #"{"chosen": "It is a nice day, number \#($0).", "rejected": "it is a day, number \#($0)"}"#
    }
    lines.append(lines[3])
    lines.append(#"{"chosen": "You stupid idiot, shut up.", "rejected": "You kind person, thank you."}"#)
    lines.append(#"{"chosen": "The same.", "rejected": "The same."}"#)
    try folder.write(lines.joined(separator: "\n"), "pairs.jsonl")
    let text = try Transcript(["pairs", "check", "pairs.jsonl"], in: folder)
    #expect(text.status == 0 && text.errors.isEmpty, "\(text.errors)")
    #expect(text.output.hasPrefix("15 pairs\n! 1 repeated pairs (line 13)"))
    #expect(text.output.contains("! a capital at the beginning tells the sides apart"))
    #expect(text.output.contains("edits but the published ones level it, see --style\n"))
    #expect(text.output.contains("(line 14): the scorer"))
    let json = try Transcript(["pairs", "check", "pairs.jsonl", "--json"], in: folder).json()
    #expect(json["duplicates"]?["exact"]?.elements.map(\.int) == [13])
    #expect(json["equal_sides"]?["exact"]?.elements.map(\.int) == [15])
    #expect(json["suspected_flips"]?.elements.map { $0["line"]?.int } == [14])
    #expect(
      json["balance"]?.elements.compactMap { $0["imbalanced"]?.bool } == [true, true, true, true, false])
    #expect(json["balance"]?.elements.map { $0["levelled"]?.bool } == [false, false, true, true, false])
    #expect(json["stability"] == nil && json["over_limit"] == nil)
  }

  @Test(
    "with a model it tells of texts beyond the limit and of how many pairs are enough",
    arguments: ["paper", "protected"])
  func withModel(_ recipe: String) throws {
    let folder = try TemporaryFolder()
    var arguments = [
      "pairs", "check", Fixture.pairs, "--model", Fixture.model("llama-tied"), "--max-tokens", "20",
    ]
    arguments += ["--recipe", recipe, "--layers", "3", "--rank", "1"]
    if recipe == "protected" { arguments += ["--neutral", Fixture.neutral] }
    let run = try Transcript(arguments + ["--json"], in: folder)
    #expect(run.status == 0, "\(run.errors)")
    let json = try run.json()
    #expect(json["token_limit"]?.int == 20 && json["over_limit"]?["rejected"]?.int ?? 0 > 0)
    let rows = json["stability"]?.elements ?? []
    #expect(rows.map { $0["pairs"]?.int } == [10, 25, 32])
    let noise = json["label_noise"]?.elements ?? []
    #expect(noise.map { $0["share"]?.double } == [0.1, 0.25, 0.5])
    for row in rows + noise { #expect((0...1).contains(row["overlap"]?.double ?? -1)) }
    #expect(
      try Transcript(arguments + ["--json"], in: folder).json()["stability"]?.elements.map {
        $0["overlap"]?.double
      }
        == rows.map { $0["overlap"]?.double })
    let text = try Transcript(arguments + ["-q"], in: folder)
    #expect(
      text.output.contains("are longer than 20 tokens and will be cut") && text.output.contains("share ")
        && text.output.contains("with the sides of 10 % of the pairs exchanged, "))
  }

  @Test("what is levelled is levelled for an edit, and for the published recipes where it is asked for")
  func levelled() throws {
    let folder = try TemporaryFolder()
    let pairs = (0..<6).map { ("It rains, number \($0).", "it pours , number \($0) .") }
    func write(_ pairs: [(String, String)], _ name: String) throws {
      try folder.write(
        pairs.map { #"{"chosen": "\#($0.0)", "rejected": "\#($0.1)"}"# }.joined(separator: "\n"), name)
    }
    try write(pairs, "pairs.jsonl")
    try write(pairs.map { ($0.0, $0.0.replacing("rains", with: "pours")) }, "levelled.jsonl")
    func fit(_ file: String, _ out: String, _ options: [String]) throws -> (notes: String, file: [UInt8]) {
      let run = try Transcript(
        ["fit", Fixture.model("llama-tied"), "--pairs", file, "--out", out] + options, in: folder)
      #expect(run.status == 0, "\(run.errors)")
      return (run.errors, try folder.read(out))
    }
    let note = "written differently (a capital at the beginning, space before punctuation)"
    for recipe in ["oblique", "paper"] {
      let options = ["--recipe", recipe, "--rank", "1"]
      let style = recipe == "paper" ? ["--style", "level"] : []
      let levelled = try fit("pairs.jsonl", recipe + "1", options + style)
      #expect(levelled.notes.contains(note))
      #expect(levelled.file == (try fit("levelled.jsonl", recipe + "2", options)).file)
      let written = try fit(
        "pairs.jsonl", recipe + "3", options + (recipe == "paper" ? [] : ["--style", "as-written"]))
      #expect(!written.notes.contains(note) && written.file != levelled.file)
    }
  }

  @Test("a file that cannot be used is the only reason to fail")
  func unusable() throws {
    let folder = try TemporaryFolder()
    try folder.write(#"{"chosen": "", "rejected": "x"}"#, "empty.jsonl")
    for (file, says) in [("empty.jsonl", "empty"), ("none.jsonl", "none.jsonl")] {
      let run = try Transcript(["pairs", "check", file], in: folder)
      #expect(run.status == 1 && run.errors.contains(says))
    }
  }
}
