internal import Checkpoints
internal import Kernels
internal import Storage

extension ModelFamily {
  /// Gemma 1: Llama with norm weights stored around zero, scaled embeddings, and a GELU gate.
  package static let gemma = ModelFamily(
    name: "Gemma",
    modelTypes: ["gemma"],
    architectures: ["GemmaForCausalLM"],
    tensorNames: commonTensorNames,
    configuration: { config in
      var configuration = try config.gemmaLike(keyValueHeads: 16)
      // Files say "gelu" and mean the approximation.
      let act = try config.activation("hidden_act", default: .geluTangent)
      if config["hidden_activation"] == nil, act != .gelu { configuration.activation = act }
      return configuration
    },
    gguf: GGUFNames(
      architecture: "gemma", tensorNames: commonGGUFNames, values: commonGGUFValues,
      fixedConfig: [
        ("architectures", ["GemmaForCausalLM"]), ("model_type", "gemma"), ("hidden_act", "gelu_pytorch_tanh"),
        ("hidden_activation", "gelu_pytorch_tanh"),
      ],
      addsNormOffset: true))

  /// Gemma 2: norms before and after each branch, bounded scores and logits, a window in every other block.
  package static let gemma2 = ModelFamily(
    name: "Gemma 2",
    modelTypes: ["gemma2"],
    architectures: ["Gemma2ForCausalLM"],
    tensorNames: sandwichTensorNames,
    configuration: { config in
      var configuration = try config.gemmaLike(keyValueHeads: 4)
      configuration.normsBranches = true
      configuration.attentionScale = try config.queryScale(default: 256)
      configuration.scoreCap = try config.bound("attn_logit_softcapping", default: 50)
      configuration.logitCap = try config.bound("final_logit_softcapping", default: 30)
      let window = config.isNull("sliding_window") ? nil : try config.count("sliding_window", default: 4096)
      configuration.windows = try config.windows(window, blocks: configuration.blocks) { $0 % 2 == 1 }
      return configuration
    },
    gguf: GGUFNames(
      architecture: "gemma2", tensorNames: sandwichGGUFNames,
      values: commonGGUFValues + [
        ("sliding_window", "attention.sliding_window"), ("attn_logit_softcapping", "attn_logit_softcapping"),
        ("final_logit_softcapping", "final_logit_softcapping"),
        ("query_pre_attn_scalar", "attention.key_length"),
      ],
      fixedConfig: [
        ("architectures", ["Gemma2ForCausalLM"]), ("model_type", "gemma2"),
        ("hidden_activation", "gelu_pytorch_tanh"),
        ("hidden_act", "gelu_pytorch_tanh"),
      ],
      addsNormOffset: true,
      complete: { file, config in scaleQueries(ofModelWithBlocks: 46, file, &config) }))

  /// Gemma 3: as Gemma 2 without bounds, with a norm of each query and key head, and five blocks with a window and a
  /// smaller rotary base to one without.
  package static let gemma3 = ModelFamily(
    name: "Gemma 3",
    modelTypes: ["gemma3_text", "gemma3"],
    architectures: ["Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"],
    tensorNames: sandwichTensorNames.merging([
      .queryNorm: "model.layers.{}.self_attn.q_norm.weight",
      .keyNorm: "model.layers.{}.self_attn.k_norm.weight",
    ]) { $1 },
    configuration: { config in
      var configuration = try config.gemmaLike(keyValueHeads: 4)
      if try config.flag("use_bidirectional_attention", default: false) {
        throw ModelError(
          config.path, "\"use_bidirectional_attention\": embedding models of Gemma 3 are not supported")
      }
      configuration.normsBranches = true
      configuration.attentionScale = try config.queryScale(default: 256)
      configuration.logitCap = try config.bound("final_logit_softcapping", default: nil)
      let pattern = try config.count(
        "sliding_window_pattern", default: try config.count("_sliding_window_pattern", default: 6))
      let window = config.isNull("sliding_window") ? nil : try config.count("sliding_window", default: 4096)
      configuration.windows = try config.windows(window, blocks: configuration.blocks) { $0 % pattern != 0 }
      let head = configuration.headDimension
      configuration.rotary = try config.rotary(base: 1_000_000, headDimension: head)
      // The older spelling's scaling is for the blocks without a window alone.
      var windowed = try config.rotary(
        base: 10_000, headDimension: head, layerType: "sliding_attention", baseKey: "rope_local_base_freq")
      if config["rope_parameters"]?["sliding_attention"] == nil {
        windowed = RotarySettings(base: try config.number("rope_local_base_freq", default: 10_000))
      }
      configuration.windowedRotary = windowed
      return configuration
    },
    gguf: GGUFNames(
      architecture: "gemma3",
      tensorNames: sandwichGGUFNames.merging([
        .queryNorm: "blk.{}.attn_q_norm.weight", .keyNorm: "blk.{}.attn_k_norm.weight",
      ]) { $1 },
      values: commonGGUFValues + [
        ("sliding_window", "attention.sliding_window"), ("query_pre_attn_scalar", "attention.key_length"),
        ("final_logit_softcapping", "final_logit_softcapping"),
        ("rope_local_base_freq", "rope.freq_base_swa"),
      ],
      fixedConfig: [
        ("architectures", ["Gemma3ForCausalLM"]), ("model_type", "gemma3_text"),
        ("hidden_activation", "gelu_pytorch_tanh"), ("rope_local_base_freq", 10_000.0),
      ],
      addsNormOffset: true,
      complete: { file, config in
        scaleQueries(ofModelWithBlocks: 62, file, &config)
        let blocks = try windowedBlocks(file)
        config["layer_types"] = .array(blocks.map { $0 ? "sliding_attention" : "full_attention" })
        if !blocks.contains(true) { config["sliding_window"] = .null }
      }))

  /// Corrects the scale of the queries of the largest model, which files do not state: llama.cpp knows it by its number
  /// of blocks.
  private static func scaleQueries(
    ofModelWithBlocks blocks: Int, _ file: GGUFDescription, _ config: inout JSON.Members
  ) {
    guard file["block_count"]?.int == blocks, let hidden = file["embedding_length"]?.int,
      let heads = file["attention.head_count"]?.int, heads > 0
    else { return }
    config["query_pre_attn_scalar"] = .int(hidden / heads)
  }

  /// Which blocks have the window: all but every sixth, or every n-th, or those that the file lists.
  static func windowedBlocks(_ file: GGUFDescription) throws -> [Bool] {
    let blocks = max(0, min(file["block_count"]?.int ?? 0, 1 << 16))
    let key = "attention.sliding_window_pattern"
    let isWindowed: [Bool]
    if (file["attention.sliding_window"]?.int ?? 0) == 0 {
      isWindowed = Array(repeating: false, count: blocks)
    } else if let array = file[key]?.array {
      isWindowed = array.bools ?? array.ints?.map { $0 != 0 } ?? []
    } else {
      let period = file[key]?.int ?? 6
      isWindowed = (1...max(1, blocks)).map { period <= 0 || $0 % period != 0 }
    }
    guard isWindowed.count == blocks else {
      throw file.fault(
        key, "must be a number, or say of each of the \(blocks) blocks whether it has a window")
    }
    return isWindowed
  }

  /// The names of blocks with norms before and after each branch.
  static let sandwichTensorNames = commonTensorNames.merging([
    .postAttentionNorm: "model.layers.{}.post_attention_layernorm.weight",
    .mlpNorm: "model.layers.{}.pre_feedforward_layernorm.weight",
    .postMLPNorm: "model.layers.{}.post_feedforward_layernorm.weight",
  ]) { $1 }

  /// The same in `GGUF` files.
  static let sandwichGGUFNames = commonGGUFNames.merging([
    .postAttentionNorm: "blk.{}.post_attention_norm.weight",
    .postMLPNorm: "blk.{}.post_ffw_norm.weight",
  ]) { $1 }
}

extension ConfigReader {
  fileprivate func gemmaLike(keyValueHeads: Int) throws -> ModelConfiguration {
    var configuration = try llamaLike(headDimension: 256, keyValueHeads: keyValueHeads, tiedHead: true)
    configuration.activation = try activation("hidden_activation", default: .geluTangent)
    configuration.norm = .rms(offset: 1)
    configuration.embeddingScale = Float(configuration.hidden).squareRoot()
    return configuration
  }

  fileprivate func queryScale(default fallback: Double) throws -> Float {
    1 / Float(try number("query_pre_attn_scalar", default: fallback)).squareRoot()
  }

  /// A soft bound; null for none.
  func bound(_ key: String, default fallback: Float?) throws -> Float? {
    if isNull(key) { return nil }
    guard self[key] != nil else { return fallback }
    return Float(try number(key, default: 0))
  }
}
