import Checkpoints
import Foundation
import Kernels
import Storage
import Testing
import Transformer

/// What a model that cannot be used is told: which file, which key or tensor, and why.
@Suite("Opening a model")
struct ModelOpeningTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var config: [String: JSON]
    /// Words that the message must have.
    var words: [String]
    var testDescription: String { name }

    init(_ name: String, _ config: [String: JSON], _ words: String...) {
      self.name = name
      self.config = config
      self.words = words
    }
  }

  static let cases = [
    Case(
      "unknown type", ["model_type": "mamba", "architectures": .null], "config.json", "\"mamba\"", "llama"),
    Case("no type", ["model_type": .null, "architectures": .null], "config.json", "without model_type"),
    Case(
      "unknown architecture", ["model_type": .null, "architectures": ["OddForCausalLM"]], "OddForCausalLM"),
    Case("number missing", ["hidden_size": .null], "config.json", "\"hidden_size\" is missing"),
    Case("number of the wrong kind", ["num_hidden_layers": "three"], "\"num_hidden_layers\"", "\"three\""),
    Case("zero", ["num_attention_heads": 0], "\"num_attention_heads\"", "found 0"),
    Case("negative", ["intermediate_size": -56], "\"intermediate_size\"", "found -56"),
    Case("enormous", ["vocab_size": .int(.max)], "\"vocab_size\"", "\(Int.max)"),
    Case("fraction", ["hidden_size": 48.5], "\"hidden_size\"", "48.5"),
    Case("more blocks than tensors", ["num_hidden_layers": 4], "\"model.layers.3.", "missing"),
    Case(
      "far more blocks than tensors", ["num_hidden_layers": .int(1 << 28)], "\"model.layers.3.", "missing"),
    Case("a negative share of a head", ["partial_rotary_factor": -0.5], "share of a head", "found -0.5"),
    Case("another width", ["hidden_size": 96], "\"model.embed_tokens.weight\"", "[97, 48]", "[97, 96]"),
    Case("another vocabulary", ["vocab_size": 98], "\"model.embed_tokens.weight\"", "[97, 48]", "[98, 48]"),
    Case("another head size", ["head_dim": 16], "self_attn.q_proj.weight\"", "[48, 48]", "[96, 48]"),
    Case("another MLP", ["intermediate_size": 57], "mlp.gate_proj.weight\"", "[56, 48]", "[57, 48]"),
    Case("fewer key heads", ["num_key_value_heads": 3], "self_attn.k_proj.weight\"", "[16, 48]", "[24, 48]"),
    Case("heads that do not divide", ["num_key_value_heads": 4], "6 attention heads", "4 key-value heads"),
    Case("odd head size", ["head_dim": 7], "pairs", "found 7"),
    Case("head missing", ["tie_word_embeddings": false], "\"lm_head.weight\" is missing"),
    Case("flag of the wrong kind", ["tie_word_embeddings": "yes"], "\"tie_word_embeddings\"", "\"yes\""),
    Case("another activation", ["hidden_act": "mish"], "\"hidden_act\"", "\"mish\"", "silu"),
    Case("epsilon of the wrong kind", ["rms_norm_eps": "small"], "\"rms_norm_eps\"", "\"small\""),
    Case(
      "scaled rotary, new name", ["rope_parameters": ["rope_type": "mrope", "factor": 8]],
      "\"rope_parameters\"",
      "rope type", "\"mrope\""),
    Case(
      "scaled rotary, old name", ["rope_scaling": ["type": "axial", "factor": 2]], "\"rope_scaling\"",
      "rope type", "\"axial\""),
    Case(
      "scaling by nothing", ["rope_parameters": ["rope_type": "linear", "factor": 0]], "\"factor\"", "found 0"
    ),
    Case(
      "experts of Mixtral", ["model_type": "mixtral", "num_local_experts": 8], "\"num_local_experts\" is 8",
      "dense"),
    Case(
      "experts of Qwen", ["model_type": "qwen2_moe", "num_experts": 60], "\"num_experts\" is 60",
      "Mixture-of-Experts"),
    Case(
      "experts of DeepSeek", ["model_type": "deepseek_v3", "n_routed_experts": 256], "\"n_routed_experts\"",
      "dense"),
    Case(
      "experts of a known family", ["num_local_experts": 4], "\"num_local_experts\" is 4",
      "Mixture-of-Experts"),
    Case("experts in a list", ["moe_num_experts": [64, 64]], "\"moe_num_experts\"", "Mixture-of-Experts"),
    Case("experts by type alone", ["model_type": "qwen3_moe"], "\"qwen3_moe\"", "Mixture-of-Experts"),
    Case("Mixtral by type alone", ["model_type": "mixtral"], "\"mixtral\"", "Mixture-of-Experts"),
    Case(
      "experts by architecture", ["model_type": .null, "architectures": ["Qwen3MoeForCausalLM"]],
      "\"Qwen3MoeForCausalLM\"", "Mixture-of-Experts"),
    Case(
      "quantised with bitsandbytes",
      ["quantization_config": ["quant_method": "bitsandbytes", "load_in_4bit": true]],
      "\"quantization_config\"", "bitsandbytes", "original checkpoint"),
    Case("quantised, older", ["quantization_config": ["load_in_8bit": true]], "bitsandbytes"),
    Case("quantised with GPTQ", ["quantization_config": ["quant_method": "gptq", "bits": 4]], "gptq"),
    Case("quantised with AWQ", ["quantization_config": ["quant_method": "awq"]], "awq"),
    Case("quantised to fp8", ["quantization_config": ["quant_method": "fp8"]], "fp8"),
    Case("quantised, nameless", ["quantization_config": [:]], "a method without a name"),
    Case("compressed", ["compression_config": ["quant_method": "compressed-tensors"]], "compressed-tensors"),
    Case(
      "biases that are not there", ["attention_bias": true],
      "\"model.layers.0.self_attn.q_proj.bias\" is missing"),
    Case("no rotary base", ["rope_parameters": .null, "rope_theta": 0], "\"rope_theta\"", "above 1"),
    Case("rotary of the wrong kind", ["rope_parameters": ["rope_theta": "big"]], "\"rope_theta\"", "\"big\""),
  ]

  @Test("a configuration that does not fit is refused by name", arguments: cases)
  func refusals(_ test: Case) throws {
    let copy = try ModelCopy("llama-tied")
    try copy.configure(test.config)
    let error = #expect(throws: ModelError.self) { try Model(path: copy.path) }
    let message = error?.description ?? ""
    #expect(message.hasPrefix(copy.path))
    for word in test.words { #expect(message.contains(word), "\(message)") }
  }

  @Test(
    "experts that a configuration counts as none are no Mixture of Experts", arguments: [JSON.int(0), .null])
  func noExperts(_ count: JSON) throws {
    let copy = try ModelCopy("llama-tied")
    try copy.configure(["num_local_experts": count, "quantization_config": .null])
    #expect(try Model(path: copy.path).family.name == "Llama")
  }

  @Test("more blocks than any model has are refused before anything is made for each")
  func countlessBlocks() throws {
    let copy = try ModelCopy("mistral")
    try copy.configure(["num_hidden_layers": .int(1 << 28)])
    let error = #expect(throws: ModelError.self) { try Model(path: copy.path) }
    #expect(error?.reason.contains("268435456 blocks") ?? false)
  }

  @Test("Qwen's windows may begin with the first block")
  func windowsFromTheFirst() throws {
    let copy = try ModelCopy("qwen2-window")
    try copy.configure(["max_window_layers": 0, "layer_types": .null])
    let configuration = try Model(path: copy.path).configuration
    #expect(configuration.windows == Array(repeating: 6, count: configuration.blocks))
  }

  @Test("of Gemma's files only the first generation's mean the approximation by \"gelu\"")
  func gemmaActivations() throws {
    for (name, key, expected) in [
      ("gemma", "hidden_act", Activation.geluTangent), ("gemma2", "hidden_act", .geluTangent),
      ("gemma2", "hidden_activation", .gelu), ("gemma3-text", "hidden_activation", .gelu),
    ] {
      let copy = try ModelCopy(name)
      try copy.configure(["hidden_act": .null, "hidden_activation": .null])
      try copy.configure([key: "gelu"])
      #expect(try Model(path: copy.path).configuration.activation == expected, "\(name) \(key)")
    }
    let copy = try ModelCopy("gemma")
    try copy.configure(["hidden_act": "relu", "hidden_activation": .null])
    #expect(try Model(path: copy.path).configuration.activation == .relu)
  }

  @Test("OPT's norms without weights are refused by the setting")
  func normsWithoutWeights() throws {
    let copy = try ModelCopy("opt")
    try copy.configure(["layer_norm_elementwise_affine": false])
    let error = #expect(throws: ModelError.self) { try Model(path: copy.path) }
    #expect(error?.reason.contains("\"layer_norm_elementwise_affine\"") ?? false)
  }

  @Test("quantisation is also known by the tensors' names")
  func quantisedNames() throws {
    for (suffix, method) in [(".qweight", "GPTQ"), (".SCB", "bitsandbytes"), (".weight_scale_inv", "fp8")] {
      let copy = try ModelCopy("llama-tied")
      let old = "model.layers.1.mlp.up_proj.weight"
      let new = String(repeating: "x", count: old.count - suffix.count) + suffix
      try copy.replaceInHeader(old, by: new)
      let error = #expect(throws: ModelError.self) { try Model(path: copy.path) }
      #expect(error?.reason.contains("tensor \"\(new)\"") ?? false)
      #expect(error?.reason.contains("quantised with \(method)") ?? false)
    }
  }

  @Test("a tensor within the text model that its family has not is refused by name")
  func unknownTensors() throws {
    let qwen = try ModelCopy("qwen3")
    try qwen.configure(["model_type": "llama"])
    let error = #expect(throws: ModelError.self) { try Model(path: qwen.path) }
    #expect(
      error?.reason.contains("self_attn.k_norm.weight\" is none of a Llama model's") ?? false,
      "\(error?.reason ?? "")")

    // The same in a GGUF file, its keys being Llama's.
    let file = try #require(FamilyGoldens.all.first { $0.name == "qwen3" }).gguf
    var bytes = try Data(contentsOf: URL(filePath: file))
    while let range = bytes.range(of: Data("qwen3".utf8)) {
      bytes.replaceSubrange(range, with: Data("llama".utf8))
    }
    try bytes.write(to: URL(filePath: qwen.path + "/m.gguf"))
    let second = #expect(throws: ModelError.self) { try Model(path: qwen.path + "/m.gguf") }
    #expect(
      second?.reason.contains("k_norm.weight\" is none of a Llama model's") ?? false,
      "\(second?.reason ?? "")")

    // Beside the blocks.
    let extra = try ModelCopy("llama-linear")
    try extra.configure(["tie_word_embeddings": true])
    try extra.replaceInHeader("lm_head.weight", by: "model.x.weight")
    let third = #expect(throws: ModelError.self) { try Model(path: extra.path) }
    #expect(third?.reason.contains("\"model.x.weight\" is none of") ?? false)
  }

  @Test("heads, further blocks and what is computed anew may stand beside the text model's tensors")
  func otherTensors() throws {
    for name in ["v_heads.weight", "model.layers.9"] {
      let copy = try ModelCopy("llama-linear")
      try copy.configure(["tie_word_embeddings": true])
      try copy.replaceInHeader("lm_head.weight", by: name)
      #expect(try Model(path: copy.path).family.name == "Llama", "\(name)")
    }
    let copy = try ModelCopy("qwen3")
    let blocks = try Model(path: copy.path).configuration.blocks
    try copy.configure(["model_type": "llama"])
    for block in 0..<blocks {
      for (kind, name) in [("q", "att"), ("k", "atn")] {
        let stem = "model.layers.\(block)."
        try copy.replaceInHeader(
          "\(stem)self_attn.\(kind)_norm.weight", by: "\(stem)\(name).rotary_emb.inv_freq")
      }
    }
    #expect(try Model(path: copy.path).family.name == "Llama")
  }

  @Test("a GGUF's experts and unknown rotary scaling are refused by key")
  func ggufFeatures() throws {
    let copy = try ModelCopy("llama-tied")
    func string(_ text: String) -> Data { integer(UInt64(text.utf8.count)) + Data(text.utf8) }
    func integer(_ value: some FixedWidthInteger) -> Data {
      withUnsafeBytes(of: value.littleEndian) { Data($0) }
    }
    func refusal(_ architecture: String, _ key: String, _ value: Data) throws -> String {
      var file = Data("GGUF".utf8) + integer(UInt32(3)) + integer(UInt64(0)) + integer(UInt64(2))
      file += string("general.architecture") + integer(UInt32(8)) + string(architecture)
      file += string(key) + value
      try file.write(to: URL(filePath: copy.path + "/m.gguf"))
      let error = #expect(throws: ModelError.self) { try Model(path: copy.path + "/m.gguf") }
      return error?.description ?? ""
    }
    for architecture in ["llama", "qwen2moe"] {
      let message = try refusal(
        architecture, "\(architecture).expert_count", integer(UInt32(4)) + integer(UInt32(8)))
      #expect(message.contains("\"\(architecture).expert_count\" is 8: Mixture-of-Experts"), "\(message)")
    }
    let scaled = try refusal("llama", "llama.rope.scaling.type", integer(UInt32(8)) + string("spiral"))
    #expect(scaled.contains("\"llama.rope.scaling.type\" is \"spiral\""), "\(scaled)")
    let unknown = try refusal("mamba", "mamba.block_count", integer(UInt32(4)) + integer(UInt32(8)))
    #expect(unknown.contains("\"mamba\" is not supported; supported: llama"), "\(unknown)")
  }

  @Test("what StableLM's configuration says of its attention is held against the tensors")
  func stableLM() throws {
    func refusal(_ name: String, _ config: [String: JSON]) throws -> String {
      let copy = try ModelCopy(name)
      try copy.configure(config)
      let error = #expect(throws: ModelError.self) { try Model(path: copy.path) }
      return error?.description ?? ""
    }
    #expect(try refusal("stablelm", ["qk_layernorm": true]).contains("\"qk_layernorm\""))
    #expect(try refusal("stablelm", ["use_qkv_bias": false]).contains("self_attn.q_proj.bias\" is there"))
    #expect(try refusal("stablelm-parallel", ["use_qkv_bias": true]).contains("q_proj.bias\" is missing"))
    #expect(
      try refusal("stablelm-parallel", ["use_parallel_residual": false]).contains(
        "\"model.layers.0.post_attention_layernorm.weight\" is missing"))
  }

  @Test("a bias or a norm that one block lacks is named")
  func unevenBlocks() throws {
    for (part, place) in [("mlp.up_proj.bias", 1), ("mlp.up_proj.bias", 0), ("input_layernorm.weight", 0)] {
      let copy = try ModelCopy("llama-biases")
      try copy.configure(["mlp_bias": .null])
      let name = "model.layers.\(place).\(part)"
      try copy.replaceInHeader(name, by: String(name.dropLast(1)) + "_")
      let error = #expect(throws: ModelError.self) { try Model(path: copy.path) }
      // Where the first block's is missing, the others' are too many.
      let named =
        part.hasSuffix("bias") && place == 0 ? "model.layers.1.\(part)\" is there" : "\(name)\" is missing"
      #expect(error?.reason.contains(named) ?? false, "\(error?.reason ?? "")")
    }
  }

  @Test("a stretch to any length leaves a length that can be counted")
  func enormousStretch() throws {
    let copy = try ModelCopy("llama-tied")
    try copy.configure(["rope_parameters": ["rope_type": "dynamic", "factor": 1e300]])
    #expect(try Model(path: copy.path).configuration.maximumPositions == 128 << 16)
  }

  @Test("weights stored as whole numbers are refused by tensor")
  func wholeNumbers() throws {
    let copy = try ModelCopy("llama-tied")
    try copy.replaceInHeader(
      "\"model.norm.weight\":{\"dtype\":\"F32\"", by: "\"model.norm.weight\":{\"dtype\":\"I32\"")
    let error = #expect(throws: ModelError.self) { try Model(path: copy.path) }
    #expect(error?.reason.contains("\"model.norm.weight\" is stored as") ?? false)
  }

  @Test("a bias of the wrong length is refused by tensor")
  func wrongBias() throws {
    let copy = try ModelCopy("llama-biases")
    // The bias of the output projection, [48], takes the place of the keys', [16].
    try copy.replaceInHeader("layers.0.self_attn.k_proj.bias", by: "layers.0.self_attn.z_proj.bias")
    try copy.replaceInHeader("layers.0.self_attn.o_proj.bias", by: "layers.0.self_attn.k_proj.bias")
    let error = #expect(throws: ModelError.self) { try Model(path: copy.path) }
    let message = error?.reason ?? ""
    #expect(message.contains("\"model.layers.0.self_attn.k_proj.bias\" has shape [48], expected [16]"))
  }

  @Test("a tensor that is not there is named")
  func missingTensor() throws {
    let copy = try ModelCopy("llama-tied")
    try copy.replaceInHeader("model.layers.1.mlp.up_proj.weight", by: "model.layers.1.mlp.up_porj.weight")
    let error = #expect(throws: ModelError.self) { try Model(path: copy.path) }
    #expect(error?.reason.contains("\"model.layers.1.mlp.up_proj.weight\" is missing") ?? false)
  }

  @Test("a folder without config.json is no model, and a path without anything neither")
  func notAModel() throws {
    let copy = try ModelCopy("llama-tied")
    try copy.remove("config.json")
    let error = #expect(throws: ModelError.self) { try Model(path: copy.path) }
    #expect(error?.path == copy.path)
    #expect(error?.reason.contains("config.json") ?? false)
    let nowhere = #expect(throws: CheckpointError.self) { try Model(path: copy.path + "/nowhere") }
    #expect(nowhere?.reason.contains("no such file or folder") ?? false)
    #expect(nowhere?.path == copy.path + "/nowhere")
  }

  @Test(
    "a config.json that is not JSON, or no object, is refused", arguments: ["", "{", "[1]", "{\"a\": 1} x"])
  func brokenConfiguration(_ text: String) throws {
    let copy = try ModelCopy("llama-tied")
    try copy.write(text, to: "config.json")
    let error = #expect(throws: (any Error).self) { try Model(path: copy.path) }
    #expect(error.map { "\($0)".contains("config.json") } ?? false)
  }

  @Test("a folder without weights is refused")
  func noWeights() throws {
    let copy = try ModelCopy("llama-tied")
    try copy.remove("model.safetensors")
    let error = #expect(throws: (any Error).self) { try Model(path: copy.path) }
    #expect(error.map { "\($0)".contains("model.safetensors") } ?? false)
  }

  @Test("architectures alone are enough to know the family")
  func architecturesSuffice() throws {
    let copy = try ModelCopy("llama-tied")
    try copy.configure(["model_type": .null])
    #expect(try Model(path: copy.path).family.name == "Llama")
  }

  @Test(
    "Whether the head is the token embedding is the word of the model around a text model that has no head")
  func tiedFromOutside() throws {
    let copy = try ModelCopy("gemma3")
    let file = copy.path + "/config.json"
    let root = try JSONDocument(parsing: FileSystem.readFile(file, limit: 1 << 20), source: file).root
    guard case .object(var text) = JSON(try #require(root["text_config"])) else { return }
    text["tie_word_embeddings"] = false
    try copy.configure(["text_config": .object(text)])
    #expect(try Model(path: copy.path).configuration.tiedHead)
    try copy.configure(["tie_word_embeddings": false])
    #expect(throws: ModelError.self) { try Model(path: copy.path) }
    text["tie_word_embeddings"] = true
    try copy.configure(["text_config": .object(text)])
    #expect(try Model(path: copy.path).configuration.tiedHead)
  }
}
