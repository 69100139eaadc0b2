internal import Kernels
internal import Storage

extension ModelFamily {
  /// Llama 1, 2 and 3 and what shares their architecture (SmolLM, TinyLlama): pre-norm with RMS norm, rotary
  /// positions, grouped heads, gated SiLU MLP.
  package static let llama = ModelFamily(
    name: "Llama",
    modelTypes: ["llama"],
    architectures: ["LlamaForCausalLM"],
    ggufArchitecture: "llama",
    tensorNames: [
      .tokenEmbedding: "model.embed_tokens.weight",
      .finalNorm: "model.norm.weight",
      .outputHead: "lm_head.weight",
      .attentionNorm: "model.layers.{}.input_layernorm.weight",
      .query: "model.layers.{}.self_attn.q_proj.weight",
      .key: "model.layers.{}.self_attn.k_proj.weight",
      .value: "model.layers.{}.self_attn.v_proj.weight",
      .attentionOutput: "model.layers.{}.self_attn.o_proj.weight",
      .mlpNorm: "model.layers.{}.post_attention_layernorm.weight",
      .mlpGate: "model.layers.{}.mlp.gate_proj.weight",
      .mlpUp: "model.layers.{}.mlp.up_proj.weight",
      .mlpValue: "model.layers.{}.mlp.down_proj.weight",
    ],
    ggufNames: [
      .tokenEmbedding: "token_embd.weight",
      .finalNorm: "output_norm.weight",
      .outputHead: "output.weight",
      .attentionNorm: "blk.{}.attn_norm.weight",
      .query: "blk.{}.attn_q.weight",
      .key: "blk.{}.attn_k.weight",
      .value: "blk.{}.attn_v.weight",
      .attentionOutput: "blk.{}.attn_output.weight",
      .mlpNorm: "blk.{}.ffn_norm.weight",
      .mlpGate: "blk.{}.ffn_gate.weight",
      .mlpUp: "blk.{}.ffn_up.weight",
      .mlpValue: "blk.{}.ffn_down.weight",
    ],
    ggufNumbers: [
      ("hidden_size", "embedding_length"),
      ("intermediate_size", "feed_forward_length"),
      ("num_hidden_layers", "block_count"),
      ("num_attention_heads", "attention.head_count"),
      ("num_key_value_heads", "attention.head_count_kv"),
      ("head_dim", "attention.key_length"),
      ("max_position_embeddings", "context_length"),
      ("rms_norm_eps", "attention.layer_norm_rms_epsilon"),
      ("rope_theta", "rope.freq_base"),
      ("vocab_size", "vocab_size"),
    ],
    ggufInterleavedRoles: [.query, .key],
    fixedConfig: [
      ("architectures", ["LlamaForCausalLM"]),
      ("model_type", "llama"),
      ("hidden_act", "silu"),
      ("attention_bias", false),
      ("mlp_bias", false),
    ],
    configuration: { config in
      let hidden = try config.count("hidden_size")
      let heads = try config.count("num_attention_heads")
      try config.refuseUnless("hidden_act", isOneOf: ["silu", "swish"])
      return ModelConfiguration(
        blocks: try config.count("num_hidden_layers"),
        hidden: hidden,
        intermediate: try config.count("intermediate_size"),
        heads: heads,
        keyValueHeads: try config.count("num_key_value_heads", default: heads),
        headDimension: try config.count("head_dim", default: hidden / heads),
        vocabulary: try config.count("vocab_size"),
        maximumPositions: try config.count("max_position_embeddings", default: 2048),
        normEpsilon: Float(try config.number("rms_norm_eps", default: 1e-6)),
        activation: .silu,
        rotaryBase: try config.plainRotaryBase(default: 10_000),
        tiedHead: try config.flag("tie_word_embeddings", default: false))
    })
}
