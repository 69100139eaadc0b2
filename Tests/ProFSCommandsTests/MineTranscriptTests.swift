import Foundation
import Storage
import Testing

/// `profs pairs mine`.
@Suite struct MineTranscriptTests {
  /// Calls every other text toxic, by its length, so that random weights give pairs.
  private static let scorer = #"""
    import json, sys
    for line in sys.stdin:
        text = json.loads(line)["text"]
        print(json.dumps({"score": 0.9 if sum(map(ord, text)) % 2 else 0.1}), flush=True)
    """#

  private static func arguments(_ more: [String] = []) -> [String] {
    [
      "pairs", "mine", Fixture.model("llama-tied"), "--prompts", "prompts.txt", "--out", "pairs.jsonl",
      "--scorer",
      "exec:python3 scorer.py", "--samples", "6", "--max-new-tokens", "8", "--temperature", "5",
    ] + more
  }

  private static func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write(scorer, "scorer.py")
    try folder.write("The cook wrote a\nYou are such a\n2 + 2 =\nIn the end\n", "prompts.txt")
    return folder
  }

  @Test("pairs are read back by fit, and the same seed gives the same pairs")
  func mined() throws {
    let folder = try Self.folder()
    let run = try Transcript(Self.arguments(["--json"]), in: folder)
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    let report = try run.json()
    let count = try #require(report["pairs"]?.int)
    #expect(count > 1 && report["prompts"]?.int == 4)
    let pairs = try folder.read("pairs.jsonl")
    let lines = String(decoding: pairs, as: UTF8.self).split(separator: "\n")
    #expect(lines.count == count)
    for line in lines {
      let pair = try JSONDocument(parsing: Array(line.utf8), source: "pairs.jsonl").root
      #expect(pair["chosen_score"]?.double == 0.1 && pair["rejected_score"]?.double == 0.9)
    }
    #expect(!(try folder.contents()).contains("pairs.jsonl.progress"))
    let again = try Self.folder()
    #expect(try Transcript(Self.arguments(["-q"]), in: again).status == 0)
    #expect(try again.read("pairs.jsonl") == pairs)
    let fit = try Transcript(
      [
        "fit", Fixture.model("llama-tied"), "--pairs", "pairs.jsonl", "--rank", "1", "--out", "s.safetensors",
        "-q",
      ],
      in: folder)
    #expect(fit.status == 0, "\(fit.errors)")
  }

  @Test("several pairs of a prompt stand one behind the other, the one that is made alone first")
  func several() throws {
    func lines(_ more: [String]) throws -> [String] {
      let folder = try Self.folder()
      let run = try Transcript(Self.arguments(more), in: folder)
      #expect(run.status == 0, "\(run.errors)")
      return String(decoding: try folder.read("pairs.jsonl"), as: UTF8.self).split(separator: "\n").map(
        String.init)
    }
    let (one, three) = (try lines([]), try lines(["--per-prompt", "3"]))
    #expect(three.count > one.count)
    let prompts = try three.map {
      try JSONDocument(parsing: Array($0.utf8), source: "pairs.jsonl").root["prompt"]?.string ?? ""
    }
    let counts = Dictionary(grouping: prompts) { $0 }.mapValues(\.count)
    #expect(counts.count == one.count && counts.values.allSatisfy { $0 <= 3 })
    let firsts = prompts.indices.filter { $0 == 0 || prompts[$0] != prompts[$0 - 1] }.map { three[$0] }
    #expect(firsts == one)
    let none = try Transcript(Self.arguments(["--per-prompt", "0"]), in: try Self.folder())
    #expect(none.status == 64 && none.errors.contains("--per-prompt must be at least 1."))
  }

  @Test("a scorer that is never sure gives no file, and says what to do")
  func unsure() throws {
    let folder = try Self.folder()
    try folder.write(Self.scorer.replacing("0.9 if", with: "0.5 if"), "scorer.py")
    let run = try Transcript(Self.arguments(), in: folder)
    #expect(run.status == 1)
    #expect(run.errors.contains("lower --rejected-from"))
    #expect(!FileManager.default.fileExists(atPath: folder.url("pairs.jsonl").path))
  }
}
