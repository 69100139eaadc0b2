internal import Storage

extension ModelFamily {
  /// Granite 3 (the dense ones): Llama with factors on embeddings, scores, what branches add, and logits.
  package static let granite = ModelFamily(
    name: "Granite",
    modelTypes: ["granite"],
    architectures: ["GraniteForCausalLM"],
    tensorNames: commonTensorNames,
    configuration: { config in
      var configuration = try config.llamaLike()
      try config.readBiases(into: &configuration)
      configuration.attentionScale = try config.factor("attention_multiplier")
      configuration.embeddingScale = try config.factor("embedding_multiplier", unless: 1)
      configuration.residualScale = try config.factor("residual_multiplier", unless: 1)
      configuration.logitDivisor = try config.factor("logits_scaling", unless: 1)
      return configuration
    },
    gguf: GGUFNames(
      architecture: "granite",
      tensorNames: commonGGUFNames,
      values: commonGGUFValues + [
        ("attention_multiplier", "attention.scale"), ("embedding_multiplier", "embedding_scale"),
        ("residual_multiplier", "residual_scale"), ("logits_scaling", "logit_scale"),
      ],
      fixedConfig: [
        ("architectures", ["GraniteForCausalLM"]), ("model_type", "granite"), ("hidden_act", "silu"),
      ],
      interleavedRoles: [.query, .key],
      complete: { file, config in
        stateBiases(file, &config)
        // A file without it means the usual one.
        if config["attention_multiplier"] == nil, let head = file.headDimension, head > 0 {
          config["attention_multiplier"] = .double(1 / Double(head).squareRoot())
        }
      }))
}

extension ConfigReader {
  /// A factor above 0, 1 where the file has none; `nil` where it is `none`.
  fileprivate func factor(_ key: String, unless none: Float? = nil) throws -> Float? {
    let value = Float(try number(key, default: 1))
    guard value > 0, value.isFinite else {
      throw ModelError(path, "\"\(key)\" must be above 0, found \(value)")
    }
    return value == none ? nil : value
  }
}
