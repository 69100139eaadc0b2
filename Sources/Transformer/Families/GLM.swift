internal import Checkpoints
internal import Kernels
internal import Storage

extension ModelFamily {
  /// GLM-4 as `glm-4-9b-chat-hf`: Llama with half of each head turning, its elements in pairs side by side, and gate and input of the
  /// MLP in one matrix.
  package static let glm = ModelFamily(
    name: "GLM-4",
    modelTypes: ["glm"],
    architectures: ["GlmForCausalLM"],
    tensorNames: glmTensorNames,
    configuration: { try $0.glmLike() },
    gguf: nil)

  /// GLM-4-0414 and GLM-Z1: the same, with norms of what branches add.
  package static let glm4 = ModelFamily(
    name: "GLM-4-0414",
    modelTypes: ["glm4"],
    architectures: ["Glm4ForCausalLM"],
    tensorNames: glmTensorNames.merging([
      .postAttentionNorm: "model.layers.{}.post_self_attn_layernorm.weight",
      .postMLPNorm: "model.layers.{}.post_mlp_layernorm.weight",
    ]) { $1 },
    configuration: { config in
      var configuration = try config.glmLike()
      configuration.normsBranches = true
      return configuration
    },
    gguf: GGUFNames(
      architecture: "glm4",
      tensorNames: commonGGUFNames.filter { ![.mlpGate, .mlpUp].contains($0.key) }.merging([
        .mlpGateUp: "blk.{}.ffn_up.weight",
        .postAttentionNorm: "blk.{}.post_attention_norm.weight",
        .postMLPNorm: "blk.{}.post_ffw_norm.weight",
      ]) { $1 },
      values: commonGGUFValues,
      fixedConfig: [
        ("architectures", ["Glm4ForCausalLM"]), ("model_type", "glm4"), ("hidden_act", "silu"),
      ],
      complete: { file, config in
        // All of a head turns where the file does not say otherwise.
        config["partial_rotary_factor"] = config["partial_rotary_factor"] ?? 1.0
        config["attention_bias"] = .bool(file.has("blk.0.attn_q.bias"))
      }))

  private static let glmTensorNames = commonTensorNames.filter { ![.mlpGate, .mlpUp].contains($0.key) }
    .merging([.mlpGateUp: "model.layers.{}.mlp.gate_up_proj.weight"]) { $1 }
}

extension ConfigReader {
  fileprivate func glmLike() throws -> ModelConfiguration {
    var configuration = try llamaLike(headDimension: 128, keyValueHeads: 2, epsilon: 1.5625e-7)
    let hasBiases = try flag("attention_bias", default: true)
    configuration.biases = [.query: hasBiases, .key: hasBiases, .value: hasBiases, .attentionOutput: false]
    configuration.rotaryPairing = .interleaved
    configuration.rotary = try rotary(headDimension: configuration.headDimension, fraction: 0.5)
    return configuration
  }
}
