import Checkpoints
import Editing
import Foundation
import Kernels
import Storage
import Testing
import Transformer

/// Adapters in PEFT's format as the edited model they make of a base.
///
/// That PEFT merges the same is checked by `Scripts/fixtures/compare_adapted.py`.
@Suite struct AdaptedModelTests {
  /// A matrix's adapter with numbers of no meaning.
  private struct Factors {
    var module: String
    var rank: Int
    var inputs: Int
    var outputs: Int

    func a(_ row: Int, _ column: Int) -> Float { Float((row * 31 + column * 17 + rank) % 23 - 11) / 64 }
    func b(_ row: Int, _ column: Int) -> Float { Float((row * 13 + column * 29 + inputs) % 19 - 9) / 32 }

    /// Names, shapes and values of the two tensors.
    var tensors: [(name: String, shape: [Int], values: [Float])] {
      let prefix = "base_model.model.\(module)."
      return [
        (
          prefix + "lora_A.weight", [rank, inputs],
          (0..<rank * inputs).map { a($0 / inputs, $0 % inputs) }
        ),
        (
          prefix + "lora_B.weight", [outputs, rank],
          (0..<outputs * rank).map { b($0 / rank, $0 % rank) }
        ),
      ]
    }

    /// W + s B A in double precision, at an element of W as it is stored.
    func merged(_ value: Float, _ index: Int, scale: Double, _ layout: WeightMatrix.Layout) -> Double {
      let (output, input) =
        layout == .inputMajor ? (index % outputs, index / outputs) : (index / inputs, index % inputs)
      return (0..<rank).reduce(Double(value)) {
        $0 + scale * Double(b(output, $1)) * Double(a($1, input))
      }
    }
  }

  /// Writes an adapter's folder; `config` beside what every one has.
  private static func write(
    _ factors: [Factors], _ folder: String, config: [(key: String, value: JSON)] = [],
    besides: [(name: String, shape: [Int], values: [Float])] = []
  ) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    var header: [(key: String, value: JSON)] = []
    var data: [UInt8] = []
    for tensor in factors.flatMap(\.tensors) + besides {
      let bytes = tensor.values.flatMap { value in
        withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
      }
      header.append(
        (
          tensor.name,
          [
            "dtype": "F32", "shape": .array(tensor.shape.map { .int($0) }),
            "data_offsets": [.int(data.count), .int(data.count + bytes.count)],
          ]
        ))
      data += bytes
    }
    let text = Array(JSON.object(header).serialized().utf8)
    let length = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) }
    try EditingTests.write(length + text + data, folder + "/adapter_model.safetensors")
    let given = Set(config.map(\.key))
    let usual: [(key: String, value: JSON)] = [
      ("peft_type", "LORA"), ("r", .int(factors.first?.rank ?? 1)), ("lora_alpha", 4), ("bias", "none"),
      ("use_dora", false), ("modules_to_save", nil), ("rank_pattern", .object([])),
      ("alpha_pattern", .object([])),
    ]
    let members = usual.filter { !given.contains($0.key) } + config
    try EditingTests.write(
      Array(JSON.object(members).serialized().utf8), folder + "/adapter_config.json")
  }

  private static func factors(_ model: Model, _ role: WeightRole, block: Int, rank: Int = 2) throws -> Factors
  {
    let shape = model.configuration.shape(of: role)
    return Factors(
      module: try #require(model.moduleName(role, block: block)), rank: rank, inputs: shape[1],
      outputs: shape[0])
  }

  /// Holds the matrix of `adapted` to W + s B A, rounded to what it is stored as.
  private static func check(
    _ adapted: Model, _ base: Model, _ role: WeightRole, _ block: Int, _ factors: Factors, scale: Double
  ) throws {
    let (entry, before) = (try adapted.weight(role, block: block), try base.weight(role, block: block))
    #expect(entry.type == (before.type.isQuantized ? .f32 : before.type) && entry.shape == before.shape)
    let (found, weight) = (try adapted.tensors.floats(entry), try base.tensors.floats(before))
    // Half a unit in the last place, and what sums in f32 leave beside the largest element.
    let unit = entry.type == .bf16 ? 0x1p-8 : entry.type == .f16 ? 0x1p-11 : 0x1p-24
    let rest = 0x1p-20 * Double(weight.map(abs).max() ?? 0)
    var isChanged = false
    for (index, value) in weight.enumerated() {
      let expected = factors.merged(value, index, scale: scale, base.layout(of: role))
      #expect(abs(Double(found[index]) - expected) <= unit * abs(expected) + rest, "\(role) \(index)")
      isChanged = isChanged || found[index] != value
    }
    #expect(isChanged)
  }

  @Test(
    "An edit's adapter beside its base is the edited checkpoint of every family, and runs as its variant",
    arguments: EditedGoldens.all.filter(\.isDecoder))
  func everyFamily(_ goldens: EditedGoldens) throws {
    let scratch = try TemporaryFolder()
    let base = try Model(path: goldens.folder)
    let subspace = try goldens.subspace(base)
    let (adapter, checkpoint) = (scratch.path("adapter"), scratch.path("checkpoint"))
    _ = try EditApplication(base, subspace, strength: 1, seed: 0, format: .lora).write(to: adapter)
    _ = try EditApplication(base, subspace, strength: 1, seed: 0).write(to: checkpoint)
    let (adapted, edited) = (try Model.edited(adapter, of: base), try Model.edited(checkpoint, of: base))
    for block in 1...base.configuration.blocks {
      let (a, b) = (try adapted.weight(.mlpValue, block: block), try edited.weight(.mlpValue, block: block))
      #expect(a.type == b.type && a.shape == b.shape)
      // An element that lies between two of the type can be rounded to either.
      let unit: Float = a.type == .f32 ? 0x1p-23 : a.type == .bf16 ? 0x1p-7 : 0x1p-10
      let (found, expected) = (try adapted.tensors.floats(a), try edited.tensors.floats(b))
      let largest = expected.map(abs).max() ?? 0
      #expect(
        zip(found, expected).allSatisfy { abs($0 - $1) <= unit * max(abs($0), abs($1)) + 0x1p-20 * largest })
    }
    let panel = try ModelPanel(base: base, others: [.model(adapted), .model(edited)])
    #expect(panel.firstEditedBlock(1) == 1 && panel.firstEditedBlock(2) == 1)
  }

  @Test(
    "An adapter of any matrices of a block, of any rank and scale, is W + s B A; others than outputs stand by themselves",
    arguments: ["llama-untied", "gpt2", "phi3", "gpt-neox-parallel", "gemma3", "qwen2"])
  func anyMatrix(_ name: String) throws {
    let scratch = try TemporaryFolder()
    let base = try Model(path: EditedGoldens(name: name).folder)
    let roles = base.blockRoles.filter(\.isLinear)
    #expect(roles.count >= 4)
    let list = try roles.enumerated().map { try Self.factors(base, $1, block: 2, rank: 1 + $0 % 3) }
    let named = { (value: (Factors) -> JSON) in JSON.object(list.map { ($0.module, value($0)) }) }
    try Self.write(
      list, scratch.path("a"),
      config: [
        ("r", 9), ("rank_pattern", named { .int($0.rank) }), ("lora_alpha", 3), ("use_rslora", true),
        ("alpha_pattern", .object([("mlp." + (list.last?.module.split(separator: ".").last ?? ""), 5)])),
      ])
    let adapted = try Model.edited(scratch.path("a"), of: base)
    for (role, factors) in zip(roles, list) {
      let alpha = factors.module == list.last?.module ? 5.0 : 3
      try Self.check(adapted, base, role, 2, factors, scale: alpha / Double(factors.rank).squareRoot())
    }
    // All else is the base's own.
    let untouched = try base.weight(.mlpValue, block: 1)
    #expect(
      try base.tensors.holdsSameBytes(untouched, as: adapted.weight(.mlpValue, block: 1), of: adapted.tensors)
    )
    #expect(try ModelPanel(base: base, others: [.model(adapted)]).firstEditedBlock(1) == nil)
  }

  @Test(
    "Beside a GGUF file what has the same rows is adapted, in f32 where it is quantised, and queries are refused"
  )
  func gguf() throws {
    let scratch = try TemporaryFolder()
    let base = try Model(path: EditedGoldens(name: "llama-untied").gguf)
    let down = try Self.factors(base, .mlpValue, block: 1)
    try Self.write([down], scratch.path("down"))
    try Self.check(Model.edited(scratch.path("down"), of: base), base, .mlpValue, 1, down, scale: 2)
    try Self.write([try Self.factors(base, .query, block: 1)], scratch.path("query"))
    #expect { try Model.edited(scratch.path("query"), of: base) } throws: {
      "\($0)".contains("in another order")
    }
  }

  @Test("What is more than W + s B A, or of another base, is refused by a sentence that says what to do")
  func refused() throws {
    let scratch = try TemporaryFolder()
    let base = try Model(path: EditedGoldens(name: "llama-tied").folder)
    let down = try Self.factors(base, .mlpValue, block: 1)
    var count = 0
    func refuses(
      _ factors: [Factors], _ config: [(key: String, value: JSON)] = [],
      besides: [(name: String, shape: [Int], values: [Float])] = [], _ sentence: String
    ) throws {
      count += 1
      try Self.write(factors, scratch.path("\(count)"), config: config, besides: besides)
      #expect { try Model.edited(scratch.path("\(count)"), of: base) } throws: { "\($0)".contains(sentence) }
    }
    try refuses([down], [("peft_type", "IA3")], "found \"IA3\"")
    try refuses([down], [("use_dora", true)], "sets use_dora; merge it")
    try refuses([down], [("bias", "all"), ("modules_to_save", ["lm_head"])], "sets modules_to_save, bias")
    try refuses([down], [("rank_pattern", .object([("layers.[0-9].x", 2)]))], "is a pattern")
    try refuses([down], [("r", 3)], "has rank 2, but the configuration says 3")
    try refuses([down], [("lora_alpha", "x")], "\"lora_alpha\": expected a number")
    try refuses([], [], "has no tensors")
    try refuses(
      [down], [], besides: [("base_model.model.lm_head.weight", [1], [1])],
      "is no factor of a matrix's adapter")
    try refuses([], [], besides: Array(down.tensors.prefix(1)), "is there without")
    var other = down
    other.module = "model.embed_tokens"
    try refuses([other], [], "no matrix of a block")
    other = down
    other.inputs += 1
    try refuses([other], [], "is it of another base?")
    // Alone it is no model, nor is llama.cpp's.
    try Self.write([down], scratch.path("alone"))
    #expect { try Model(path: scratch.path("alone")) } throws: { "\($0)".contains("give its base here") }
    let goldens = EditedGoldens(name: "llama-tied")
    _ = try EditApplication(base, try goldens.subspace(base), strength: 1, seed: 0, format: .loraGGUF).write(
      to: scratch.path("a.gguf"))
    #expect { try Model.edited(scratch.path("a.gguf"), of: base) } throws: {
      "\($0)".contains("an adapter for llama.cpp")
    }
  }
}
