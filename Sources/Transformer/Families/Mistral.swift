internal import Storage

extension ModelFamily {
  /// Mistral 7B and its descendants: Llama with a sliding window in every block, where the file states one.
  package static let mistral = ModelFamily(
    name: "Mistral",
    modelTypes: ["mistral", "ministral"],
    architectures: ["MistralForCausalLM"],
    tensorNames: commonTensorNames,
    configuration: { config in
      var configuration = try config.llamaLike(keyValueHeads: 8)
      let window = config.isNull("sliding_window") ? nil : try config.count("sliding_window", default: 4096)
      configuration.windows = try config.windows(window, blocks: configuration.blocks) { _ in true }
      return configuration
    },
    // Files of Mistral 7B and its like are of Llama's architecture; this one is Mistral Small 3.1's.
    gguf: GGUFNames(
      architecture: "mistral3", newArchitecture: "llama", tensorNames: commonGGUFNames,
      values: commonGGUFValues,
      fixedConfig: [
        ("architectures", ["MistralForCausalLM"]), ("model_type", "mistral"), ("hidden_act", "silu"),
        ("sliding_window", nil),
      ],
      interleavedRoles: [.query, .key]))
}
