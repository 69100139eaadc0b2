import Checkpoints
import Foundation
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
}
