internal import Kernels
internal import Storage

extension ModelFamily {
  /// Phi 1, 1.5 and 2: attention and plain MLP side by side behind one layer norm, rotary positions in part of each head, and
  /// biases throughout.
  package static let phi = ModelFamily(
    name: "Phi",
    modelTypes: ["phi"],
    architectures: ["PhiForCausalLM"],
    tensorNames: commonTensorNames.filter { ![.mlpGate, .mlpNorm].contains($0.key) }.merging([
      .finalNorm: "model.final_layernorm.weight",
      .attentionOutput: "model.layers.{}.self_attn.dense.weight",
      .mlpUp: "model.layers.{}.mlp.fc1.weight",
      .mlpValue: "model.layers.{}.mlp.fc2.weight",
    ]) { $1 },
    configuration: { config in
      if try config.flag("qk_layernorm", default: false) {
        throw ModelError(config.path, "\"qk_layernorm\": norms of queries and keys are not supported for Phi")
      }
      var configuration = try config.llamaLike()
      configuration.norm = .layer
      configuration.normEpsilon = Float(try config.number("layer_norm_eps", default: 1e-5))
      configuration.activation = try config.activation("hidden_act", default: .geluTangent)
      configuration.arrangement = .parallelWithSharedNorm
      configuration.rotary = try config.rotary(headDimension: configuration.headDimension, fraction: 0.5)
      return configuration
    },
    gguf: GGUFNames(
      architecture: "phi2",
      tensorNames: commonGGUFNames.filter { ![.mlpGate, .mlpNorm].contains($0.key) },
      values: commonGGUFValues.filter { $0.key != "rms_norm_eps" } + [
        ("layer_norm_eps", "attention.layer_norm_epsilon")
      ],
      fixedConfig: [
        ("architectures", ["PhiForCausalLM"]), ("model_type", "phi"), ("hidden_act", "gelu_new"),
      ],
      complete: { _, config in
        // All of a head turns where the file does not say otherwise.
        config["partial_rotary_factor"] = config["partial_rotary_factor"] ?? 1.0
      }))
}
