import Foundation
import Storage
import Testing

/// The figures that the built-in scorer is held to, on data that is not part of this package.
@Suite("Figures of the built-in scorer")
struct ScorerFiguresTests {
  private static let root = PerplexityTests.root
  private static let data = root.appending(path: "../shared/data").standardizedFileURL.path
  private static let rival = data + "/scorers/alt-profanity-check"
  private static let python = root.appending(path: ".venv/bin/python").path
  private static let hasData = FileManager.default.fileExists(atPath: data + "/paradetox/paradetox.tsv")
  private static let hasRival =
    hasData && FileManager.default.fileExists(atPath: rival + "/weights.safetensors")
    && FileManager.default.isExecutableFile(atPath: python)

  /// Runs `train-scorer evaluate`, which is built beside the tests; ROC AUC by scorer and set.
  private static func areas(_ arguments: [String]) throws -> [[String: Double]] {
    let main = Bundle.main.executableURL ?? URL(filePath: CommandLine.arguments[0])
    let folders =
      [main.deletingLastPathComponent()] + Bundle.allBundles.map { $0.bundleURL.deletingLastPathComponent() }
    let executable = try #require(
      folders.map { $0.appending(path: "train-scorer") }.first {
        FileManager.default.isExecutableFile(atPath: $0.path)
      })
    let process = Process()
    let output = Pipe()
    process.executableURL = executable
    process.arguments = ["evaluate", "--json", "--data", data] + arguments
    process.currentDirectoryURL = root
    process.standardOutput = output
    try process.run()
    let text = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    let document = try JSONDocument(parsing: Array(text), source: "train-scorer").root
    return try #require(document["scorers"]).elements.map { scorer in
      let sets = try #require(scorer["figures"]?["sets"]).elements
      return Dictionary(
        uniqueKeysWithValues: try sets.map {
          (try #require($0["name"]?.string), try #require($0["roc_auc"]?.double))
        })
    }
  }

  @Test(
    "ROC AUC is 0.9 and more on ParaDetox held out by sentence, 0.8 and more on comments from elsewhere",
    .enabled(if: hasData, "../shared/data is absent"))
  func isGoodEnough() throws {
    let sets = ["paradetox", "jigsaw-sample", "wikipedia-comments"]
    let areas = try #require(try Self.areas(sets.flatMap { ["--only", $0] }).first)
    print("built-in scorer, ROC AUC: \(areas.sorted { $0.key < $1.key })")
    #expect(areas.count == 3)
    #expect(try #require(areas["paradetox"]) >= 0.97)
    #expect(try #require(areas["jigsaw-sample"]) >= 0.9)
    #expect(try #require(areas["wikipedia-comments"]) >= 0.9)
    // The figures in the recipe are those of the weights beside it.
    let recipe = try PerplexityTests.json("../Sources/CScorerWeights/recipe.json")
    for set in try #require(recipe["figures"]?["sets"]).elements {
      guard let name = set["name"]?.string, let area = areas[name] else { continue }
      #expect(abs(try #require(set["roc_auc"]?.double) - area) < 1e-4, "\(name)")
    }
  }

  @Test(
    "it tells texts that neither was trained on apart better than alt-profanity-check does",
    .enabled(if: hasRival, "../shared/data or .venv is absent"))
  func isBetter() throws {
    let sets = ["paradetox", "rtp-prompts", "rtp-continuations", "paradetox, disguised"]
    let program = "exec:'\(Self.python)' Scripts/scorers/alt_profanity_check.py '\(Self.rival)'"
    let areas = try Self.areas(
      ["--scorer", "builtin", "--scorer", program] + sets.flatMap { ["--only", $0] })
    try #require(areas.count == 2)
    for set in sets {
      let (ours, theirs) = (try #require(areas[0][set]), try #require(areas[1][set]))
      print("\(set), ROC AUC: built-in \(ours), alt-profanity-check \(theirs)")
      #expect(ours > theirs + 0.01)
    }
  }

  @Test(
    "alt-profanity-check as a program gives the scores of its own package",
    .enabled(if: hasRival, "../shared/data or .venv is absent"))
  func rivalGoldens() throws {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: Self.python)
    process.arguments = ["Scripts/scorers/alt_profanity_check.py", Self.rival, "--check"]
    process.currentDirectoryURL = Self.root
    process.standardOutput = output
    try process.run()
    let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    let worst = try #require(Double(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    #expect(worst < 1e-9)
  }
}
