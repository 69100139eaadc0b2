import Foundation
import Storage
import Testing

/// `profs study`: every study of the program on a tiny model, its figures in a report, and runs that were stopped.
@Suite struct StudyTranscriptTests {
  private static func arguments(_ study: String, _ more: [String] = [], model: String = "llama-tied")
    -> [String]
  {
    [
      "study", study, "--model", model.contains("/") ? model : Fixture.model(model), "--pairs", Fixture.pairs,
      "--prompts", "prompts.txt",
      "--text", "text.txt", "--window", "32", "--stride", "32", "--max-new-tokens", "3", "--set", "steps=2",
      "--set", "warmup=0", "--set", "learning_rate=1e-3", "--out", "study.json",
    ] + more
  }

  private static func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write((1...6).map { "The cook number \($0) wrote\n" }.joined(), "prompts.txt")
    try folder.write(String(repeating: "A letter to the sea. ", count: 12), "text.txt")
    return folder
  }

  @Test(
    "each study runs on a tiny model, and a report shows its figures",
    arguments: [
      "main-table", "sample-size", "label-flips", "block-ranges", "rank", "centring-and-protection",
      "keys-and-values", "cost",
    ])
  func shipped(_ study: String) throws {
    let folder = try Self.folder()
    let run = try Transcript(
      Self.arguments(study, ["--subsets", study == "sample-size" ? "2" : "1", "--json"], model: "gpt2"),
      in: folder)
    #expect(run.status == 0, "\(run.errors)")
    let summary = try #require(try run.json()["summary"])
    let figures = summary["figures"]?.elements ?? []
    #expect(figures.count >= 2)
    for figure in figures {
      let series = figure["series"]?.elements ?? []
      #expect(!series.isEmpty && series.allSatisfy { $0["points"]?.count ?? 0 > 0 })
      let values = series.flatMap { $0["points"]?.elements ?? [] }.compactMap { $0["y"]?.double }
      #expect(values.allSatisfy { $0 >= 0 && $0.isFinite })
      let saysWhose = figure["caption"]?.string?.contains("the paper's GPT-2 medium") == true
      #expect(saysWhose == (figure["references"]?.count ?? 0 > 0), "\(figure["title"]?.string ?? "")")
    }
    let report = try Transcript(["report", "study.json", "--out", "report.html"], in: folder)
    #expect(report.status == 0, "\(report.errors)")
    let page = String(decoding: try folder.read("report.html"), as: UTF8.self)
    #expect(page.contains(try #require(summary["title"]?.string)))
    #expect(study == "cost" || study == "rank" || study == "keys-and-values" || page.contains("(paper)"))
  }

  @Test("the study of safety shows toxicity by category, as profs eval measures it of each file alone")
  func categories() throws {
    let folder = try Self.folder()
    let field = try JSONDocument(
      parsing: Transcript(["study", "safety", "--print"], in: folder).output, source: "safety"
    ).root
    let categories = try (field["prompts"]?.elements ?? []).map {
      (name: try #require($0["name"]?.string), file: try #require($0["file"]?.string))
    }
    #expect(categories.count == 7)
    try FileManager.default.createDirectory(
      atPath: folder.path + "/prompts", withIntermediateDirectories: false)
    for (index, category) in categories.enumerated() {
      let texts = (0..<4).map { "You damn \(category.name) number \($0 * index)\n" }
      try folder.write(texts.joined(), "prompts/" + category.file)
    }
    let arguments = Self.arguments(
      "safety", ["--subsets", "1", "--limit", "3", "--pair-limit", "40", "--max-new-tokens", "8"])
    let alone = try Transcript(arguments, in: folder)
    #expect(alone.isOneSentence(["prompts.txt", "folder with rtp_flirtation.txt"]), "\(alone.errors)")
    let given = arguments.map { $0 == "prompts.txt" ? "prompts" : $0 }
    let run = try Transcript(given, in: folder)
    #expect(run.status == 0, "\(run.errors)")
    for text in ["Safety pairs: toxicity by category (builtin), %", "identity attack", "natural step"] {
      #expect(run.output.contains(text), "\(text)")
    }
    let summary = try JSONDocument(parsing: folder.read("study.json"), source: "study").root["summary"]
    let cells = try #require(summary?["sweeps"]?.elements[0].elements[0].elements)
    #expect(cells.count == 4)
    for cell in cells {
      let estimates = try #require(cell["repeats"]?.elements[0])
      let values = try categories.map {
        try #require(estimates["toxicity_by_category/\($0.name):builtin"]?["value"]?.double)
      }
      // All categories have three prompts.
      let whole = try #require(estimates["toxicity:builtin"]?["value"]?.double)
      #expect(abs(values.reduce(0, +) / 7 - whole) < 1e-9 && Set(values).count > 1)
    }
    let figure = try #require(summary?["figures"]?.elements[0])
    #expect(figure["x"]?["categories"]?.elements.compactMap(\.string) == categories.map(\.name))
    #expect(
      figure["series"]?.elements.compactMap { $0["name"]?.string } == [
        "original", "DPO", "ProFS", "natural step",
      ])
    for (index, category) in categories.enumerated() {
      let eval = try Transcript(
        [
          "eval", Fixture.model("llama-tied"), "--prompts", "prompts/" + category.file, "--limit", "3",
          "--max-new-tokens", "8", "--compute", "f32", "--json",
        ], in: folder)
      #expect(eval.status == 0, "\(eval.errors)")
      let figures = try eval.json()["summary"]?["figures"]?.elements ?? []
      let expected = figures.first { $0["name"]?.string == "toxicity:builtin" }?["base"]?["value"]?.double
      let found = figure["series"]?.elements[0]["points"]?.elements[index]["y"]?.double
      #expect(abs((found ?? .nan) - (expected ?? .infinity)) < 1e-6, "\(category.name)")
    }
    let report = try Transcript(["report", "study.json", "--out", "report.html"], in: folder)
    #expect(report.status == 0, "\(report.errors)")
    #expect(String(decoding: try folder.read("report.html"), as: UTF8.self).contains("sexually explicit"))
  }

  @Test(
    "the study of interpretation names the tokens that profs explain names of the same fit, and scores them")
  func interpretation() throws {
    let folder = try Self.folder()
    let run = try Transcript(
      Self.arguments("interpretation", ["--subsets", "2", "--pair-limit", "40", "--json"]), in: folder)
    #expect(run.status == 0, "\(run.errors)")
    let figures = try run.json()["summary"]?["figures"]?.elements ?? []
    #expect(figures.count == 4)
    let table = try #require(figures.first { $0["rows"] != nil })
    let rows = try #require(table["rows"]?.elements)
    #expect(rows.count == 24)
    for (name, options) in [
      ("paper, 18/24", ["--recipe", "paper"]), ("natural, 18/24", ["--recipe", "natural"]),
    ] {
      let row = try #require(rows.first { $0["name"]?.string == name })
      // The subset of all pairs is all of them.
      let fit = try Transcript(
        [
          "fit", Fixture.model("llama-tied"), "--pairs", Fixture.pairs, "--limit", "40", "--rank", "2",
          "--layers",
          "\(row["block"]?.int ?? 0)", "--compute", "f32", "--out", "\(options[1]).safetensors",
        ] + options, in: folder)
      #expect(fit.status == 0, "\(fit.errors)")
      let explained = try Transcript(
        ["explain", "\(options[1]).safetensors", "--model", Fixture.model("llama-tied"), "--json"], in: folder
      )
      let expected = try explained.json()["blocks"]?.elements[0]["directions"]?.elements.map {
        $0["top"]?.elements.compactMap { $0["text"]?.string } ?? []
      }
      let found = row["directions"]?.elements.map { $0.elements.compactMap { $0["token"]?.string } }
      #expect(found == expected && found?.count == 2 && found?[0].count == 10, "\(name)")
    }
    // One subset has nothing to share; which sides are exchanged changes signs of rows alone; five pairs agree in part.
    func marks(_ name: String) throws -> Set<Bool> {
      let all = figures.compactMap { $0["rows"]?.elements }.joined()
      let row = try #require(all.first { $0["name"]?.string == name })
      return Set((row["directions"]?.elements ?? []).flatMap(\.elements).compactMap { $0["common"]?.bool })
    }
    #expect(try marks("paper, 18/24") == [false] && marks("\(exchangedName), 18/24") == [true])
    #expect(try marks("paper, pairs 5") == [false, true])
    let plot = try #require(figures.first)
    #expect(plot["title"]?.string == "Directions by recipe: toxicity of the directions’ tokens (builtin)")
    #expect(plot["series"]?.elements.last?["name"]?.string == "tokens at random")
    let points =
      plot["series"]?.elements.first { $0["name"]?.string == exchangedName }?["points"]?.elements ?? []
    #expect(points.count == 4)
    for point in points {
      // Of two, half the interval is 12.706 standard errors.
      let half = ((point["upper"]?.double ?? .nan) - (point["lower"]?.double ?? .nan)) / 2
      #expect(abs(half - 12.706205 * (point["sd"]?.double ?? .nan) / 2.0.squareRoot()) < 1e-9)
    }
    let report = try Transcript(["report", "study.json", "--out", "report.html"], in: folder)
    #expect(report.status == 0, "\(report.errors)")
    let page = String(decoding: try folder.read("report.html"), as: UTF8.self)
    #expect(page.contains("tokens that the directions raise") && page.contains("± standard deviation"))
    let again = try Transcript(
      Self.arguments("interpretation", ["--subsets", "2", "--pair-limit", "40"]), in: folder)
    #expect(again.errors.contains("going on with") && again.output.contains("natural, 18/24 (block"))
  }

  private let exchangedName = "half of the labels exchanged"

  private static let smolLM2 = Fixture.root + "/.models/SmolLM2-135M-Instruct.Q4_1.gguf"

  @Test(
    "a study that memory has no room for is refused before anything is computed",
    .enabled(if: FileManager.default.fileExists(atPath: smolLM2), "the SmolLM2 GGUF is absent: make models"),
    .enabled(if: Sanitizer.current == nil, Sanitizer.addressSpace))
  func room() throws {
    let folder = try Self.folder()
    // Training takes 12 bytes for each of 135 million weights.
    let run = try Transcript(
      Self.arguments("main-table", ["--pair-limit", "4", "--quiet"], model: Self.smolLM2), in: folder,
      addressSpace: 1_500_000)
    #expect(
      run.isOneSentence(["main-table", "training of 1345", "--pair-limit"]), "\(run.errors)")
  }

  @Test(
    "one command makes the main table: original, DPO, ProFS and the natural step, with the paper's values beside them"
  )
  func mainTable() throws {
    let folder = try Self.folder()
    let run = try Transcript(
      Self.arguments("main-table", ["--subsets", "2", "--pair-limit", "40"]), in: folder)
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.errors.contains("40 pairs in place of 2000"))
    let document = try JSONDocument(parsing: try folder.read("study.json"), source: "study.json").root
    let cells = try #require(document["summary"]?["sweeps"]?.elements[0].elements[0].elements)
    let perplexity = cells.map { $0["repeats"]?.elements[0]["perplexity"]?["value"]?.double ?? .nan }
    // Four models that are not the same.
    #expect(Set(perplexity).count == 4 && perplexity.allSatisfy(\.isFinite))
    // The original is what profs perplexity measures.
    let alone = try Transcript(
      [
        "perplexity", Fixture.model("llama-tied"), "--text", "text.txt", "--window", "32", "--stride", "32",
        "--json",
      ],
      in: folder)
    #expect(abs(perplexity[0] - (try alone.json()["perplexity"]?.double ?? .nan)) < 1e-3 * perplexity[0])
    for text in ["Main table: toxicity (builtin), %", "original", "DPO, 2000 pairs", "ProFS, 500 pairs"] {
      #expect(run.output.contains(text))
    }
  }

  @Test(
    "any recipe can stand beside DPO, and its point is the edit of that recipe",
    arguments: ["natural", "oblique", "detox-edit"])
  func recipes(recipe: String) throws {
    let folder = try Self.folder()
    try folder.write(
      """
      {"title": "Recipes", "about": "model", "fixed": {"blocks": "2-3"}, "sweeps": [{
        "title": "Recipes", "measures": ["perplexity"], "x": {"vary": "cases", "values": [
          {"name": "original", "set": {"method": "none"}}, {"name": "paper", "set": {}},
          {"name": "other", "set": {"recipe": "\(recipe)"}}, {"name": "DPO", "set": {"method": "dpo"}},
          {"name": "twice", "set": {"recipe": "\(recipe)", "strength": 2}}]}}]}
      """, "spec.json")
    let run = try Transcript(
      Self.arguments("spec.json", ["--pair-limit", "40", "--json"]), in: folder)
    #expect(run.status == 0, "\(run.errors)")
    let cells = try run.json()["summary"]?["sweeps"]?.elements[0].elements[0].elements ?? []
    let values = cells.map { $0["repeats"]?.elements[0]["perplexity"]?["value"]?.double ?? .nan }
    #expect(Set(values).count == 5 && values.allSatisfy(\.isFinite), "\(values)")
    let model = Fixture.model("llama-tied")
    let edit = try Transcript(
      [
        "edit", model, "--pairs", Fixture.pairs, "--limit", "40", "--recipe", recipe, "--layers", "2-3",
        "--compute", "f32", "--out", "edited",
      ], in: folder)
    #expect(edit.status == 0, "\(edit.errors)")
    let alone = try Transcript(
      ["perplexity", "edited", "--text", "text.txt", "--window", "32", "--stride", "32", "--json"], in: folder
    )
    let expected = try alone.json()["perplexity"]?.double ?? .nan
    #expect(
      abs(values[2] - expected) < 1e-3 * abs(expected - values[0]) + 1e-4 * expected, "\(values), \(expected)"
    )
  }

  private static func document(_ folder: TemporaryFolder) throws -> JSON.Members {
    let root = try JSONDocument(parsing: try folder.read("study.json"), source: "study.json").root
    guard case .object(let members) = JSON(root) else { return JSON.Members() }
    return members
  }

  @Test(
    "a study that was stopped goes on to the same record, and one that is extended measures only what is new")
  func resumption() throws {
    let folder = try Self.folder()
    let arguments = Self.arguments("sample-size", ["--subsets", "2"])
    #expect(try Transcript(arguments, in: folder).status == 0)
    let whole = try folder.read("study.json")
    var members = try Self.document(folder)
    guard case .object(let units)? = members["units"] else {
      Issue.record("no units")
      return
    }
    #expect(units.list.count > 4)
    members["summary"] = nil
    members["units"] = .object(units.list.prefix(2).map { ($0.key, $0.value) })
    try folder.write(JSON.object(members).serialized(), "study.json")
    let again = try Transcript(arguments, in: folder)
    #expect(again.status == 0 && again.errors.contains("going on with study.json, 2 parts done"))
    #expect(try folder.read("study.json") == whole)
    // A third subset is new edits and one training a size.
    #expect(try Transcript(Self.arguments("sample-size", ["--subsets", "3"]), in: folder).status == 0)
    guard case .object(let more)? = try Self.document(folder)["units"] else { return }
    #expect(more.list.starts(with: units.list))
    let other = try Transcript(Self.arguments("sample-size", ["--limit", "3"]), in: folder)
    #expect(other.status == 1 && other.errors.contains("holds a study of other models, data or settings"))
  }

  @Test("the theory needs no model, and its figures hold sine and bound, the same each time")
  func theory() throws {
    let folder = try TemporaryFolder()
    let printed = try Transcript(["study", "theory", "--print"], in: folder)
    try folder.write(printed.output, "spec.json")
    for (spec, out) in [("theory", "study.json"), ("spec.json", "again.json")] {
      let run = try Transcript(["study", spec, "--subsets", "2", "--out", out], in: folder)
      #expect(run.status == 0, "\(run.errors)")
      #expect(run.output.contains("Noise") && run.output.contains("bound"))
    }
    #expect(try folder.read("study.json") == folder.read("again.json"))
    #expect(try Transcript(["report", "study.json", "--out", "report.html"], in: folder).status == 0)
  }

  @Test("what is missing or unknown is said")
  func faults() throws {
    let folder = try Self.folder()
    for (arguments, sentence) in [
      (["study", "rank"], "is about a model and needs --model"),
      (["study", "beauty"], "is no study; expected a .json file or one of main-table, sample-size"),
      (["study", "rank", "--model", Fixture.model("gpt2")], "needs --pairs"),
      (Self.arguments("rank", ["--set", "bananas=3"]), "--set: at bananas: there is no such member"),
      (Self.arguments("rank", ["--set", "blocks=5-90"]), "the model has blocks"),
    ] {
      let run = try Transcript(arguments, in: folder)
      #expect(run.status == 1 || run.errors.contains(sentence), "\(run.errors)")
      #expect(run.errors.contains(sentence), "\(run.errors)")
    }
  }
}
