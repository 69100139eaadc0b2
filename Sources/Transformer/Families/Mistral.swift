internal import Storage

extension ModelFamily {
  /// Mistral 7B and its descendants: Llama with a sliding window in every block, where the file states one; in Ministral 3 queries
  /// grow with their position.
  package static let mistral = ModelFamily(
    name: "Mistral",
    modelTypes: ["mistral", "ministral", "ministral3"],
    architectures: ["MistralForCausalLM", "Ministral3ForCausalLM"],
    tensorNames: commonTensorNames,
    configuration: { config in
      if config.isMinistral3 { return try config.ministral3() }
      var configuration = try config.llamaLike(keyValueHeads: 8)
      let window = config.isNull("sliding_window") ? nil : try config.count("sliding_window", default: 4096)
      configuration.windows = try config.windows(window, blocks: configuration.blocks) { _ in true }
      return configuration
    },
    // Files of Mistral 7B and its like are of Llama's architecture; this one is Mistral Small 3.1's and Ministral 3's.
    gguf: GGUFNames(
      architecture: "mistral3", newArchitecture: "llama", tensorNames: commonGGUFNames,
      values: commonGGUFValues,
      fixedConfig: [
        ("architectures", ["MistralForCausalLM"]), ("model_type", "mistral"), ("hidden_act", "silu"),
        ("sliding_window", nil),
      ],
      interleavedRoles: [.query, .key],
      statesQueryGrowth: true,
      complete: { file, config in
        guard let beta = file["attention.temperature_scale"]?.number, beta != 0 else { return }
        guard case .object(var rope)? = config["rope_scaling"],
          rope["original_max_position_embeddings"] != nil
        else {
          throw file.fault(
            "attention.temperature_scale", "is stated without YaRN's original length, to which it refers")
        }
        config["architectures"] = ["Ministral3ForCausalLM"]
        config["model_type"] = "ministral3"
        rope["llama_4_scaling_beta"] = .double(beta)
        rope["rope_theta"] = config["rope_theta"] ?? 10_000.0
        config["rope_scaling"] = nil
        config["rope_theta"] = nil
        config["rope_parameters"] = .object(rope)
      }))
}

extension ConfigReader {
  fileprivate var isMinistral3: Bool {
    text("model_type") == "ministral3"
      || self["architectures"]?.elements.first?.string == "Ministral3ForCausalLM"
  }

  fileprivate func ministral3() throws -> ModelConfiguration {
    guard let rope = self["rope_parameters"] ?? self["rope_scaling"] else {
      throw ModelError(
        path, "\"rope_parameters\" is missing; of a Ministral 3 model it says how queries grow")
    }
    var configuration = try llamaLike(headDimension: 128, keyValueHeads: 8, epsilon: 1e-5)
    let window = try self["sliding_window"].map { _ in try count("sliding_window") }
    configuration.windows = try windows(window, blocks: configuration.blocks) { _ in true }
    let inner = ConfigReader(path: "\(path), \"rope_parameters\"", root: rope)
    let beta = try inner.number("llama_4_scaling_beta", default: 0)
    if beta != 0 {
      guard configuration.rotary.dimension == nil else {
        throw ModelError(
          path, "\"partial_rotary_factor\" is not supported where queries grow with their position")
      }
      let length = try inner.count("original_max_position_embeddings")
      configuration.queryGrowth = ModelConfiguration.QueryGrowth(beta: beta, length: length)
    }
    return configuration
  }
}
