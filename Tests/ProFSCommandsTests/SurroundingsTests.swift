import Foundation
import Storage
import Testing

/// Language, place and clock of the machine change no byte of what is written.
@Suite struct SurroundingsTests {
  private static let model = Fixture.model("llama-tied")

  /// Everything that a few commands write and print.
  private func results(_ environment: [String: String]) throws -> [String: [UInt8]] {
    let folder = try TemporaryFolder()
    try folder.write("The cook wrote a\nYou are such a\nTITLE IN ISTANBUL\n", "p.txt")
    try folder.write(String(repeating: "A letter to the sea. 1,5 and 1.5. ", count: 12), "t.txt")
    let measured = ["--text", "t.txt", "--window", "32", "--stride", "16"]
    var results: [String: [UInt8]] = [:]
    for (index, arguments) in [
      ["edit", Self.model, "--pairs", Fixture.pairs, "--out", "OUT", "--json"],
      ["fit", Self.model, "--pairs", Fixture.pairs, "--rank", "3", "--out", "s", "-q"],
      ["explain", "s", "--model", Self.model],
      ["perplexity", Self.model] + measured,
      ["pairs", "check", Fixture.pairs, "--model", Self.model],
      [
        "eval", Self.model, "OUT", "--prompts", "p.txt", "--max-new-tokens", "3", "--tasks", Fixture.tasks,
        "--limit", "3", "--out", "e.json", "-q",
      ] + measured,
      ["report", "e.json", "OUT/profs.json", "--out", "report.html"],
      ["apply", Self.model, "--subspace", "s", "--out", "f.gguf", "--gguf-type", "F16"],
    ].enumerated() {
      let run = try Transcript(arguments, in: folder, environment: environment)
      try #require(run.status == 0, "\(arguments) \(run.errors)")
      // Seconds and memory are never the same.
      if !arguments.contains("--json") { results["\(index)"] = Array(run.output.utf8) }
    }
    return results.merging(try folder.files(below: ".")) { $1 }
  }

  @Test("German numbers, Turkish letters, another date and a clock that goes backwards change no byte")
  func unchanged() throws {
    let expected = try results(["LC_ALL": "C", "TZ": "UTC"])
    #expect(expected.count > 20)
    var others = [
      ["LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8", "TZ": "Pacific/Kiritimati"],
      ["LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "LANGUAGE": "tr", "TZ": "America/St_Johns"],
    ]
    if Faults.isAvailable { others.append(Faults.environment(["PROFS_CLOCK": "backwards"])) }
    for environment in others {
      let found = try results(environment)
      #expect(found.keys == expected.keys)
      for (name, bytes) in expected { #expect(found[name] == bytes, "\(name) under \(environment)") }
    }
  }
}
