internal import Checkpoints
internal import Storage

extension ModelFamily {
  /// SmolLM3: Llama with blocks, every fourth unless the file says which, whose queries and keys have no positions.
  package static let smolLM3 = ModelFamily(
    name: "SmolLM3",
    modelTypes: ["smollm3"],
    architectures: ["SmolLM3ForCausalLM"],
    tensorNames: commonTensorNames,
    configuration: { config in
      var configuration = try config.llamaLike(keyValueHeads: 4, tiedHead: true)
      configuration.rotary = try config.rotary(base: 2_000_000, headDimension: configuration.headDimension)
      try config.readBiases(into: &configuration)
      let turning = try config.turningBlocks(configuration.blocks)
      if turning.contains(false) { configuration.turningBlocks = turning }
      if try config.flag("use_sliding_window", default: false), config["sliding_window"] != nil {
        configuration.windows = try config.windows(
          try config.count("sliding_window"), blocks: configuration.blocks
        ) { !turning[$0 - 1] }
      }
      return configuration
    },
    gguf: GGUFNames(
      architecture: "smollm3",
      tensorNames: commonGGUFNames,
      values: commonGGUFValues,
      fixedConfig: [
        ("architectures", ["SmolLM3ForCausalLM"]), ("model_type", "smollm3"), ("hidden_act", "silu"),
      ],
      interleavedRoles: [.query, .key],
      complete: { file, config in
        stateBiases(file, &config)
        // Files without a base mean another than configurations do.
        config["rope_theta"] = config["rope_theta"] ?? 10_000.0
      }))
}

extension ConfigReader {
  /// Whether queries and keys turn, of each block: what `no_rope_layers` says, where 1 stands for turning, else in all but
  /// every `no_rope_layer_interval`-th.
  fileprivate func turningBlocks(_ blocks: Int) throws -> [Bool] {
    guard blocks <= 1 << 16 else { throw ModelError(path, "\(blocks) blocks are more than any model has") }
    guard let stated = try counts("no_rope_layers") else {
      let interval = try count("no_rope_layer_interval", default: 4)
      return (1...blocks).map { $0 % interval != 0 }
    }
    guard stated.count >= blocks else {
      throw ModelError(path, "\"no_rope_layers\" must name all \(blocks) blocks, found \(stated.count)")
    }
    return stated.prefix(blocks).map { $0 != 0 }
  }
}
