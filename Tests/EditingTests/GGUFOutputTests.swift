import Checkpoints
import Editing
import Foundation
import Kernels
import Storage
import SubspaceEditing
import Testing
import Tokenization
import Transformer

/// Edits written as one GGUF file; the quantised model is `Scripts/fixtures/quantized_gguf.py`'s.
@Suite struct GGUFOutputTests {
  private static let quantized = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Fixtures/quantized.gguf").path

  /// Two directions of no meaning for every block.
  private static func subspace(_ model: Model) throws -> EditSubspace {
    let hidden = model.configuration.hidden
    // The mean of all coordinates, and the difference of the means of even and odd ones.
    let unit = 1 / Float(hidden).squareRoot()
    let values = (0..<2 * hidden).map { $0 < hidden || $0 % 2 == 0 ? unit : -unit }
    let blocks = 1...model.configuration.blocks
    let block = try BlockSubspace(
      directions: Embeddings(count: 2, hidden: hidden, values: values), singularValues: [2, 1])
    return EditSubspace(
      blocks: blocks.map { EditSubspace.Block(block: $0, subspace: block) },
      provenance: EditSubspace.Provenance(
        recipe: EditRecipe(rank: 2, blocks: blocks), pairs: 1, pairsDigest: String(repeating: "0", count: 64),
        modelDigest: try model.identityDigest(), compute: "f32"))
  }

  /// Writes an edit as a file and proves it.
  @discardableResult
  private static func write(
    _ model: Model, _ subspace: EditSubspace, _ path: String, _ format: OutputFormat = .gguf,
    type: ElementType? = nil
  ) throws -> Receipt {
    let context = ComputeContext(threads: 2, precision: .f32)
    let receipt = try EditApplication(
      model, subspace, strength: 1, seed: 0, format: format, type: type, context: context
    ).write(to: path)
    #expect(try Receipt(folder: format.receiptFolder(of: path)) == receipt)
    for base in [nil, model] {
      for check in try Verification(of: path, base: base, context: context).checks {
        #expect(check.holds, "\(check.claim): \(check.finding)")
      }
    }
    return receipt
  }

  /// What the output of a quantised base must be: everything as it was, but for the edited tensors' values.
  private static func compare(_ found: GGUFFile, _ base: GGUFFile, edited: Set<String>) throws {
    let (a, b) = (found.tensors.files[0], base.tensors.files[0])
    #expect(found.metadataBytes == base.metadataBytes && found.describedNames == base.describedNames)
    #expect(found.alignment == base.alignment && found.version == base.version)
    let start = base.metadataBytes.upperBound
    #expect(try a.withBytes(0..<start) { Array($0) } == b.withBytes(0..<start) { Array($0) })
    for entry in base.tensors.entries {
      let other = try #require(found.tensors[entry.name])
      #expect(other.shape == entry.shape && other.bytes.lowerBound % base.alignment == 0)
      let isSame = try found.tensors.holdsSameBytes(other, as: entry, of: base.tensors)
      #expect(isSame == !edited.contains(entry.name), "\(entry.name)")
    }
  }

  @Test("A GGUF file keeps all but the edited matrices, which are quantised again as they were")
  func repeated() throws {
    let scratch = try TemporaryFolder()
    let model = try Model(path: Self.quantized)
    let receipt = try Self.write(model, try Self.subspace(model), scratch.path("out.gguf"))
    let (found, base) = (try GGUFFile(path: scratch.path("out.gguf")), try GGUFFile(path: Self.quantized))
    try Self.compare(found, base, edited: Set(receipt.edited.map(\.name)))
    #expect(found.tensors.entries.map(\.bytes) == base.tensors.entries.map(\.bytes))
    #expect(found.tensors.files[0].byteCount == base.tensors.files[0].byteCount)
    #expect(receipt.edited.map(\.type) == ["Q5_1", "Q4_0", "Q8_0"], "in the order of the file")
    // How much of the edit the grid of the blocks has swallowed is said.
    let left = receipt.edited.compactMap(\.edit).map { $0.residual / $0.residualBefore }.max() ?? 0
    #expect(left > 0.01 && left < 0.5)
    let checks = try Verification(of: scratch.path("out.gguf"), base: nil).checks
    #expect(checks.contains { $0.finding.contains("\(Int((left * 100).rounded(.up))) % of what it was") })
    for (tensor, bound) in zip(receipt.edited, [0.05, 0.11, 0.0075]) {
      let edit = try #require(tensor.edit)
      let error = try #require(edit.quantizationError)
      #expect(error > bound / 3 && error < bound && edit.baseQuantizationError == nil)
      // What is written is the quantised projection, within what quantising adds.
      let weight = try base.tensors.floats(try #require(base.tensors[tensor.name]))
      let written = try found.tensors.floats(try #require(found.tensors[tensor.name]))
      let exact = Self.projected(weight)
      #expect(abs(relativeError(written, exact) / error - 1) < 1e-3)
      #expect(relativeError(written, weight) > 2 * error)
    }
    let files = try scratch.contents()
    #expect(
      files == [
        "out.gguf", "out.gguf.profs", "out.gguf.profs/README.md", "out.gguf.profs/profs",
        "out.gguf.profs/profs.json", "out.gguf.profs/profs/subspace.safetensors",
      ])
  }

  /// W less its part in the test's two directions, which takes their means from even and from odd rows; W is `[32, 256]`.
  private static func projected(_ weight: [Float]) -> [Float] {
    var result = weight
    for input in 0..<256 {
      for first in 0..<2 {
        let rows = stride(from: first, to: 32, by: 2)
        let mean = rows.reduce(Float(0)) { $0 + weight[$1 * 256 + input] } / 16
        for row in rows { result[row * 256 + input] -= mean }
      }
    }
    return result
  }

  @Test(
    "The edited matrices can be given another type; the others keep their bytes at other places",
    arguments: ElementType.allCases.filter(\.isNarrowable))
  func otherType(_ type: ElementType) throws {
    let scratch = try TemporaryFolder()
    let model = try Model(path: Self.quantized)
    let receipt = try Self.write(model, try Self.subspace(model), scratch.path("out.gguf"), type: type)
    let (found, base) = (try GGUFFile(path: scratch.path("out.gguf")), try GGUFFile(path: Self.quantized))
    try Self.compare(found, base, edited: Set(receipt.edited.map(\.name)))
    #expect(receipt.edited.count == 3 && receipt.edited.allSatisfy { $0.type == type.name })
    for tensor in receipt.edited {
      let edit = try #require(tensor.edit)
      let isKnown = type.isQuantized && base.tensors[tensor.name]?.type != type
      #expect((edit.quantizationError != nil) == type.isQuantized)
      #expect((edit.baseQuantizationError != nil) == isKnown)
      if let error = edit.quantizationError, let ofBase = edit.baseQuantizationError {
        #expect(ofBase < 1.2 * error, "what is on a grid is no harder to quantise than what is off it")
      }
    }
  }

  @Test("A byte that is changed anywhere in file, receipt or subspace is found")
  func tampering() throws {
    let scratch = try TemporaryFolder()
    let model = try Model(path: Self.quantized)
    let path = scratch.path("out.gguf")
    try Self.write(model, try Self.subspace(model), path)
    let original = try bytes(path)
    for position in stride(from: 0, to: original.count, by: 4999) + [original.count - 1] {
      var damaged = original
      damaged[position] ^= 0x10
      try EditingTests.write(damaged, path)
      let holds = (try? Verification(of: path, base: nil).holds) ?? false
      #expect(!holds, "byte \(position)")
    }
    try EditingTests.write(original, path)
    let receipt = path + ".profs/profs.json"
    let text = String(decoding: try bytes(receipt), as: UTF8.self)
    try EditingTests.write(
      Array(text.replacing(/"quantization_error": 0\.00/, with: "\"quantization_error\": 0.01").utf8), receipt
    )
    let proof = try Verification(of: path, base: model)
    let alone = try Verification(of: path, base: nil).checks.filter { !$0.holds }.map(\.claim)
    #expect(alone == ["the receipt is as it was written"], "only the base tells the error itself")
    #expect(proof.checks.filter { !$0.holds }.count == 2)
  }

  @Test("What cannot be written is refused, and leaves nothing behind")
  func refusals() throws {
    let scratch = try TemporaryFolder()
    let model = try Model(path: Self.quantized)
    let subspace = try Self.subspace(model)
    #expect(throws: EditingError.self) {
      try EditApplication(model, subspace, strength: 1, seed: 0, format: .gguf, type: .q8_k)
    }
    // Rows of 56 elements are no whole blocks.
    let other = try Model(path: EditedGoldens(name: "llama-untied").gguf)
    #expect(throws: CheckpointError.self) {
      try EditApplication(other, try Self.subspace(other), strength: 1, seed: 0, format: .gguf, type: .q4_0)
    }
    try EditingTests.write([1], scratch.path("taken.gguf"))
    #expect(throws: StorageError.self) {
      try EditApplication(model, subspace, strength: 1, seed: 0, format: .gguf).write(
        to: scratch.path("taken.gguf"))
    }
    // Edited once more with the same subspace nothing would change.
    try Self.write(model, subspace, scratch.path("once.gguf"))
    let once = try Model(path: scratch.path("once.gguf"))
    #expect(throws: EditingError.self) {
      try EditApplication(once, subspace, strength: 1, seed: 0, format: .gguf).write(
        to: scratch.path("twice.gguf"))
    }
    #expect(try scratch.contents().filter { !$0.hasPrefix("once") } == ["taken.gguf"])
  }

  /// Checkpoints that ask for what GGUF files have no word for, or this does not write.
  private static let refused = [
    "gemma2", "gemma3", "gemma3-text", "gpt-neo", "gpt2", "gptj", "llama-dynamic",
    "mistral", "qwen3.5-text",
    "opt", "opt-post-norm", "phi3-longrope", "qwen2-window", "seed-oss-biases", "cohere-biases", "glm",
    "smollm3-window", "starcoder2-window",
  ]

  @Test(
    "A folder becomes a file that computes the same, with the same tokens",
    arguments: EditedGoldens.all.filter(\.isDecoder))
  func fromFolder(_ goldens: EditedGoldens) throws {
    let scratch = try TemporaryFolder()
    let path = scratch.path("out.gguf")
    let model = try Model(path: goldens.folder)
    func write() throws -> Receipt { try Self.write(model, try goldens.subspace(model), path) }
    guard !Self.refused.contains(goldens.name) else {
      let error = #expect(throws: (any Error).self) { try write() }
      #expect(try scratch.contents().isEmpty)
      if goldens.name == "mistral" {
        #expect(
          "\(error.map { "\($0)" } ?? "")".contains(
            "\"llama\" cannot say this of the configuration: windows;"))
      }
      return
    }
    let receipt = try write()
    #expect(receipt.edited.count == model.configuration.blocks)
    try goldens.checkOutput(of: path)
    let written = try Model(path: path)
    let (from, to) = (try model.tokenizer(), try written.tokenizer())
    #expect(from.bosID == to.bosID && from.eosID == to.eosID)
    for text in ["<s>a qq</s>", "naïve\r\n", "  two  "] { #expect(try from.encode(text) == to.encode(text)) }
    #expect(written.chatTemplateText?.text == model.chatTemplateText?.text)
  }

  @Test("Biases that readers require of a family are there as zeros where a checkpoint has none")
  func requiredBiases() throws {
    let scratch = try TemporaryFolder()
    let goldens = EditedGoldens(name: "starcoder2-bare")
    let model = try Model(path: goldens.folder)
    try Self.write(model, try goldens.subspace(model), scratch.path("out.gguf"))
    let file = try GGUFFile(path: scratch.path("out.gguf"))
    for block in 0..<model.configuration.blocks {
      for (name, width) in [
        ("attn_q", model.configuration.queryWidth), ("attn_k", model.configuration.keyValueWidth),
        ("attn_v", model.configuration.keyValueWidth), ("attn_output", model.configuration.hidden),
        ("ffn_up", model.configuration.intermediate), ("ffn_down", model.configuration.hidden),
      ] {
        let entry = try #require(file.tensors["blk.\(block).\(name).bias"])
        #expect(entry.type == .f32)
        #expect(try file.tensors.floats(entry) == Array(repeating: 0, count: width))
      }
    }
    #expect(try Model(path: scratch.path("out.gguf")).entry(.query, block: 1, part: .bias) != nil)
  }

  @Test(
    "A folder's file can be quantised, rows that are no whole blocks in a like type or f16, vectors in f32")
  func quantizedFolder() throws {
    let scratch = try TemporaryFolder()
    // Its width is 32, which is a block, and its MLP's is 44, which is none.
    let goldens = EditedGoldens(name: "qwen3")
    let model = try Model(path: goldens.folder)
    let receipt = try Self.write(
      model, try goldens.subspace(model), scratch.path("out.gguf"), type: .q8_0)
    let types = Dictionary(uniqueKeysWithValues: receipt.tensors.map { ($0.name, $0.type) })
    #expect(types["blk.0.ffn_down.weight"] == "F16" && types["blk.0.ffn_up.weight"] == "Q8_0")
    #expect(types["token_embd.weight"] == "Q8_0" && types["output_norm.weight"] == "F32")
    let file = try GGUFFile(path: scratch.path("out.gguf"))
    #expect(file["general.file_type"]?.int == 7)
    // Blocks of 256, which no row is: what llama.cpp's quantisation takes in their place.
    for (type, name) in [(ElementType.q6_k, "Q8_0"), (.q5_k, "Q5_1"), (.q4_k, "Q5_0"), (.q2_k, "IQ4_NL")] {
      let path = scratch.path("\(type).gguf")
      let receipt = try Self.write(model, try goldens.subspace(model), path, type: type)
      let types = Dictionary(uniqueKeysWithValues: receipt.tensors.map { ($0.name, $0.type) })
      #expect(types["blk.0.ffn_up.weight"] == name && types["blk.0.ffn_down.weight"] == "F16")
    }
  }

  @Test("An adapter for llama.cpp has PEFT's factors under the weights' names in GGUF")
  func adapter() throws {
    let scratch = try TemporaryFolder()
    for (index, goldens) in EditedGoldens.withGGUF.filter(\.isDecoder).enumerated() {
      for (kind, model) in [
        ("folder", try Model(path: goldens.folder)), ("file", try Model(path: goldens.gguf)),
      ] {
        let name = "\(index)-\(kind)"
        let subspace = try goldens.subspace(model, fullRank: index % 2 == 0 ? .max : 1)
        let receipt = try Self.write(model, subspace, scratch.path(name + ".gguf"), .loraGGUF)
        _ = try EditApplication(model, subspace, strength: 1, seed: 0, format: .lora).write(
          to: scratch.path(name))
        let file = try GGUFFile(path: scratch.path(name + ".gguf"))
        let peft = try SafetensorsFolder(path: scratch.path(name), name: "adapter_model").tensors
        #expect(file["general.type"]?.string == "adapter" && file["adapter.type"]?.string == "lora")
        #expect(file["general.architecture"]?.string == model.family.gguf?.architecture)
        let ranks = Set(subspace.blocks.map(\.subspace.rank))
        #expect(file["adapter.lora.alpha"]?.double == (ranks.count == 1 ? Double(ranks.first ?? 0) : 0))
        #expect(receipt.tensors.count == 2 * model.configuration.blocks)
        let modules = peft.entries.filter { $0.name.hasSuffix(".lora_A.weight") }
        #expect(modules.count == model.configuration.blocks)
        for block in 1...model.configuration.blocks {
          let module = try #require(model.moduleName(.mlpValue, block: block))
          for (factor, suffix) in [("lora_A", "lora_a"), ("lora_B", "lora_b")] {
            let expected = try #require(peft["base_model.model.\(module).\(factor).weight"])
            let found = try #require(file.tensors["blk.\(block - 1).ffn_down.weight.\(suffix)"])
            #expect(found.shape == expected.shape)
            #expect(try file.tensors.floats(found) == peft.floats(expected))
          }
        }
      }
    }
  }
}
