internal import Kernels
internal import Storage

extension ModelFamily {
  /// GPT-2: learned positions, layer norm, one matrix for queries, keys and values, plain MLP; its checkpoints hold
  /// linear layers as `[inputs, outputs]`.
  package static let gpt2 = ModelFamily(
    name: "GPT-2",
    modelTypes: ["gpt2"],
    architectures: ["GPT2LMHeadModel", "GPT2Model"],
    tensorNames: [
      .tokenEmbedding: "transformer.wte.weight",
      .positionEmbedding: "transformer.wpe.weight",
      .finalNorm: "transformer.ln_f.weight",
      .outputHead: "lm_head.weight",
      .attentionNorm: "transformer.h.{}.ln_1.weight",
      .queryKeyValue: "transformer.h.{}.attn.c_attn.weight",
      .attentionOutput: "transformer.h.{}.attn.c_proj.weight",
      .mlpNorm: "transformer.h.{}.ln_2.weight",
      .mlpUp: "transformer.h.{}.mlp.c_fc.weight",
      .mlpValue: "transformer.h.{}.mlp.c_proj.weight",
    ],
    prefix: "transformer.",
    linearLayout: .inputMajor,
    configuration: { config in
      var configuration = try config.gptLike(ConfigReader.GPTKeys(), positions: 1024, tiedHead: true)
      configuration.positions = .learned(offset: 0)
      configuration.scalesAttentionByBlock = try config.flag(
        "scale_attn_by_inverse_layer_idx", default: false)
      if try !config.flag("scale_attn_weights", default: true) { configuration.attentionScale = 1 }
      return configuration
    },
    gguf: GGUFNames(
      architecture: "gpt2",
      tensorNames: [
        .tokenEmbedding: "token_embd.weight",
        .positionEmbedding: "position_embd.weight",
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
        ("n_embd", "embedding_length"), ("n_inner", "feed_forward_length"), ("n_layer", "block_count"),
        ("n_head", "attention.head_count"), ("n_positions", "context_length"),
        ("layer_norm_epsilon", "attention.layer_norm_epsilon"),
      ],
      fixedConfig: [
        ("architectures", ["GPT2LMHeadModel"]), ("model_type", "gpt2"), ("activation_function", "gelu_new"),
      ]))
}

extension ConfigReader {
  /// What the configurations of GPT-2 and of those after its model call their numbers.
  struct GPTKeys {
    /// Width of the residual stream.
    var hidden = "n_embd"
    /// Heads.
    var heads = "n_head"
    /// Blocks.
    var blocks = "n_layer"
    /// Width inside the MLP.
    var intermediate = "n_inner"
    /// Positions.
    var positions = "n_positions"
  }

  /// The configuration of a model with layer norms and a plain MLP, four times as wide where the file does not say.
  ///
  /// - Parameters:
  ///   - positions: where the file states none.
  ///   - tiedHead: where the file does not say.
  func gptLike(_ keys: GPTKeys, positions: Int, tiedHead: Bool) throws -> ModelConfiguration {
    let hidden = try count(keys.hidden)
    let heads = try count(keys.heads)
    var configuration = ModelConfiguration(
      blocks: try count(keys.blocks),
      hidden: hidden,
      intermediate: try count(keys.intermediate, default: 4 * hidden),
      heads: heads,
      keyValueHeads: heads,
      headDimension: max(1, hidden / heads),
      vocabulary: try count("vocab_size"),
      maximumPositions: try count(keys.positions, default: positions),
      activation: try activation("activation_function", default: .geluTangent),
      normEpsilon: Float(try number("layer_norm_epsilon", default: 1e-5)),
      tiedHead: try flag("tie_word_embeddings", default: tiedHead))
    configuration.norm = .layer
    return configuration
  }
}
