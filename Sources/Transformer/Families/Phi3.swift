internal import Checkpoints
internal import Storage

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
    },
    gguf: GGUFNames(
      architecture: "phi3",
      tensorNames: commonGGUFNames.filter { ![.query, .key, .value, .mlpGate, .mlpUp].contains($0.key) }
        .merging([
          .queryKeyValue: "blk.{}.attn_qkv.weight",
          .mlpGateUp: "blk.{}.ffn_up.weight",
        ]) { $1 },
      values: commonGGUFValues + [
        ("original_max_position_embeddings", "rope.scaling.original_context_length")
      ],
      fixedConfig: [
        ("architectures", ["Phi3ForCausalLM"]), ("model_type", "phi3"), ("hidden_act", "silu"),
      ],
      complete: { file, config in
        // 0 says that there is none.
        let window = file["attention.sliding_window"]?.int ?? 0
        config["sliding_window"] = window > 0 ? .int(window) : .null
      }))
}
