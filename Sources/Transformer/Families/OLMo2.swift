internal import Checkpoints
internal import Storage

extension ModelFamily {
  /// OLMo 2 and 3: norms after each branch and none before, and norms of all queries and of all keys together; in OLMo 3 three
  /// blocks with a window to one without.
  package static let olmo2 = ModelFamily(
    name: "OLMo 2 and 3",
    modelTypes: ["olmo2", "olmo3"],
    architectures: ["Olmo2ForCausalLM", "Olmo3ForCausalLM"],
    tensorNames: commonTensorNames.filter { ![.attentionNorm, .mlpNorm].contains($0.key) }.merging([
      .queryNorm: "model.layers.{}.self_attn.q_norm.weight",
      .keyNorm: "model.layers.{}.self_attn.k_norm.weight",
      .postAttentionNorm: "model.layers.{}.post_attention_layernorm.weight",
      .postMLPNorm: "model.layers.{}.post_feedforward_layernorm.weight",
    ]) { $1 },
    configuration: { config in
      var configuration = try config.llamaLike(epsilon: 1e-5)
      configuration.normsBranches = true
      if config.isOLMo3 { try config.addWindows(to: &configuration) }
      return configuration
    },
    gguf: GGUFNames(
      architecture: "olmo2",
      tensorNames: commonGGUFNames.filter { ![.attentionNorm, .mlpNorm].contains($0.key) }.merging([
        .queryNorm: "blk.{}.attn_q_norm.weight",
        .keyNorm: "blk.{}.attn_k_norm.weight",
        .postAttentionNorm: "blk.{}.post_attention_norm.weight",
        .postMLPNorm: "blk.{}.post_ffw_norm.weight",
      ]) { $1 },
      values: commonGGUFValues,
      fixedConfig: [
        ("architectures", ["Olmo2ForCausalLM"]), ("model_type", "olmo2"), ("hidden_act", "silu"),
        ("attention_bias", false),
      ],
      complete: { file, config in
        guard let window = file["attention.sliding_window"]?.int, window > 0 else { return }
        config["architectures"] = ["Olmo3ForCausalLM"]
        config["model_type"] = "olmo3"
        config["sliding_window"] = .int(window)
        // The blocks with a window are not scaled. Today's spelling stands beside the older one, whose base
        // transformers 5 takes for the other blocks alone.
        let base = config["rope_theta"] ?? 10_000.0
        var full = JSON.Members([("rope_type", "default")])
        if case .object(let scaling)? = config["rope_scaling"] { full = scaling }
        full["rope_theta"] = base
        config["rope_theta"] = base
        config["rope_parameters"] = [
          "full_attention": .object(full), "sliding_attention": ["rope_type": "default", "rope_theta": base],
        ]
      }))
}

extension ConfigReader {
  fileprivate var isOLMo3: Bool {
    text("model_type") == "olmo3" || self["architectures"]?.elements.first?.string == "Olmo3ForCausalLM"
  }

  /// OLMo 3's windows; the older spelling's scaling is for the blocks without one alone.
  fileprivate func addWindows(to configuration: inout ModelConfiguration) throws {
    let window = isNull("sliding_window") ? nil : try count("sliding_window", default: 4096)
    configuration.windows = try windows(window, blocks: configuration.blocks) { $0 % 4 != 0 }
    let head = configuration.headDimension
    configuration.rotary = try rotary(base: 500_000, headDimension: head)
    let isStated = self["rope_parameters"]?["sliding_attention"] != nil
    configuration.windowedRotary =
      isStated
      ? try rotary(base: 500_000, headDimension: head, layerType: "sliding_attention")
      : RotarySettings(base: configuration.rotary.base)
  }
}
