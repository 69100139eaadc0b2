internal import Kernels

extension ModelFamily {
  /// GPT-J: attention and MLP side by side behind one norm, rotary embedding of neighbouring elements in part of each
  /// head, and an output head with a bias.
  package static let gptJ = ModelFamily(
    name: "GPT-J",
    modelTypes: ["gptj"],
    architectures: ["GPTJForCausalLM"],
    tensorNames: [
      .tokenEmbedding: "transformer.wte.weight",
      .finalNorm: "transformer.ln_f.weight",
      .outputHead: "lm_head.weight",
      .attentionNorm: "transformer.h.{}.ln_1.weight",
      .query: "transformer.h.{}.attn.q_proj.weight",
      .key: "transformer.h.{}.attn.k_proj.weight",
      .value: "transformer.h.{}.attn.v_proj.weight",
      .attentionOutput: "transformer.h.{}.attn.out_proj.weight",
      .mlpUp: "transformer.h.{}.mlp.fc_in.weight",
      .mlpValue: "transformer.h.{}.mlp.fc_out.weight",
    ],
    prefix: "transformer.",
    configuration: { config in
      let hidden = try config.count("n_embd")
      let heads = try config.count("n_head")
      var configuration = ModelConfiguration(
        blocks: try config.count("n_layer"),
        hidden: hidden,
        intermediate: try config.count("n_inner", default: 4 * hidden),
        heads: heads,
        keyValueHeads: heads,
        headDimension: max(1, hidden / heads),
        vocabulary: try config.count("vocab_size"),
        maximumPositions: try config.count("n_positions", default: 2048),
        activation: try config.activation("activation_function", default: .geluTangent),
        normEpsilon: Float(try config.number("layer_norm_epsilon", default: 1e-5)),
        tiedHead: try config.flag("tie_word_embeddings", default: false))
      configuration.norm = .layer
      configuration.arrangement = .parallelWithSharedNorm
      configuration.rotaryPairing = .interleaved
      configuration.rotary.dimension =
        config.isNull("rotary_dim") ? nil : try config.count("rotary_dim", default: 64)
      return configuration
    })
}
