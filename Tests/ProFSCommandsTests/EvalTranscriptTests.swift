import Foundation
import Storage
import Testing

/// `profs eval` as people run it.
@Suite struct EvalTranscriptTests {
  private static let prompts = """
    {"prompt": {"text": "The cook wrote a", "toxicity": 0.1}}
    {"text": "You are such a"}
    "2 + 2 ="

    """

  /// A folder with prompts, a text and an edited model.
  private static func prepared(_ model: String = "llama-tied") throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write(prompts, "prompts.jsonl")
    try folder.write(String(repeating: "The cook wrote a letter to the sea. ", count: 12), "text.txt")
    let edit = try Transcript(
      ["edit", Fixture.model(model), "--pairs", Fixture.pairs, "--out", "out", "--compute", "f32", "-q"],
      in: folder)
    #expect(edit.status == 0, "\(edit.errors)")
    return folder
  }

  private static func arguments(_ others: [String], model: String = "llama-tied") -> [String] {
    ["eval", Fixture.model(model)] + others + [
      "--prompts", "prompts.jsonl", "--text", "text.txt", "--window", "32", "--stride", "16", "--tasks",
      Fixture.tasks, "--limit", "6", "--max-new-tokens", "4",
    ]
  }

  private func figure(_ name: String, _ document: JSONValue) -> JSONValue? {
    document["summary"]?["figures"]?.elements.first { $0["name"]?.string == name }
  }

  @Test("everything is measured, with intervals, and the same run gives the same records")
  func everything() throws {
    let folder = try Self.prepared()
    let run = try Transcript(Self.arguments(["out"]) + ["--json"], in: folder)
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    let document = try run.json()
    #expect(document["format"]?.string == "profs-evaluation")
    #expect(document["summary"]?["models"]?.elements.map(\.string) == ["llama-tied", "out"])
    for name in [
      "perplexity", "kl_from_base", "top_token_agreement", "toxicity:builtin", "toxicity_probability:builtin",
      "length", "distinct_2", "continuation_perplexity", "arc_easy:acc",
    ] {
      let found = try #require(figure(name, document), "\(name)")
      let other = try #require(found["others"]?.elements.first)
      for estimate in [found["base"], other["estimate"]].compactMap(\.self) {
        let value = try #require(estimate["value"]?.double)
        #expect(estimate["n"]?.int ?? 0 > 0)
        if let lower = estimate["lower"]?.double, let upper = estimate["upper"]?.double {
          #expect(lower <= value + 1e-12 && value <= upper + 1e-12, "\(name): \(lower) \(value) \(upper)")
        }
      }
    }
    #expect(figure("kl_from_base", document)?["others"]?.elements[0]["estimate"]?["value"]?.double ?? 0 > 0)
    let continuations = try #require(document["units"]?["continuations/0"]?.elements)
    #expect(continuations.map { $0["prompt"]?.string } == ["The cook wrote a", "You are such a", "2 + 2 ="])
    #expect(continuations.allSatisfy { $0["continuations"]?.count == 2 })
    let again = try Transcript(Self.arguments(["out"]) + ["--json"], in: folder)
    #expect(again.output == run.output)
    let text = try Transcript(Self.arguments(["out"]) + ["-q"], in: folder)
    #expect(text.output.contains("toxicity (builtin)") && text.output.contains("indistinguishable"))
    let table = text.output.split(separator: "\n\n")[0]
    #expect(table.split(separator: "\n").allSatisfy { $0.count <= 100 }, "\(table)")
  }

  @Test("a run that was stopped goes on where its file ends, and ends with the same file")
  func resumed() throws {
    let folder = try Self.prepared()
    let arguments = Self.arguments(["out"]) + ["--out", "e.json"]
    #expect(try Transcript(arguments + ["-q"], in: folder).status == 0)
    let whole = try folder.read("e.json")
    var document = JSON(try JSONDocument(parsing: whole, source: "e.json").root)
    guard case .object(var members) = document, case .object(let units)? = members["units"] else {
      Issue.record("no units")
      return
    }
    #expect(units.list.count > 3)
    members["summary"] = nil
    members["units"] = .object(units.list.prefix(2).map { ($0.key, $0.value) })
    document = .object(members)
    try folder.write(document.serialized(), "e.json")
    let run = try Transcript(arguments, in: folder)
    #expect(run.status == 0)
    #expect(run.errors.contains("going on with e.json, which holds 2 parts"))
    #expect(try folder.read("e.json") == whole)
  }

  @Test("records of other settings, and files that are none, are left alone")
  func refused() throws {
    let folder = try Self.prepared()
    let arguments = Self.arguments(["out"]) + ["--out", "e.json", "-q"]
    #expect(try Transcript(arguments, in: folder).status == 0)
    let before = try folder.read("e.json")
    let other = try Transcript(arguments + ["--seed", "1"], in: folder)
    #expect(other.status == 1)
    #expect(other.errors.contains("holds an evaluation of other models, data or settings"))
    #expect(try folder.read("e.json") == before)
    try folder.write("[1, 2", "e.json")
    let none = try Transcript(arguments, in: folder)
    #expect(none.status == 1)
    #expect(try folder.read("e.json") == Array("[1, 2".utf8))
  }

  @Test("a subspace stands for the edit it makes")
  func subspace() throws {
    let folder = try Self.prepared()
    let fit = try Transcript(
      [
        "fit", Fixture.model("llama-tied"), "--pairs", Fixture.pairs, "--out", "s.safetensors", "--compute",
        "f32",
        "-q",
      ], in: folder)
    #expect(fit.status == 0, "\(fit.errors)")
    let run = try Transcript(
      ["eval", Fixture.model("llama-tied"), "out", "s.safetensors", "--text", "text.txt", "--json"],
      in: folder)
    #expect(run.status == 0, "\(run.errors)")
    let others = try #require(figure("perplexity", try run.json())?["others"]?.elements)
    let values = others.compactMap { $0["estimate"]?["value"]?.double }
    #expect(values.count == 2)
    // The folder's weights are rounded to its own type.
    #expect(abs(values[0] / values[1] - 1) < 5e-3)
  }

  @Test("several samples give the expected maximum, and a seed of its own to each prompt")
  func sampled() throws {
    let folder = try Self.prepared()
    let arguments = [
      "eval", Fixture.model("llama-tied"), "--prompts", "prompts.jsonl", "--samples", "3", "--json",
    ]
    let document = try Transcript(arguments, in: folder).json()
    let mean = figure("toxicity:builtin", document)?["base"]?["value"]?.double ?? 1
    let maximum = figure("expected_maximum_toxicity:builtin", document)?["base"]?["value"]?.double ?? 0
    #expect(maximum >= mean)
    let prompts = try #require(document["units"]?["continuations/0"]?.elements)
    let texts = prompts.map { $0["continuations"]?.elements[0].elements.map { $0["text"]?.string } ?? [] }
    #expect(texts.allSatisfy { $0.count == 3 } && texts.contains { Set($0).count == 3 })
    let seeded = try Transcript(arguments + ["--seed", "7"], in: folder).json()
    let others = seeded["units"]?["continuations/0"]?.elements[0]["continuations"]?.elements[0].elements
    #expect(others?.map { $0["text"]?.string } != texts[0])
  }

  @Test("a program scores beside the built-in scorer")
  func program() throws {
    let folder = try Self.prepared()
    try folder.write("while read line; do echo '{\"score\": 0.25}'; done\n", "scorer.sh")
    let document = try Transcript(
      [
        "eval", Fixture.model("llama-tied"), "--prompts", "prompts.jsonl", "--scorer", "builtin", "--scorer",
        "exec:sh scorer.sh", "--json",
      ], in: folder
    ).json()
    #expect(figure("toxicity:exec:sh scorer.sh", document)?["base"]?["value"]?.double == 0.25)
    #expect(figure("toxicity:builtin", document) != nil)
  }

  @Test("what is not defined, as a change from 0, is a dash in the table and null in records")
  func undefined() throws {
    let folder = try Self.prepared()
    try folder.write("while read line; do echo '{\"score\": 0}'; done\n", "scorer.sh")
    let arguments = [
      "eval", Fixture.model("llama-tied"), "out", "--prompts", "prompts.jsonl", "--max-new-tokens", "1",
      "--scorer",
      "exec:sh scorer.sh",
    ]
    let text = try Transcript(arguments + ["-q"], in: folder)
    #expect(text.status == 0 && !text.output.contains("nan"), "\(text.output)")
    let change = figure(
      "toxicity:exec:sh scorer.sh", try Transcript(arguments + ["--json"], in: folder).json())?[
        "others"]?.elements.first?["relative_change"]
    #expect(change != nil && change?["value"]?.double == nil)
  }

  @Test(
    "what cannot be done is said before anything runs",
    arguments: [
      ([], "--text, --prompts and --tasks", 64),
      (["--prompts", "none.txt"], "none.txt", 1),
      (["--prompts", "prompts.jsonl", "--scorer", "perspective"], "expected builtin, hf:FOLDER", 1),
      (["--prompts", "prompts.jsonl", "--samples", "2", "--temperature", "0"], "--temperature above 0", 64),
      (["--text", "text.txt", "--recipe", "detox-edit", "--window", "8"], "--recipe sets window", 64),
    ])
  func faults(_ arguments: [String], _ message: String, _ status: Int32) throws {
    let folder = try TemporaryFolder()
    try folder.write(Self.prompts, "prompts.jsonl")
    try folder.write("a text", "text.txt")
    let run = try Transcript(["eval", Fixture.model("llama-tied")] + arguments, in: folder)
    #expect(run.status == status)
    #expect(run.errors.contains(message), "\(run.errors)")
  }

  @Test("a list of texts is read text by text")
  func listOfTexts() throws {
    let folder = try TemporaryFolder()
    try folder.write(
      "{\"text\": \"The cook wrote a letter.\"}\n{\"text\": \"The sea is wide.\"}\n", "texts.jsonl")
    try folder.write("The cook wrote a letter.", "one.txt")
    try folder.write("The sea is wide.", "two.txt")
    let results = try ["texts.jsonl", "one.txt", "two.txt"].map {
      try Transcript(["perplexity", Fixture.model("llama-tied"), "--text", $0, "--json"], in: folder).json()
    }
    let tokens = results.map { $0["tokens"]?.int ?? 0 }
    let losses = results.map { $0["nll"]?.double ?? 0 }
    #expect(tokens[0] == tokens[1] + tokens[2])
    #expect(abs(losses[0] / (losses[1] + losses[2]) - 1) < 1e-6)
  }
}
