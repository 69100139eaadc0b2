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
      ["edit", model, "--pairs", Fixture.pairs, "--recipe", "paper", "--out", "out", "--json"], in: folder)
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

  @Test("A model whose name and files have letters of other scripts is edited, and its edit verifies")
  func otherScripts() throws {
    let folder = try TemporaryFolder()
    try folder.copyModel("llama-tied", as: "Größe ✓ e\u{301} 模型")
    try folder.write("π", "Größe ✓ e\u{301} 模型/Übersicht.txt")
    let model = "Größe ✓ e\u{301} 模型"
    for out in ["out", "Ausgabe für 👩‍🚀"] {
      let run = try Transcript(["edit", model, "--pairs", Fixture.pairs, "--out", out, "-q"], in: folder)
      #expect(run.status == 0, "\(run.errors)")
      #expect(try folder.read(out + "/Übersicht.txt") == Array("π".utf8))
      let proof = try Transcript(["verify", out, "--base", model, "-q"], in: folder)
      #expect(proof.status == 0 && !proof.output.contains("not in the receipt"), "\(proof.output)")
      try folder.write("{}", out + "/adapter_config.json")
      let second = try Transcript(["verify", out, "-q"], in: folder)
      #expect(second.status == 0 && second.output.contains("; not in the receipt: adapter_config.json\n"))
    }
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

  @Test("the recipe protected edits, verifies and gives the same bytes again, with its own text or another")
  func protected() throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("llama-tied")
    try folder.write(
      "First line,\nand its second.\n\nAnother passage of some length.\n \nA third one.\n", "n.txt")
    let shared = [
      "edit", model, "--pairs", Fixture.pairs, "--recipe", "protected", "--compute", "f32", "--out",
    ]
    var subspaces: [[UInt8]] = []
    for (out, options) in [
      ("own", []), ("jsonl", ["--neutral", Fixture.neutral]), ("again", ["--neutral", Fixture.neutral]),
      ("txt", ["--neutral", "n.txt", "--protect", "4", "--rank-by", "singular-value", "--rank", "3"]),
    ] {
      let run = try Transcript(shared + [out] + options, in: folder)
      #expect(run.status == 0, "\(run.errors)")
      #expect(run.errors.contains(" directions of neutral text protected"))
      #expect(try Transcript(["verify", out, "--base", model, "-q"], in: folder).status == 0)
      subspaces.append(try folder.read("\(out)/profs/subspace.safetensors"))
    }
    #expect(subspaces[1] == subspaces[2] && Set(subspaces).count == 3)
    let recipe = try JSONDocument(parsing: folder.read("txt/profs.json"), source: "profs.json").root["recipe"]
    #expect(recipe?["method"]?.string == "protected" && recipe?["protected_directions"]?.int == 4)
    #expect(recipe?["ranking"]?.string == "singular-value" && recipe?["rank"]?.int == 3)
    let plan = try Transcript(
      ["inspect", model, "--pairs", Fixture.pairs, "--recipe", "protected", "--json"], in: folder)
    let purposes = try plan.json()["memory"]?.elements.compactMap { $0["purpose"]?.string } ?? []
    #expect(purposes.contains("second moment of neutral text"))
  }

  @Test("a step is computed in f32, and is said to be, whatever precision is asked for")
  func precisionOfSteps() throws {
    let folder = try TemporaryFolder()
    let (model, pairs) = (Fixture.model("llama-tied"), ["--pairs", Fixture.pairs, "--compute", "bf16"])
    for (recipe, precision) in [("natural", "f32"), ("paper", "bf16")] {
      let options = pairs + ["--recipe", recipe]
      let plan = try Transcript(["inspect", model, "--json"] + options, in: folder)
      #expect(try plan.json()["compute"]?.string == precision)
      let edit = try Transcript(["edit", model, "--out", recipe] + options, in: folder)
      #expect(edit.status == 0 && edit.errors.contains(", \(precision) on "), "\(edit.errors)")
      let receipt = try JSONDocument(parsing: folder.read("\(recipe)/profs.json"), source: "profs.json").root
      #expect(receipt["recipe"]?["compute"]?.string == precision)
    }
  }

  @Test("a rank that is left to the evidence is told block by block")
  func automaticRank() throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("llama-tied")
    let options = [
      "--pairs", Fixture.pairs, "--recipe", "paper", "--rank", "auto", "--compute", "f32", "--out",
    ]
    let run = try Transcript(["edit", model] + options + ["out"], in: folder)
    #expect(run.status == 0 && run.errors.contains("directions that stand out from noise, block by block: "))
    #expect(try Transcript(["verify", "out", "--base", model, "-q"], in: folder).status == 0)
    let fit = try Transcript(["fit", model, "--json"] + options + ["s"], in: folder)
    let ranks = try fit.json()["blocks"]?.elements.compactMap { $0["rank"]?.int } ?? []
    #expect(ranks.count == 2 && ranks.allSatisfy { (1...10).contains($0) })
    #expect(try Transcript(["fit", model, "--rank", "some"] + options + ["t"], in: folder).status == 64)
  }

  @Test("what belongs to the recipe protected is refused without it, and an empty neutral text with it")
  func protectedRefusals() throws {
    let folder = try TemporaryFolder()
    try folder.write("\n \n", "empty.txt")
    let edit = ["edit", Fixture.model("llama-tied"), "--pairs", Fixture.pairs, "--out", "out"]
    for options in [["--protect", "4"], ["--neutral", "empty.txt"], ["--rank-by", "consistency"]] {
      let run = try Transcript(edit + ["--recipe", "paper"] + options, in: folder)
      #expect(run.status == 64 && run.errors.contains("--recipe protected"))
    }
    for (options, says) in [
      (["--neutral", "empty.txt"], "empty.txt"), (["--neutral", "none.txt"], "none.txt"),
      (["--protect", "47"], "--protect 47"),
    ] {
      let run = try Transcript(edit + ["--recipe", "protected"] + options, in: folder)
      #expect(run.status == 1 && run.errors.contains(says), "\(run.errors)")
    }
    #expect(try folder.contents() == ["empty.txt"])
  }

  @Test("edit and apply write the same adapter, which verifies until a bit of it is changed")
  func adapter() throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("llama-untied")
    let edit = try Transcript(
      [
        "edit", model, "--pairs", Fixture.pairs, "--recipe", "paper", "--format", "lora", "--out", "whole",
        "--json",
      ], in: folder)
    #expect(edit.status == 0, "\(edit.errors)")
    let report = try edit.json()
    #expect(report["unchanged"]?.int == 0 && report["verified"]?.bool == true)
    let names = [1, 2].map { "base_model.model.model.layers.\($0).mlp.down_proj.lora_A.weight" }
    #expect(report["changed"]?.elements.map { $0["tensor"]?.string } == names)
    let apply = try Transcript(
      [
        "apply", model, "--subspace", "whole/profs/subspace.safetensors", "--format", "lora", "--out", "half",
      ],
      in: folder)
    #expect(
      apply.status == 0 && apply.output.contains("2 matrices edited by the adapter, the base as it was"))
    for name in ["adapter_config.json", "adapter_model.safetensors", "profs.json", "README.md"] {
      #expect(try folder.read("whole/" + name) == folder.read("half/" + name))
    }
    #expect(String(decoding: try folder.read("half/README.md"), as: UTF8.self).contains("library_name: peft"))
    let verify = ["verify", "half", "--base", model]
    let proof = try Transcript(verify, in: folder)
    #expect(proof.status == 0 && proof.output.contains("✓ only the subspace is written into"))
    var weights = try folder.read("half/adapter_model.safetensors")
    weights[weights.count - 3] ^= 1
    try folder.write(weights, "half/adapter_model.safetensors")
    #expect(try Transcript(verify, in: folder).status == 1)
    // An encoder is refused before anything is fitted.
    let encoder = try Transcript(
      ["edit", Fixture.model("bert"), "--pairs", Fixture.pairs, "--format", "lora", "--out", "o"], in: folder)
    #expect(encoder.status == 1 && encoder.errors.contains("is an encoder"))
    #expect(!encoder.errors.contains("fitting"))
  }

  @Test("fit tells of every block, apply of every tensor")
  func halvesReport() throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("llama-tied")
    let fit = try Transcript(
      [
        "fit", model, "--pairs", Fixture.pairs, "--recipe", "paper", "--rank", "3", "--layers", "1-3",
        "--limit", "9", "--out", "s", "--json",
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
