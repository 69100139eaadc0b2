extension ModelFamily {
  /// Phi-3 and 3.5 mini: Llama with queries, keys and values in one matrix, gate and input in another.
  package static let phi3 = ModelFamily(
    name: "Phi-3",
    modelTypes: ["phi3"],
    architectures: ["Phi3ForCausalLM"],
    tensorNames: commonTensorNames.filter { ![.query, .key, .value, .mlpGate, .mlpUp].contains($0.key) }
      .merging([
        .queryKeyValue: "model.layers.{}.self_attn.qkv_proj.weight",
        .mlpGateUp: "model.layers.{}.mlp.gate_up_proj.weight",
      ]) { $1 },
    configuration: { config in
      var configuration = try config.llamaLike(epsilon: 1e-5)
      configuration.rotary = try config.rotary(
        headDimension: configuration.headDimension, originalPositions: 4096)
      let window = config["sliding_window"] == nil ? nil : try config.count("sliding_window")
      configuration.windows = try config.windows(window, blocks: configuration.blocks) { _ in true }
      return configuration
    })
}
