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
    #expect(try tensors(folder.path + "/whole") == tensors(folder.path + "/resumed"))
    let other = try Transcript(
      ["dpo", model] + Self.steps + ["--beta", "0.5", "--out", "other"] + state, in: folder)
    #expect(other.status == 1 && other.errors.contains("other pairs, weights or settings"))
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

  @Test("what cannot be trained is refused before anything is computed")
  func refused() throws {
    let folder = try TemporaryFolder()
    for (model, reason) in [("bert", "encoder"), ("gguf/gemma.gguf", "folder of safetensors")] {
      let run = try Transcript(["dpo", Fixture.model(model)] + Self.steps + ["--out", "out"], in: folder)
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

  private func tensors(_ folder: String) throws -> [String: [UInt8]] {
    var tensors: [String: [UInt8]] = [:]
    let file = try SafetensorsFile(path: folder + "/model.safetensors")
    for entry in file.tensors.entries {
      tensors[entry.name] = try file.tensors.withBytes(of: entry) { Array($0) }
    }
    return tensors
  }
}
