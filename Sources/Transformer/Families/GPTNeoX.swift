internal import Kernels

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
    })
}
