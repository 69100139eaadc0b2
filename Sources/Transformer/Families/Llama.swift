internal import Kernels
internal import Storage

extension ModelFamily {
  /// Llama 1, 2 and 3 and what shares their architecture (SmolLM, TinyLlama): pre-norm with RMS norm, rotary
  /// positions, grouped heads, gated SiLU MLP.
  package static let llama = ModelFamily(
    name: "Llama",
    modelTypes: ["llama"],
    architectures: ["LlamaForCausalLM"],
    tensorNames: commonTensorNames,
    configuration: { config in
      var configuration = try config.llamaLike()
      try config.readBiases(into: &configuration)
      return configuration
    },
    gguf: GGUFNames(
      architecture: "llama",
      tensorNames: commonGGUFNames,
      values: commonGGUFValues,
      fixedConfig: [
        ("architectures", ["LlamaForCausalLM"]), ("model_type", "llama"), ("hidden_act", "silu"),
      ],
      interleavedRoles: [.query, .key],
      complete: stateBiases))

  /// Sets the flags by which Llama's configurations say which matrices have biases.
  static let stateBiases: @Sendable (GGUFDescription, inout JSON.Members) -> Void = { file, config in
    config["attention_bias"] = .bool(file.has("blk.0.attn_q.bias"))
    config["mlp_bias"] = .bool(file.has("blk.0.ffn_up.bias"))
  }

  /// What GGUF files of pre-norm, RMS-norm, rotary families state of themselves.
  package static let commonGGUFValues: [(key: String, gguf: String)] = [
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
  ]
}

extension ConfigReader {
  /// Reads which matrices have biases from flags, Llama's if no others are given; where the file leaves one out, the
  /// checkpoint's tensors say it.
  func readBiases(
    into configuration: inout ModelConfiguration,
    _ flags: [(key: String, roles: [WeightRole])] = [
      ("attention_bias", [.query, .key, .value, .attentionOutput]),
      ("mlp_bias", [.mlpGate, .mlpUp, .mlpValue]),
    ]
  ) throws {
    for (key, roles) in flags where self[key] != nil {
      for role in roles { configuration.biases[role] = try flag(key, default: false) }
    }
  }

  /// The configuration of Llama and of the many families that keep its keys.
  ///
  /// - Parameters:
  ///   - headDimension: where the file states none and it is not hidden / heads.
  ///   - tiedHead: where the file does not say.
  func llamaLike(
    headDimension: Int? = nil, keyValueHeads: Int? = nil, epsilon: Double = 1e-6, tiedHead: Bool = false,
    rotaryBase: Double = 10_000
  ) throws -> ModelConfiguration {
    let hidden = try count("hidden_size")
    let heads = try count("num_attention_heads")
    let head = try count("head_dim", default: headDimension ?? max(1, hidden / heads))
    let positions = try count("max_position_embeddings", default: 2048)
    var configuration = ModelConfiguration(
      blocks: try count("num_hidden_layers"),
      hidden: hidden,
      intermediate: try count("intermediate_size"),
      heads: heads,
      keyValueHeads: try count("num_key_value_heads", default: keyValueHeads ?? heads),
      headDimension: head,
      vocabulary: try count("vocab_size"),
      maximumPositions: positions,
      activation: try activation("hidden_act", default: .silu),
      normEpsilon: Float(try number("rms_norm_eps", default: epsilon)),
      tiedHead: try flag("tie_word_embeddings", default: tiedHead))
    configuration.rotary = try rotary(base: rotaryBase, headDimension: head)
    if case .dynamic(let factor, _) = configuration.rotary.scaling {
      // It stretches to any length; beyond this nobody has tried it.
      let stretch = min(max(4, 2 * factor.rounded(.up)), 0x1p16)
      configuration.maximumPositions = positions * Int(stretch)
    }
    return configuration
  }
}
