internal import Checkpoints
internal import Storage

extension ModelFamily {
  /// OLMo 2: norms after each branch and none before, and norms of all queries and of all keys together.
  package static let olmo2 = ModelFamily(
    name: "OLMo 2",
    modelTypes: ["olmo2"],
    architectures: ["Olmo2ForCausalLM"],
    tensorNames: commonTensorNames.filter { ![.attentionNorm, .mlpNorm].contains($0.key) }.merging([
      .queryNorm: "model.layers.{}.self_attn.q_norm.weight",
      .keyNorm: "model.layers.{}.self_attn.k_norm.weight",
      .postAttentionNorm: "model.layers.{}.post_attention_layernorm.weight",
      .postMLPNorm: "model.layers.{}.post_feedforward_layernorm.weight",
    ]) { $1 },
    configuration: { config in
      var configuration = try config.llamaLike(epsilon: 1e-5)
      configuration.normsBranches = true
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
      complete: { file, _ in
        if let window = file["attention.sliding_window"]?.int, window > 0 {
          throw file.fault("attention.sliding_window", "is \(window): OLMo 3 is not supported")
        }
      }))
}
