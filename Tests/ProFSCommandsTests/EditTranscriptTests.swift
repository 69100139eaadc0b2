import Foundation
import Storage
import Testing

/// The main job as people run it.
@Suite struct EditTranscriptTests {
  @Test(
    "edit, verify and generate --against work on one another's results",
    arguments: ["llama-tied", "llama-untied"])
  func mainJob(_ name: String) throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model(name)
    let edit = try Transcript(
      ["edit", model, "--pairs", Fixture.pairs, "--out", "out", "--json"], in: folder)
    #expect(edit.status == 0 && edit.errors.isEmpty, "\(edit.errors)")
    let report = try edit.json()
    #expect(report["out"]?.string == "out")
    #expect(report["pairs"]?.int == 64)
    #expect(report["verified"]?.bool == true)
    #expect(report["tokens"]?.int ?? 0 > 64)
    #expect(report["peak_memory_bytes"]?.int ?? 0 > 0)
    #expect(["f32", "bf16"].contains(report["compute"]?.string ?? ""))
    #expect(report["seconds"]?.members.map(\.key) == ["reading", "fitting", "writing", "verifying"])
    // The upper half of three blocks.
    let changed = try #require(report["changed"]?.elements)
    #expect(changed.map { $0["block"]?.int } == [2, 3])
    #expect(changed.map { $0["tensor"]?.string } == [1, 2].map { "model.layers.\($0).mlp.down_proj.weight" })
    for tensor in changed {
      #expect(tensor["relative_change"]?.double ?? 0 > 0.01)
      #expect(tensor["residual"]?.double ?? 1 < 2e-3)
    }

    for arguments in [["verify", "out"], ["verify", "out", "--base", model]] {
      let text = try Transcript(arguments, in: folder)
      #expect(text.status == 0)
      #expect(text.output.contains("✓") && !text.output.contains("✗"))
      let proof = try Transcript(arguments + ["--json"], in: folder)
      #expect(proof.status == 0)
      #expect(try proof.json()["holds"]?.bool == true)
      #expect(try proof.json()["checks"]?.elements.allSatisfy { $0["holds"]?.bool == true } ?? false)
    }

    try folder.write("The cook wrote\n2 + 2 =\n", "prompts.txt")
    let arguments = [
      "generate", model, "--against", "out", "--prompts", "prompts.txt", "--max-new-tokens", "5",
    ]
    let both = try Transcript(arguments + ["--json"], in: folder)
    #expect(both.status == 0)
    for list in ["continuations", "against"] {
      let continuations = try both.json()[list]?.elements ?? []
      #expect(continuations.map { $0["prompt"]?.string } == ["The cook wrote", "2 + 2 ="])
      for continuation in continuations {
        #expect((1...5).contains(continuation["ids"]?.count ?? 0))
        #expect(continuation["text"]?.string != nil)
      }
    }
    let text = try Transcript(arguments + ["--quiet"], in: folder)
    #expect(text.output.contains("1. The cook wrote\n   base    ") && text.output.contains("\n   edited  "))
    #expect(text.errors.isEmpty)
  }

  @Test("A tampered output does not verify and says which tensor")
  func tampered() throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("llama-tied")
    _ = try Transcript(["edit", model, "--pairs", Fixture.pairs, "--out", "out", "-q"], in: folder)
    var weights = try folder.read("out/model.safetensors")
    weights[weights.count - 3] ^= 1
    try folder.write(weights, "out/model.safetensors")
    let run = try Transcript(["verify", "out", "-q"], in: folder)
    #expect(run.status == 1)
    #expect(run.output.contains("✗ every tensor has") && run.output.contains("model.norm.weight"))
  }

  @Test("fit and apply give the bytes of edit", arguments: ["llama-tied", "llama-untied", "llama-biases"])
  func halves(_ name: String) throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model(name)
    let options = ["--pairs", Fixture.pairs, "--compute", "f32", "--rank", "3", "--layers", "2-3"]
    let runs = [
      ["edit", model] + options + ["--out", "whole"], ["fit", model] + options + ["--out", "s.safetensors"],
      ["apply", model, "--subspace", "s.safetensors", "--out", "halves"],
    ]
    for arguments in runs {
      let run = try Transcript(arguments, in: folder)
      #expect(run.status == 0, "\(run.errors)")
    }
    let names = try FileManager.default.subpathsOfDirectory(atPath: folder.url("whole").path).sorted()
    #expect(try names == FileManager.default.subpathsOfDirectory(atPath: folder.url("halves").path).sorted())
    for name in names where name != "profs" {
      #expect(try folder.read("whole/\(name)") == folder.read("halves/\(name)"), "\(name)")
    }
    #expect(try folder.read("s.safetensors") == folder.read("whole/profs/subspace.safetensors"))
  }

  @Test("fit tells of every block, apply of every tensor")
  func halvesReport() throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("llama-tied")
    let fit = try Transcript(
      [
        "fit", model, "--pairs", Fixture.pairs, "--rank", "3", "--layers", "1-3", "--limit", "9", "--out",
        "s", "--json",
      ],
      in: folder)
    let blocks = try fit.json()["blocks"]?.elements ?? []
    #expect(try fit.json()["pairs"]?.int == 9)
    #expect(blocks.map { $0["block"]?.int } == [1, 2, 3])
    for block in blocks {
      let values = block["singular_values"]?.elements.compactMap(\.double) ?? []
      #expect(values.count == 9 && values == values.sorted(by: >))
    }
    let apply = try Transcript(
      [
        "apply", model, "--subspace", "s", "--layers", "2", "--rank", "1", "--strength", "0.5", "--out", "o",
        "--json",
      ],
      in: folder)
    #expect(try apply.json()["changed"]?.elements.map { $0["block"]?.int } == [2])
    #expect(try Transcript(["verify", "o", "--base", model], in: folder).status == 0)
  }
}
