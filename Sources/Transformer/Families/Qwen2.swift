internal import Storage

extension ModelFamily {
  /// Qwen2 and 2.5: Llama with biases on queries, keys and values; a window in the later blocks where asked for.
  package static let qwen2 = ModelFamily(
    name: "Qwen2",
    modelTypes: ["qwen2"],
    architectures: ["Qwen2ForCausalLM"],
    tensorNames: commonTensorNames,
    configuration: { config in
      var configuration = try config.llamaLike()
      configuration.windows = try config.qwenWindows(configuration.blocks)
      return configuration
    },
    gguf: GGUFNames(
      architecture: "qwen2",
      tensorNames: commonGGUFNames,
      values: commonGGUFValues,
      fixedConfig: [
        ("architectures", ["Qwen2ForCausalLM"]), ("model_type", "qwen2"), ("hidden_act", "silu"),
        ("use_sliding_window", false),
      ]))

  /// Qwen3: no biases, but a norm of each query and key head.
  package static let qwen3 = ModelFamily(
    name: "Qwen3",
    modelTypes: ["qwen3"],
    architectures: ["Qwen3ForCausalLM"],
    tensorNames: commonTensorNames.merging([
      .queryNorm: "model.layers.{}.self_attn.q_norm.weight",
      .keyNorm: "model.layers.{}.self_attn.k_norm.weight",
    ]) { $1 },
    configuration: { config in
      var configuration = try config.llamaLike(headDimension: 128)
      configuration.windows = try config.qwenWindows(configuration.blocks)
      return configuration
    },
    gguf: GGUFNames(
      architecture: "qwen3",
      tensorNames: commonGGUFNames.merging([
        .queryNorm: "blk.{}.attn_q_norm.weight", .keyNorm: "blk.{}.attn_k_norm.weight",
      ]) { $1 },
      values: commonGGUFValues,
      fixedConfig: [
        ("architectures", ["Qwen3ForCausalLM"]), ("model_type", "qwen3"), ("hidden_act", "silu"),
        ("use_sliding_window", false),
      ]))
}

extension ConfigReader {
  /// Qwen's windows: those of `layer_types`, else from `max_window_layers` up, and none unless `use_sliding_window`.
  func qwenWindows(_ blocks: Int, firstWindowed: Int = 28) throws -> [Int?] {
    guard try flag("use_sliding_window", default: false) else { return [] }
    let first = try index("max_window_layers", default: firstWindowed)
    return try windows(try count("sliding_window", default: 4096), blocks: blocks) { $0 > first }
  }
}
