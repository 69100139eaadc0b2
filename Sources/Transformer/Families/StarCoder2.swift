internal import Kernels
internal import Storage

extension ModelFamily {
  /// StarCoder2: layer norm, rotary positions, plain MLP, biases throughout, and a window in every block where the file
  /// states one.
  package static let starCoder2 = ModelFamily(
    name: "StarCoder2",
    modelTypes: ["starcoder2"],
    architectures: ["Starcoder2ForCausalLM"],
    tensorNames: commonTensorNames.filter { $0.key != .mlpGate }.merging([
      .mlpUp: "model.layers.{}.mlp.c_fc.weight",
      .mlpValue: "model.layers.{}.mlp.c_proj.weight",
    ]) { $1 },
    configuration: { config in
      var configuration = try config.llamaLike(keyValueHeads: 2, tiedHead: true)
      configuration.norm = .layer
      configuration.normEpsilon = Float(try config.number("norm_epsilon", default: 1e-5))
      configuration.activation = try config.activation("hidden_act", default: .geluTangent)
      let hasBiases = try config.flag("use_bias", default: true)
      for role in [WeightRole.query, .key, .value, .attentionOutput, .mlpUp, .mlpValue] {
        configuration.biases[role] = hasBiases
      }
      let window = config["sliding_window"] == nil ? nil : try config.count("sliding_window")
      configuration.windows = try config.windows(window, blocks: configuration.blocks) { _ in true }
      return configuration
    },
    // Files state no window, and llama.cpp knows none.
    gguf: GGUFNames(
      architecture: "starcoder2",
      tensorNames: commonGGUFNames.filter { $0.key != .mlpGate },
      values: commonGGUFValues.filter { $0.key != "rms_norm_eps" } + [
        ("norm_epsilon", "attention.layer_norm_epsilon")
      ],
      fixedConfig: [
        ("architectures", ["Starcoder2ForCausalLM"]), ("model_type", "starcoder2"),
        ("hidden_act", "gelu_pytorch_tanh"), ("sliding_window", nil),
      ],
      requiredBiases: [.query, .key, .value, .attentionOutput, .mlpUp, .mlpValue],
      complete: { file, config in
        config["use_bias"] = .bool(file.has("blk.0.attn_q.bias"))
      }))
}
