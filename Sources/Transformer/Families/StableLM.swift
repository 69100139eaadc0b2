internal import Storage

extension ModelFamily {
  /// StableLM 2: layer norm, partial rotary embedding, gated MLP; attention and MLP side by side where asked for.
  package static let stableLM = ModelFamily(
    name: "StableLM",
    modelTypes: ["stablelm"],
    architectures: ["StableLmForCausalLM"],
    tensorNames: commonTensorNames,
    configuration: { config in
      var configuration = try config.llamaLike()
      if try config.flag("qk_layernorm", default: false) {
        throw ModelError(
          config.path, "\"qk_layernorm\": StableLM with norms of queries and keys is not supported")
      }
      let hasBiases = try config.flag("use_qkv_bias", default: false)
      configuration.biases = [.query: hasBiases, .key: hasBiases, .value: hasBiases]
      configuration.norm = .layer
      configuration.normEpsilon = Float(try config.number("layer_norm_eps", default: 1e-5))
      configuration.arrangement =
        try config.flag("use_parallel_residual", default: false) ? .parallelWithSharedNorm : .sequential
      configuration.rotary = try config.rotary(headDimension: configuration.headDimension, fraction: 0.25)
      return configuration
    },
    gguf: GGUFNames(
      architecture: "stablelm", tensorNames: commonGGUFNames,
      values: commonGGUFValues + [("layer_norm_eps", "attention.layer_norm_epsilon")],
      fixedConfig: [
        ("architectures", ["StableLmForCausalLM"]), ("model_type", "stablelm"), ("hidden_act", "silu"),
      ],
      complete: { file, config in
        // All of a head turns where the file does not say otherwise.
        config["partial_rotary_factor"] = config["partial_rotary_factor"] ?? 1.0
        config["use_qkv_bias"] = .bool(file.has("blk.0.attn_q.bias"))
        config["qk_layernorm"] = .bool(file.has("blk.0.attn_q_norm.weight"))
        // Files state it wrongly at times; the norm that only one of the arrangements has decides.
        config["use_parallel_residual"] = .bool(!file.has("blk.0.ffn_norm.weight"))
      }))
}
