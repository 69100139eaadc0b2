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
    })
}
