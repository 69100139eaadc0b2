import Checkpoints
import Foundation
import Storage
import Testing

/// Training and its gradients, as people and programs see them.
@Suite struct TrainingTranscriptTests {
  static let steps = [
    "--pairs", Fixture.pairs, "--limit", "16", "--hold-out", "8", "--batch", "4", "--epochs", "3", "--steps",
    "6",
    "--learning-rate",
    "1e-3", "--warmup", "0", "--validate-every", "2",
  ]

  @Test("--limit is for the pairs that are trained on, not for those of --validation")
  func validationFile() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.copyItem(atPath: Fixture.pairs, toPath: folder.url("v.jsonl").path)
    let run = try Transcript(
      [
        "dpo", Fixture.model("llama-untied"), "--pairs", Fixture.pairs, "--limit", "8", "--steps", "1",
        "--validation", "v.jsonl", "--out", "out", "--json",
      ], in: folder)
    let json = try run.json()
    #expect(json["pairs"]?.int == 8 && (json["validation_pairs"]?.int ?? 0) > 8, "\(run.errors)")
  }

  @Test("dpo lowers the loss and writes a folder like the base's, with its record, that opens")
  func dpo() throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("llama-untied")
    let run = try Transcript(["dpo", model] + Self.steps + ["--out", "out", "--json"], in: folder)
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    let json = try run.json()
    let validations = (json["validation"]?.elements ?? []).compactMap { $0["loss"]?.double }
    #expect(validations.count == 4 && abs((validations.first ?? 0) - log(2)) < 1e-6)
    #expect((validations.min() ?? 1) < log(2))
    #expect(json["training"]?.count == json["steps"]?.int && json["train"]?.string == "all")

    let base = Set(try FileManager.default.contentsOfDirectory(atPath: model))
    let written = Set(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/out"))
    #expect(written.contains("profs-training.json"))
    for name in base where name.hasPrefix("model") {
      #expect(written.contains(name))
      let sizes = try [model, folder.path + "/out"].map {
        try FileManager.default.attributesOfItem(atPath: $0 + "/" + name)[.size] as? Int
      }
      #expect(sizes[0] == sizes[1])
    }
    let inspect = try Transcript(["inspect", "out", "--json"], in: folder)
    #expect(inspect.status == 0)
  }

  @Test("dpo of the matrices that an edit projects leaves every other tensor as it was, byte for byte")
  func chosenRoles() throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("gpt2")
    let arguments = ["--train", "mlp-value", "--layers", "2-2", "--out", "out", "--quiet"]
    let run = try Transcript(["dpo", model] + Self.steps + arguments, in: folder)
    #expect(run.status == 0, "\(run.errors)")
    let (before, after) = (try tensors(model), try tensors(folder.path + "/out"))
    #expect(before.keys == after.keys)
    #expect(
      before.keys.filter { before[$0] != after[$0] } == ["transformer.h.1.mlp.c_proj.weight"])
  }

  @Test("dpo goes on from its state to the same weights as in one go")
  func resumption() throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("llama-tied")
    let state = ["--state", "state", "--save-every", "4", "--quiet"]
    for out in ["whole", "resumed"] {
      // The state is of step 4 of 6, so the second run takes the last two steps alone.
      let run = try Transcript(["dpo", model] + Self.steps + ["--out", out] + state, in: folder)
      #expect(run.status == 0, "\(run.errors)")
    }
    // Receipt, card and the record of all steps too.
    #expect(try folder.files(below: "whole") == folder.files(below: "resumed"))
    for change in [["--beta", "0.5"], ["--seed", "7"]] {
      let other = try Transcript(
        ["dpo", model] + Self.steps + change + ["--out", "other"] + state, in: folder)
      #expect(other.status == 1 && other.errors.contains("other pairs, weights or settings"))
    }
    let rounded = try Transcript(
      ["dpo", model] + Self.steps + ["--compute", "bf16", "--out", "other"] + state, in: folder)
    #expect(rounded.isOneSentence(["state", "resume with --compute f32"]), "\(rounded.errors)")
  }

  @Test("dpo in bf16 says so, and learns what it learns in single precision, but for rounding")
  func bf16() throws {
    let folder = try TemporaryFolder()
    let losses = try ["f32", "bf16"].map { compute in
      let run = try Transcript(
        ["dpo", Fixture.model("qwen2")] + Self.steps + ["--compute", compute, "--out", compute, "--json"],
        in: folder)
      #expect(run.status == 0, "\(run.errors)")
      let json = try run.json()
      #expect(json["compute"]?.string == compute)
      return (json["training"]?.elements ?? []).compactMap { $0["loss"]?.double }
    }
    #expect(losses[0].count == 6 && losses[1].count == 6 && losses[0] != losses[1])
    for (single, rounded) in zip(losses[0], losses[1]) { #expect(abs(single - rounded) < 0.05) }
    #expect(try Transcript(["verify", "bf16", "--base", Fixture.model("qwen2")], in: folder).status == 0)
  }

  @Test("an output inside the model's folder is refused before anything is computed")
  func outputInsideModel() throws {
    let folder = try TemporaryFolder()
    try folder.copyModel("llama-tied", as: "model")
    let run = try Transcript(["dpo", "model"] + Self.steps + ["--out", "model/trained"], in: folder)
    #expect(run.status == 1 && run.errors.contains("inside the model's folder"), "\(run.errors)")
  }

  @Test(
    "adapters are written in PEFT's format, and added to the base's weights they are the checkpoint",
    arguments: ["llama-tied", "gpt2"])
  func adapters(name: String) throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model(name)
    let arguments =
      ["dpo", model] + Self.steps + ["--lora-rank", "3", "--lora-alpha", "6", "--target", "value,mlp-value"]
    let run = try Transcript(arguments + ["--out", "adapter", "--json"], in: folder)
    #expect(run.status == 0, "\(run.errors)")
    #expect(try run.json()["lora_rank"]?.int == 3)
    #expect(
      try Transcript(arguments + ["--format", "checkpoint", "--out", "merged"], in: folder).status == 0)
    let written = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/adapter").sorted()
    #expect(
      written == [
        "README.md", "adapter_config.json", "adapter_model.safetensors", "profs-training.json", "profs.json",
      ])
    let config = try JSONDocument(
      parsing: try folder.read("adapter/adapter_config.json"), source: "config"
    ).root
    #expect(config["r"]?.int == 3 && config["lora_alpha"]?.int == 6)
    #expect(config["fan_in_fan_out"]?.bool == (name == "gpt2"))

    let adapter = try SafetensorsFile(path: folder.path + "/adapter/adapter_model.safetensors").tensors
    let (base, merged) = (
      try SafetensorsFile(path: model + "/model.safetensors").tensors,
      try SafetensorsFile(path: folder.path + "/merged/model.safetensors").tensors
    )
    let modules = (config["target_modules"]?.elements ?? []).compactMap(\.string)
    #expect(modules.count == (name == "gpt2" ? 4 : 6) && adapter.entries.count == 2 * modules.count)
    for entry in base.entries {
      let module = modules.first { $0 + ".weight" == entry.name }
      let (before, after) = (try base.floats(entry), try merged.floats(try #require(merged[entry.name])))
      guard let module else {
        #expect(before == after, "\(entry.name)")
        continue
      }
      func factor(_ factor: String) throws -> (values: [Float], shape: [Int]) {
        let entry = try #require(adapter["base_model.model.\(module).\(factor).weight"])
        return (try adapter.floats(entry), entry.shape)
      }
      let (a, b) = (try factor("lora_A"), try factor("lora_B"))
      let (outputs, inputs) = (b.shape[0], a.shape[1])
      #expect(b.values.contains { $0 != 0 })
      for output in 0..<outputs {
        for input in 0..<inputs {
          let change = (0..<3).reduce(Float(0)) {
            $0 + b.values[output * 3 + $1] * a.values[$1 * inputs + input]
          }
          let index = name == "gpt2" ? input * outputs + output : output * inputs + input
          #expect(abs(before[index] + 2 * change - after[index]) < 1e-6)
        }
      }
    }
  }

  @Test("adapters go on from their state to the same numbers as in one go")
  func adapterResumption() throws {
    let folder = try TemporaryFolder()
    let state = [
      "--state", "state", "--save-every", "4", "--quiet", "--lora-rank", "2", "--optimizer", "adamw",
    ]
    for out in ["whole", "resumed"] {
      let run = try Transcript(
        ["dpo", Fixture.model("llama-tied")] + Self.steps + ["--out", out] + state, in: folder)
      #expect(run.status == 0, "\(run.errors)")
    }
    let name = "adapter_model.safetensors"
    #expect(try tensors(folder.path + "/whole", name) == tensors(folder.path + "/resumed", name))
  }

  @Test("An adapter is taken where an edited model is, and is to the last bit the checkpoint of the same run")
  func adapterAsModel() throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("llama-tied")
    for format in ["lora", "checkpoint"] {
      let run = try Transcript(
        ["dpo", model] + Self.steps + ["--lora-rank", "2", "--format", format, "--out", format, "-q"],
        in: folder)
      #expect(run.status == 0, "\(run.errors)")
    }
    try folder.write("The cook wrote a\nYou are such a\n", "prompts.txt")
    try folder.write(String(repeating: "The cook wrote a letter to the sea. ", count: 12), "text.txt")
    let eval = try Transcript(
      [
        "eval", model, "lora", "checkpoint", "--text", "text.txt", "--window", "32", "--prompts",
        "prompts.txt",
        "--max-new-tokens", "4", "--json",
      ], in: folder)
    #expect(eval.status == 0, "\(eval.errors)")
    let document = try eval.json()
    #expect(
      document["settings"]?["models"]?.elements.map { $0["name"]?.string } == [
        "llama-tied", "lora", "checkpoint",
      ])
    for figure in document["summary"]?["figures"]?.elements ?? [] {
      let others = (figure["others"]?.elements ?? []).map { JSON($0) }
      #expect(others.count == 2 && others[0] == others[1], "\(figure["name"]?.string ?? "")")
      if figure["name"]?.string == "kl_from_base" {
        #expect(figure["others"]?.elements[0]["estimate"]?["value"]?.double ?? 0 > 1e-6)
      }
    }
    let texts = try ["lora", "checkpoint"].map { against in
      let run = try Transcript(
        ["generate", model, "--against", against, "--prompts", "prompts.txt", "--json"], in: folder)
      #expect(run.status == 0, "\(run.errors)")
      return JSON(try #require(try run.json()["against"]))
    }
    #expect(texts[0] == texts[1])
    let alone = try Transcript(["perplexity", "lora", "--text", "text.txt"], in: folder)
    #expect(alone.isOneSentence(["this is an adapter", "give its base here"]))
  }

  @Test("options of adapters that contradict each other are refused")
  func adapterUsage() throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("llama-tied")
    for (options, sentence) in [
      (["--lora-alpha", "2"], "belong to --lora-rank"), (["--format", "lora"], "with --lora-rank lora"),
      (["--lora-rank", "2", "--train", "mlp"], "give --target"),
      (["--lora-rank", "2", "--target", "query,head"], "--target head: expected names among query"),
      (["--lora-rank", "0"], "at least 1"),
    ] {
      let run = try Transcript(["dpo", model] + Self.steps + ["--out", "out"] + options, in: folder)
      #expect(run.status == 64 && run.errors.contains(sentence), "\(run.errors)")
    }
    let wide = try Transcript(
      ["dpo", model] + Self.steps + ["--out", "out", "--lora-rank", "1000", "--quiet"], in: folder)
    #expect(wide.isOneSentence(["--lora-rank 1000", "the smallest of the matrices"]))
  }

  @Test(
    "dpo of a GGUF file or of torch's files writes a folder that opens, and learns what it learns from safetensors",
    arguments: [true, false])
  func otherFormats(isGGUF: Bool) throws {
    let folder = try TemporaryFolder()
    let same = Fixture.model("gpt2-bare")
    try folder.copyModel("gpt2-bare", as: "torch")
    try folder.remove("torch/model.safetensors")
    try FileManager.default.copyItem(
      atPath: Fixture.model("torch/gpt2-bare") + "/pytorch_model.bin",
      toPath: folder.path + "/torch/pytorch_model.bin")
    var losses: [[Double]] = []
    for (model, out) in [(isGGUF ? Fixture.model("gguf/gpt2-bare.gguf") : "torch", "out"), (same, "same")] {
      let run = try Transcript(["dpo", model] + Self.steps + ["--out", out, "--json"], in: folder)
      #expect(run.status == 0, "\(run.errors)")
      losses.append((try run.json()["training"]?.elements ?? []).compactMap { $0["loss"]?.double })
    }
    #expect(losses[0].count == 6 && losses[1].count == 6)
    let error = zip(losses[0], losses[1]).map { abs($0 - $1) }.max() ?? 1
    #expect(error < (isGGUF ? 0.05 : 1e-6), "\(losses)")
    #expect(try Transcript(["inspect", "out", "--json"], in: folder).status == 0)
  }

  @Test(
    "gradients reports norms, shares and angles at each number of pairs", arguments: ["paper", "oblique"])
  func gradients(recipe: String) throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("gpt2")
    let fit = [
      "fit", model, "--pairs", Fixture.pairs, "--recipe", recipe, "--rank", "3", "--layers", "2-2", "--limit",
      "32", "--out", "s",
    ]
    #expect(try Transcript(fit, in: folder).status == 0)
    let arguments = ["gradients", model, "--pairs", Fixture.pairs, "--subspace", "s", "--counts", "16,4"]
    let run = try Transcript(arguments + ["--json"], in: folder)
    #expect(run.status == 0, "\(run.errors)")
    let counts = try run.json()["counts"]?.elements ?? []
    #expect(counts.map { $0["pairs"]?.int } == [4, 16])
    for count in counts {
      let blocks = count["blocks"]?.elements ?? []
      #expect(blocks.map { $0["block"]?.int } == [1, 2])
      #expect(blocks.allSatisfy { $0["norm"]?.double ?? 0 > 0 })
      #expect(blocks[0]["share"] == nil && blocks[1]["angles"]?.count == 3)
      // A random subspace of 3 of 36 dimensions has √(3/36) = 0.29 on average.
      let random = blocks[1]["random"]?.double ?? 0
      #expect(random > 0.15 && random < 0.45)
      #expect((0...1).contains(blocks[1]["share"]?.double ?? -1))
    }
    let table = try Transcript(arguments, in: folder)
    #expect(table.output.contains("16 pairs") && table.output.contains("random"))
    #expect(try Transcript(arguments.dropLast() + ["4,x"], in: folder).status == 64)
  }

  @Test("with a recipe, gradients tells how near the subspaces of fewer pairs come to that of the most")
  func convergence() throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("gpt2")
    let arguments = [
      "gradients", model, "--pairs", Fixture.pairs, "--recipe", "paper", "--rank", "2", "--layers", "2-2",
      "--counts", "4,32",
    ]
    let run = try Transcript(arguments + ["--json"], in: folder)
    #expect(run.status == 0, "\(run.errors)")
    let reports = try run.json()["convergence"]?.elements ?? []
    #expect(reports.map { $0["pairs"]?.int } == [4, 32])
    let overlaps = reports.map { $0["blocks"]?.elements.first?["overlap"]?.double ?? .nan }
    #expect(abs(overlaps[1] - 1) < 1e-9 && reports[0]["blocks"]?.count == 1)
    #expect(abs((reports[0]["blocks"]?.elements[0]["chance"]?.double ?? 0) - 2 / 36) < 1e-12)
    // The shares are those of the subspace of the most pairs, which profs fit finds too, as it finds that of few.
    var bases: [[Float]] = []
    for pairs in ["4", "32"] {
      let fit = [
        "fit", model, "--pairs", Fixture.pairs, "--recipe", "paper", "--rank", "2", "--layers", "2-2",
        "--limit", pairs, "--compute", "f32", "--out", "s" + pairs,
      ]
      #expect(try Transcript(fit, in: folder).status == 0)
      let file = try SafetensorsFile(path: folder.path + "/s" + pairs).tensors
      bases.append(try file.floats(try #require(file["block.2.directions"])))
    }
    var squares = 0.0
    for one in 0..<2 {
      for other in 0..<2 {
        let product = (0..<36).reduce(0.0) {
          $0 + Double(bases[0][one * 36 + $1]) * Double(bases[1][other * 36 + $1])
        }
        squares += product * product
      }
    }
    #expect(abs(overlaps[0] - squares / 2) < 1e-4)
    let given = try Transcript(
      ["gradients", model, "--pairs", Fixture.pairs, "--subspace", "s32", "--counts", "32", "--json"],
      in: folder)
    let shares = try [run, given].map {
      try $0.json()["counts"]?.elements.last?["blocks"]?.elements[1]["share"]?.double ?? .nan
    }
    #expect(abs(shares[0] - shares[1]) < 1e-3, "\(shares)")

    let table = try Transcript(arguments, in: folder)
    #expect(table.output.contains("overlap with the subspace of 32 pairs"))
    for (options, sentence) in [
      (["--recipe", "natural"], "cannot be compared"), (["--recipe", "paper", "--rank", "9"], "--counts 4"),
    ] {
      let wrong = try Transcript(
        ["gradients", model, "--pairs", Fixture.pairs, "--counts", "4,32", "--quiet"] + options, in: folder)
      #expect(wrong.isOneSentence([sentence]), "\(wrong.errors)")
    }
    #expect(try Transcript(arguments + ["--subspace", "s4"], in: folder).status == 64)
  }

  @Test("verify holds what dpo wrote against its receipt and its base", arguments: [true, false])
  func verification(isAdapter: Bool) throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("llama-untied")
    let what = isAdapter ? ["--lora-rank", "2"] : ["--train", "mlp-value", "--layers", "2-2"]
    let run = try Transcript(["dpo", model] + Self.steps + ["--out", "out"] + what, in: folder)
    #expect(run.status == 0, "\(run.errors)")
    let proof = try Transcript(["verify", "out", "--base", model, "--json"], in: folder)
    #expect(proof.status == 0, "\(proof.output)")
    #expect(try proof.json()["changed"]?.count == (isAdapter ? 42 : 1))
    let card = String(decoding: try folder.read("out/README.md"), as: UTF8.self)
    #expect(card.contains("trained by DPO") && card.contains("on 8 preference pairs"))
    let other = try Transcript(["verify", "out", "--base", Fixture.model("llama-biases")], in: folder)
    #expect(other.status == 1 && other.output.contains("✗ the base model is the one of the receipt"))

    for (file, claim) in [
      (isAdapter ? "adapter_model.safetensors" : "model-00001-of-00002.safetensors", "every tensor has"),
      ("README.md", "every other file"), ("profs.json", "the receipt is as it was written"),
    ] {
      let whole = try folder.read("out/" + file)
      var changed = whole
      // Of the receipt a digit of a digest at its end, so that it can still be read.
      let place = file == "profs.json" ? whole.count - 8 : whole.count - 1
      changed[place] = changed[place] == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")
      try folder.write(changed, "out/" + file)
      let run = try Transcript(["verify", "out"], in: folder)
      #expect(run.status == 1 && run.output.contains("✗ " + claim), "\(file): \(run.output)")
      try folder.write(whole, "out/" + file)
    }
  }

  @Test("what cannot be trained is refused before anything is computed")
  func refused() throws {
    let folder = try TemporaryFolder()
    for (model, reason) in [
      ("bert", "encoder"), ("gguf/gemma.gguf", "would not fit the model that PEFT loads"),
    ] {
      let run = try Transcript(
        ["dpo", Fixture.model(model)] + Self.steps + ["--out", "out", "--lora-rank", "2"], in: folder)
      #expect(run.status == 1 && run.errors.contains(reason), "\(run.errors)")
    }
    let none = try Transcript(
      [
        "dpo", Fixture.model("gpt2"), "--pairs", Fixture.pairs, "--limit", "3", "--hold-out", "3", "--out",
        "out",
      ],
      in: folder)
    #expect(none.status == 1 && none.errors.contains("none would be left"))
  }

  private func tensors(
    _ folder: String, _ name: String = "model.safetensors"
  ) throws -> [String: [UInt8]] {
    var tensors: [String: [UInt8]] = [:]
    let file = try SafetensorsFile(path: folder + "/" + name)
    for entry in file.tensors.entries {
      tensors[entry.name] = try file.tensors.withBytes(of: entry) { Array($0) }
    }
    return tensors
  }
}
