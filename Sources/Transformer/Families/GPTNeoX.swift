internal import Kernels
internal import Storage

extension ModelFamily {
  /// GPT-NeoX and Pythia: attention and MLP side by side behind a norm each, rotary embedding of part of each head, and
  /// query, key and value of each head together in one matrix.
  package static let gptNeoX = ModelFamily(
    name: "GPT-NeoX",
    modelTypes: ["gpt_neox"],
    architectures: ["GPTNeoXForCausalLM"],
    tensorNames: [
      .tokenEmbedding: "gpt_neox.embed_in.weight",
      .finalNorm: "gpt_neox.final_layer_norm.weight",
      .outputHead: "embed_out.weight",
      .attentionNorm: "gpt_neox.layers.{}.input_layernorm.weight",
      .queryKeyValue: "gpt_neox.layers.{}.attention.query_key_value.weight",
      .attentionOutput: "gpt_neox.layers.{}.attention.dense.weight",
      .mlpNorm: "gpt_neox.layers.{}.post_attention_layernorm.weight",
      .mlpUp: "gpt_neox.layers.{}.mlp.dense_h_to_4h.weight",
      .mlpValue: "gpt_neox.layers.{}.mlp.dense_4h_to_h.weight",
    ],
    prefix: "gpt_neox.",
    configuration: { config in
      let hidden = try config.count("hidden_size")
      let heads = try config.count("num_attention_heads")
      var configuration = ModelConfiguration(
        blocks: try config.count("num_hidden_layers"),
        hidden: hidden,
        intermediate: try config.count("intermediate_size"),
        heads: heads,
        keyValueHeads: heads,
        headDimension: max(1, hidden / heads),
        vocabulary: try config.count("vocab_size"),
        maximumPositions: try config.count("max_position_embeddings", default: 2048),
        activation: try config.activation("hidden_act", default: .gelu),
        normEpsilon: Float(try config.number("layer_norm_eps", default: 1e-5)),
        tiedHead: try config.flag("tie_word_embeddings", default: false))
      configuration.norm = .layer
      configuration.arrangement =
        try config.flag("use_parallel_residual", default: true) ? .parallel : .sequential
      configuration.fusedOrder = .perHead
      configuration.rotary = try config.rotary(
        headDimension: configuration.headDimension, fraction: 0.25, baseKey: "rotary_emb_base")
      return configuration
    },
    gguf: GGUFNames(
      architecture: "gptneox",
      tensorNames: [
        .tokenEmbedding: "token_embd.weight",
        .finalNorm: "output_norm.weight",
        .outputHead: "output.weight",
        .attentionNorm: "blk.{}.attn_norm.weight",
        .queryKeyValue: "blk.{}.attn_qkv.weight",
        .attentionOutput: "blk.{}.attn_output.weight",
        .mlpNorm: "blk.{}.ffn_norm.weight",
        .mlpUp: "blk.{}.ffn_up.weight",
        .mlpValue: "blk.{}.ffn_down.weight",
      ],
      values: [
        ("hidden_size", "embedding_length"), ("intermediate_size", "feed_forward_length"),
        ("num_hidden_layers", "block_count"), ("num_attention_heads", "attention.head_count"),
        ("max_position_embeddings", "context_length"), ("layer_norm_eps", "attention.layer_norm_epsilon"),
        ("rotary_emb_base", "rope.freq_base"), ("use_parallel_residual", "use_parallel_residual"),
        ("vocab_size", "vocab_size"),
      ],
      fixedConfig: [
        ("architectures", ["GPTNeoXForCausalLM"]), ("model_type", "gpt_neox"), ("hidden_act", "gelu"),
      ],
      fusedOrder: .blocks,
      rotaryFractionKey: "rotary_pct",
      complete: { file, config in
        // All of a head turns where the file does not say otherwise.
        config["rotary_pct"] = config["rotary_pct"] ?? 1.0
        config["attention_bias"] = .bool(file.has("blk.0.attn_qkv.bias"))
      }))
}
