internal import Checkpoints
internal import Storage

extension ModelFamily {
  /// The text model of Qwen2-VL and Qwen2.5-VL: Qwen2, whose files may say how a head's pairs turn by a picture's time, height
  /// and width, which of text are equal.
  package static let qwen2VL = ModelFamily(
    name: "Qwen2-VL",
    modelTypes: ["qwen2_vl_text", "qwen2_vl", "qwen2_5_vl_text", "qwen2_5_vl"],
    architectures: ["Qwen2VLForConditionalGeneration", "Qwen2_5_VLForConditionalGeneration"],
    tensorNames: qwen2.tensorNames,
    configuration: { config in
      var configuration = try config.llamaLike(keyValueHeads: 8, epsilon: 1e-5, rotaryBase: 1_000_000)
      configuration.windows = try config.qwenWindows(configuration.blocks, firstWindowed: 80)
      configuration.rotarySections = try config.rotarySections(default: [16, 24, 24])
      return configuration
    },
    gguf: GGUFNames(
      architecture: "qwen2vl",
      tensorNames: commonGGUFNames,
      values: commonGGUFValues,
      fixedConfig: [
        ("architectures", ["Qwen2ForCausalLM"]), ("model_type", "qwen2"), ("hidden_act", "silu"),
        ("use_sliding_window", false),
      ],
      complete: stateSections))

  /// The text model of Qwen3-VL: Qwen3 in the same way, without what pictures add to its first blocks.
  package static let qwen3VL = ModelFamily(
    name: "Qwen3-VL",
    modelTypes: ["qwen3_vl_text", "qwen3_vl"],
    architectures: ["Qwen3VLForConditionalGeneration"],
    tensorNames: qwen3.tensorNames,
    configuration: { config in
      var configuration = try config.llamaLike(headDimension: 128, keyValueHeads: 32, rotaryBase: 500_000)
      configuration.pictureBlocks = try config.index(
        "deepstack_blocks", default: config["deepstack_visual_indexes"]?.count ?? 0)
      configuration.rotarySections = try config.rotarySections(default: [24, 20, 20])
      return configuration
    },
    gguf: GGUFNames(
      architecture: "qwen3vl",
      tensorNames: commonGGUFNames.merging([
        .queryNorm: "blk.{}.attn_q_norm.weight", .keyNorm: "blk.{}.attn_k_norm.weight",
      ]) { $1 },
      values: commonGGUFValues + [("deepstack_blocks", "n_deepstack_layers")],
      fixedConfig: [
        ("architectures", ["Qwen3ForCausalLM"]), ("model_type", "qwen3"), ("hidden_act", "silu"),
      ],
      complete: stateSections))
}

extension ModelFamily {
  /// Sets what the file says of the parts of a picture's position.
  ///
  /// A folder made of the file holds Qwen's plain text model.
  static let stateSections: @Sendable (GGUFDescription, inout JSON.Members) throws -> Void = {
    file, config in
    let key = "rope.dimension_sections"
    guard let sections = file[key]?.array?.ints, (3...4).contains(sections.count) else {
      throw file.fault(key, "must be a list of three or four numbers")
    }
    config["mrope_section"] = .array(sections.prefix(3).map { .int($0) })
  }
}

extension ConfigReader {
  /// How a head's pairs are shared out among time, height and width of a picture.
  func rotarySections(default fallback: [Int]) throws -> [Int] {
    for key in ["rope_parameters", "rope_scaling"] {
      guard let sections = self[key]?["mrope_section"] else { continue }
      return sections.elements.compactMap(\.int)
    }
    return try counts("mrope_section") ?? fallback
  }
}
