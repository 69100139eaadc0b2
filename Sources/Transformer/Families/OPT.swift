internal import Kernels

extension ModelFamily {
  /// OPT: learned positions from row 2, layer norm, ReLU; the 350M variant has its norms after each sum, no final norm,
  /// and an embedding of another width.
  package static let opt = ModelFamily(
    name: "OPT",
    modelTypes: ["opt"],
    architectures: ["OPTForCausalLM"],
    tensorNames: [
      .tokenEmbedding: "model.decoder.embed_tokens.weight",
      .positionEmbedding: "model.decoder.embed_positions.weight",
      .embeddingProjection: "model.decoder.project_in.weight",
      .outputProjection: "model.decoder.project_out.weight",
      .finalNorm: "model.decoder.final_layer_norm.weight",
      .outputHead: "lm_head.weight",
      .attentionNorm: "model.decoder.layers.{}.self_attn_layer_norm.weight",
      .query: "model.decoder.layers.{}.self_attn.q_proj.weight",
      .key: "model.decoder.layers.{}.self_attn.k_proj.weight",
      .value: "model.decoder.layers.{}.self_attn.v_proj.weight",
      .attentionOutput: "model.decoder.layers.{}.self_attn.out_proj.weight",
      .mlpNorm: "model.decoder.layers.{}.final_layer_norm.weight",
      .mlpUp: "model.decoder.layers.{}.fc1.weight",
      .mlpValue: "model.decoder.layers.{}.fc2.weight",
    ],
    configuration: { config in
      guard try config.flag("layer_norm_elementwise_affine", default: true) else {
        throw ModelError(
          config.path, "\"layer_norm_elementwise_affine\" is false: norms without weights are not supported")
      }
      let hidden = try config.count("hidden_size")
      let heads = try config.count("num_attention_heads")
      var configuration = ModelConfiguration(
        blocks: try config.count("num_hidden_layers"),
        hidden: hidden,
        intermediate: try config.count("ffn_dim"),
        heads: heads,
        keyValueHeads: heads,
        headDimension: max(1, hidden / heads),
        vocabulary: try config.count("vocab_size"),
        maximumPositions: try config.count("max_position_embeddings", default: 2048),
        activation: try config.activation("activation_function", default: .relu),
        normEpsilon: 1e-5,
        tiedHead: try config.flag("tie_word_embeddings", default: true))
      configuration.norm = .layer
      configuration.positions = .learned(offset: 2)
      configuration.normsFollowResidual = try !config.flag("do_layer_norm_before", default: true)
      let width = try config.count("word_embed_proj_dim", default: hidden)
      configuration.embeddingWidth = width == hidden ? nil : width
      return configuration
    })
}
