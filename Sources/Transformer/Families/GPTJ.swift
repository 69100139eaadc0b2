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
      var configuration = try config.gptLike(ConfigReader.GPTKeys(), positions: 2048, tiedHead: false)
      configuration.arrangement = .parallelWithSharedNorm
      configuration.rotaryPairing = .interleaved
      configuration.rotary.dimension =
        config.isNull("rotary_dim") ? nil : try config.count("rotary_dim", default: 64)
      return configuration
    })
}
