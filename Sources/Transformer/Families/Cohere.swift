internal import Checkpoints
internal import Kernels
internal import Storage

extension ModelFamily {
  /// Command R, Aya 23 and Aya Expanse: layer norms without shifts, attention and MLP side by side, and logits times a factor.
  package static let cohere = ModelFamily(
    name: "Command R",
    modelTypes: ["cohere"],
    architectures: ["CohereForCausalLM"],
    tensorNames: commonTensorNames.filter { $0.key != .mlpNorm },
    configuration: { config in
      if try config.flag("use_qk_norm", default: false) {
        throw ModelError(
          config.path, "\"use_qk_norm\": Command R with norms of queries and keys is not supported")
      }
      return try config.cohereLike()
    },
    gguf: GGUFNames(
      architecture: "command-r",
      tensorNames: cohereGGUFNames,
      values: cohereGGUFValues,
      fixedConfig: [
        ("architectures", ["CohereForCausalLM"]), ("model_type", "cohere"), ("hidden_act", "silu"),
        ("attention_bias", false),
      ],
      statesLogitFactor: true,
      complete: completeCohere))

  /// Command R7B and Command A: the same with windows in three blocks of four, whose queries and keys
  /// alone turn.
  package static let cohere2 = ModelFamily(
    name: "Command R7B and A",
    modelTypes: ["cohere2"],
    architectures: ["Cohere2ForCausalLM"],
    tensorNames: cohere.tensorNames,
    configuration: { config in
      var configuration = try config.cohereLike()
      let period = try config.count("sliding_window_pattern", default: 4)
      let window = config.isNull("sliding_window") ? nil : try config.count("sliding_window", default: 4096)
      // Without a window the types of the blocks tell nothing.
      let windows = try config.windows(window ?? 1, blocks: configuration.blocks) { $0 % period != 0 }
      configuration.turningBlocks = windows.map { window != nil && $0 != nil }
      configuration.windows = window == nil ? [] : windows
      return configuration
    },
    gguf: GGUFNames(
      architecture: "cohere2",
      tensorNames: cohereGGUFNames,
      values: cohereGGUFValues + [("sliding_window", "attention.sliding_window")],
      fixedConfig: [
        ("architectures", ["Cohere2ForCausalLM"]), ("model_type", "cohere2"), ("hidden_act", "silu"),
        ("attention_bias", false),
        ("sliding_window_pattern", 4),
      ],
      statesLogitFactor: true,
      complete: completeCohere))

  /// Without a head: files have none but the token embedding.
  private static let cohereGGUFNames = commonGGUFNames.filter { ![.mlpNorm, .outputHead].contains($0.key) }

  private static let cohereGGUFValues =
    commonGGUFValues.filter { $0.key != "head_dim" } + [
      ("layer_norm_eps", "attention.layer_norm_epsilon"), ("logit_scale", "logit_scale"),
    ]

  private static let completeCohere: @Sendable (GGUFDescription, inout JSON.Members) throws -> Void = {
    file, config in
    // llama.cpp opens no file with them, and no published model has any.
    if file.has("blk.0.attn_output.bias") {
      throw ModelError(
        file.path, "tensor \"blk.0.attn_output.bias\": GGUF files of Command R models have no biases")
    }
    config["tie_word_embeddings"] = true
  }
}

extension ConfigReader {
  fileprivate func cohereLike() throws -> ModelConfiguration {
    var configuration = try llamaLike(tiedHead: true)
    try readBiases(into: &configuration)
    configuration.norm = .layer
    configuration.normEpsilon = Float(try number("layer_norm_eps", default: 1e-5))
    configuration.arrangement = .parallelWithSharedNorm
    configuration.rotaryPairing = .interleaved
    let factor = try number("logit_scale", default: 0.0625)
    guard factor > 0 else { throw ModelError(path, "\"logit_scale\" must be above 0, found \(factor)") }
    configuration.logitDivisor = factor == 1 ? nil : Float(1 / factor)
    return configuration
  }
}
