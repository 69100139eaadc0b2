import Checkpoints
import Editing
import Foundation
import Kernels
import Storage
import SubspaceEditing
import Testing
import Transformer

/// Edits written as LoRA adapters.
///
/// That PEFT reads them so is checked by `Scripts/fixtures/compare_lora.py`.
@Suite struct AdapterTests {
  /// The two factors of each block's module.
  private struct Factors {
    var module: String
    var a: (shape: [Int], values: [Float])
    var b: (shape: [Int], values: [Float])

    /// The factors in the adapter at `path`, by block.
    static func read(_ path: String, _ receipt: Receipt) throws -> [Int: Factors] {
      let file = try SafetensorsFile(path: path + "/adapter_model.safetensors")
      func tensor(_ name: String) throws -> (shape: [Int], values: [Float]) {
        let entry = try #require(file.tensors[name], "\(name)")
        #expect(entry.type == .f32)
        return (entry.shape, try file.tensors.floats(entry))
      }
      #expect(file.tensors.entries.count == 2 * receipt.edited.count)
      var factors: [Int: Factors] = [:]
      for edited in receipt.edited {
        let match = try #require(edited.name.wholeMatch(of: /base_model\.model\.(.+)\.lora_A\.weight/))
        let name = "base_model.model.\(match.1).lora_B.weight"
        factors[try #require(edited.edit).block] = Factors(
          module: String(match.1), a: try tensor(edited.name), b: try tensor(name))
      }
      return factors
    }

    /// W + B A in double precision, W stored as `layout` says.
    func merged(_ weight: [Float], _ layout: ModelFamily.LinearLayout) -> [Float] {
      let (rank, inputs, outputs) = (a.shape[0], a.shape[1], b.shape[0])
      return weight.indices.map { index in
        let (output, input) =
          layout == .outputMajor ? (index / inputs, index % inputs) : (index % outputs, index / outputs)
        let sum = (0..<rank).reduce(Double(weight[index])) {
          $0 + Double(b.values[output * rank + $1]) * Double(a.values[$1 * inputs + input])
        }
        return Float(sum)
      }
    }
  }

  /// Writes the edit of every block of `model` as an adapter, proves it, and reads it.
  private static func adapter(
    _ goldens: EditedGoldens, _ model: Model, _ path: String, strength: Double = 1, fullRank: Int = .max
  ) throws -> [Int: Factors] {
    let subspace = try goldens.subspace(model, fullRank: fullRank)
    let receipt = try EditApplication(model, subspace, strength: strength, seed: 0, format: .lora).write(
      to: path)
    #expect(receipt.output == .lora && receipt.edited.count == model.configuration.blocks)
    #expect(try Receipt(folder: path) == receipt)
    for check in try Verification(of: path, base: model).checks + Verification(of: path, base: nil).checks {
      #expect(check.holds, "\(check.claim): \(check.finding)")
    }
    for edit in receipt.edited.compactMap(\.edit) {
      #expect(edit.relativeChange > 0.01 && (strength != 1 || edit.residual < 1e-6))
    }
    return try Factors.read(path, receipt)
  }

  @Test(
    "The adapter of every language model, merged, gives the edited weights, whatever the base is stored as",
    arguments: EditedGoldens.all.filter(\.isDecoder))
  func everyFamily(_ goldens: EditedGoldens) throws {
    let scratch = try TemporaryFolder()
    let model = try Model(path: goldens.folder)
    let factors = try Self.adapter(goldens, model, scratch.path("out"))
    for block in 1...model.configuration.blocks {
      let found = try #require(factors[block])
      let entry = try model.weight(.mlpValue, block: block)
      #expect(found.a.shape[0] == 2 && found.b.shape == [model.configuration.hidden, 2])
      #expect(
        entry.name.hasSuffix(found.module.split(separator: ".").suffix(2).joined(separator: ".") + ".weight"))
      let weight = try model.tensors.floats(entry)
      let expected = try goldens.reference(weight, model.family, block: block)
      #expect(relativeError(found.merged(weight, model.family.linearLayout), expected) < 1e-6)
    }
    #expect(
      try Set(scratch.contents()) == [
        "out", "out/README.md", "out/adapter_config.json", "out/adapter_model.safetensors", "out/profs",
        "out/profs.json", "out/profs/subspace.safetensors",
      ])
    // The same numbers in the other formats give the same adapter.
    for other in [goldens.gguf] where FileManager.default.fileExists(atPath: other) {
      let again = try Self.adapter(goldens, try Model(path: other), scratch.path("gguf"))
      for (block, expected) in factors {
        let found = try #require(again[block])
        // Of a model with a vision tower the file holds the text model alone.
        let module = expected.module.replacing("language_model.", with: "")
        #expect(found.module == module && found.b == expected.b && found.a.shape == expected.a.shape)
        #expect(relativeError(found.a.values, expected.a.values) < 1e-6)
      }
    }
  }

  @Test("Torch's files give the adapter of the same weights", arguments: EditedGoldens.withTorch)
  func torch(_ goldens: EditedGoldens) throws {
    let scratch = try TemporaryFolder()
    let base = scratch.path("base")
    try FileManager.default.copyItem(atPath: goldens.torch, toPath: base)
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
      try FileManager.default.copyItem(atPath: goldens.folder + "/" + name, toPath: base + "/" + name)
    }
    let model = try Model(path: base)
    let factors = try Self.adapter(goldens, model, scratch.path("out"))
    for (block, found) in factors {
      let weight = try model.tensors.floats(try model.weight(.mlpValue, block: block))
      let expected = try goldens.reference(weight, model.family, block: block)
      #expect(relativeError(found.merged(weight, model.family.linearLayout), expected) < 1e-6)
    }
  }

  @Test(
    "Modules are named as transformers names them, whatever the checkpoint does",
    arguments: [
      ("gpt2-bare", "transformer.h.0.mlp.c_proj"), ("gptj", "transformer.h.0.mlp.fc_out"),
      ("opt", "model.decoder.layers.0.fc2"), ("qwen3", "model.layers.0.mlp.down_proj"),
      ("gpt-neox-parallel", "gpt_neox.layers.0.mlp.dense_4h_to_h"),
      ("gemma3", "model.language_model.layers.0.mlp.down_proj"),
      ("mistral3", "model.language_model.layers.0.mlp.down_proj"),
    ])
  func modules(_ name: String, _ module: String) throws {
    let goldens = try #require(EditedGoldens.all.first { $0.name == name })
    #expect(try Model(path: goldens.folder).moduleName(.mlpValue, block: 1) == module)
  }

  @Test("Ranks that differ are in the patterns, strength is in B, and the scale is always 1")
  func configuration() throws {
    let scratch = try TemporaryFolder()
    let goldens = try #require(EditedGoldens.all.first { $0.name == "gpt2-bare" })
    let model = try Model(path: goldens.folder)
    let factors = try Self.adapter(goldens, model, scratch.path("out"), strength: 0.25, fullRank: 1)
    let config = try JSONDocument(parsing: bytes(scratch.path("out/adapter_config.json")), source: "").root
    #expect(config["r"]?.int == 2 && config["lora_alpha"]?.int == 2)
    #expect(config["fan_in_fan_out"]?.bool == true && config["peft_type"]?.string == "LORA")
    #expect(config["base_model_name_or_path"]?.string == goldens.folder)
    let modules = (0..<model.configuration.blocks).map { "transformer.h.\($0).mlp.c_proj" }
    #expect(config["target_modules"]?.elements.map(\.string) == modules)
    for key in ["rank_pattern", "alpha_pattern"] {
      #expect(config[key]?.members.map(\.key) == Array(modules.dropFirst()))
      #expect(config[key]?.members.allSatisfy { $0.value.int == 1 } == true)
    }
    for (block, found) in factors {
      let rank = block == 1 ? 2 : 1
      #expect(found.a.shape[0] == rank && found.b.shape[1] == rank)
      let directions = try #require(try goldens.subspace(model)[block]).directions.values
      for index in found.b.values.indices {
        let (output, row) = (index / rank, index % rank)
        #expect(found.b.values[index] == -0.25 * directions[row * model.configuration.hidden + output])
      }
    }
  }

  @Test("An encoder is refused, and so is a weight that has nothing in the subspace")
  func refused() throws {
    let scratch = try TemporaryFolder()
    let goldens = try #require(EditedGoldens.all.first { $0.name == "bert" })
    let model = try Model(path: goldens.folder)
    #expect {
      try EditApplication(model, try goldens.subspace(model), strength: 1, seed: 0, format: .lora)
    } throws: { "\($0)".contains("is an encoder") }
    // The edited weights edited again.
    let paper = PaperGoldens.all[0]
    let subspace = try paper.reference()
    try paper.edit(subspace, to: scratch.path("edited"))
    #expect {
      try EditApplication(
        try Model(path: scratch.path("edited")), subspace, strength: 1, seed: 0, format: .lora
      ).write(to: scratch.path("out"))
    } throws: { "\($0)".contains("nothing changed") }
    #expect(try !scratch.contents().contains { $0.hasPrefix("out") })
  }

  @Test(
    "What was tampered with in an adapter breaks the claim about it, and no other",
    arguments: [
      ("adapter_config.json", #""lora_alpha": 3"#, #""lora_alpha": 6"#, "adapter_config.json applies", true),
      ("adapter_config.json", "layers.2.mlp", "layers.0.mlp", "adapter_config.json applies", true),
      (
        "adapter_config.json", #""fan_in_fan_out": false"#, #""fan_in_fan_out": true"#,
        "adapter_config.json applies", false
      ),
      ("profs.json", #""strength": 1.0"#, #""strength": 2.0"#, "only the subspace", true),
      ("profs.json", #""relative_change": 0."#, #""relative_change": 1."#, "base and subspace give", false),
    ])
  func tampered(_ file: String, _ old: String, _ new: String, _ claim: String, _ isFoundAlone: Bool) throws {
    let scratch = try TemporaryFolder()
    let goldens = PaperGoldens.all[1]
    let model = try goldens.model()
    let out = scratch.path("out")
    _ = try EditApplication(model, try goldens.reference(), strength: 1, seed: 0, format: .lora).write(
      to: out)
    var text = String(decoding: try bytes("\(out)/\(file)"), as: UTF8.self)
    try #require(text.contains(old))
    text.replace(old, with: new, maxReplacements: 1)
    try write(Array(text.utf8), "\(out)/\(file)")
    var alone = try Verification(of: out, base: nil).checks.filter { !$0.holds }.map(\.claim)
    // Beside the claim itself, the digest of the file that was changed.
    let digest = file == "profs.json" ? "the receipt is as it was" : "every other file is"
    let place = try #require(alone.firstIndex { $0.hasPrefix(digest) })
    alone.remove(at: place)
    #expect(alone.count == (isFoundAlone ? 1 : 0) && alone.allSatisfy { $0.hasPrefix(claim) }, "\(alone)")
    let whole = try Verification(of: out, base: model).checks.filter { !$0.holds }.map(\.claim)
    #expect(whole.contains { $0.hasPrefix(claim) }, "\(whole)")
  }

  @Test("A bit flipped anywhere in either factor is found")
  func flipped() throws {
    let scratch = try TemporaryFolder()
    let goldens = PaperGoldens.all[0]
    let out = scratch.path("out")
    _ = try EditApplication(
      try goldens.model(), try goldens.reference(), strength: 1, seed: 0, format: .lora
    ).write(to: out)
    let path = out + "/adapter_model.safetensors"
    let original = try bytes(path)
    for entry in try SafetensorsFile(path: path).tensors.entries {
      var damaged = original
      damaged[entry.bytes.lowerBound + entry.bytes.count / 2] ^= 1
      try write(damaged, path)
      let wrong = try Verification(of: out, base: nil).checks.filter { !$0.holds }
      #expect(wrong.contains { $0.claim.hasPrefix("every tensor") && $0.finding.contains(entry.name) })
      #expect(wrong.count == (entry.name.contains("lora_B") ? 2 : 1))
    }
  }
}
