internal import Checkpoints
internal import Kernels
internal import Storage

extension ModelFamily {
  /// Gemma 4: as Gemma 3 with plain norm weights, a norm of values too, blocks that see all keys with heads of their own, of
  /// which few elements turn, and a factor behind each block; the small ones with a vector that each token brings into every
  /// block, and last blocks that take over the keys and values of earlier ones.
  package static let gemma4 = ModelFamily(
    name: "Gemma 4",
    modelTypes: ["gemma4_text", "gemma4", "gemma4_unified_text", "gemma4_unified"],
    architectures: [
      "Gemma4ForCausalLM", "Gemma4ForConditionalGeneration", "Gemma4UnifiedForCausalLM",
      "Gemma4UnifiedForConditionalGeneration",
    ],
    tensorNames: sandwichTensorNames.merging([
      .queryNorm: "model.layers.{}.self_attn.q_norm.weight",
      .keyNorm: "model.layers.{}.self_attn.k_norm.weight",
      .blockScale: "model.layers.{}.layer_scalar",
      .tokenTable: "model.embed_tokens_per_layer.weight",
      .tokenContexts: "model.per_layer_model_projection.weight",
      .tokenContextNorm: "model.per_layer_projection_norm.weight",
      .tokenGate: "model.layers.{}.per_layer_input_gate.weight",
      .tokenOutput: "model.layers.{}.per_layer_projection.weight",
      .postTokenNorm: "model.layers.{}.post_per_layer_input_norm.weight",
    ]) { $1 },
    configuration: { try $0.gemma4() },
    gguf: GGUFNames(
      architecture: "gemma4",
      tensorNames: sandwichGGUFNames.merging([
        .queryNorm: "blk.{}.attn_q_norm.weight",
        .keyNorm: "blk.{}.attn_k_norm.weight",
        .blockScale: "blk.{}.layer_output_scale.weight",
        .tokenTable: "per_layer_token_embd.weight",
        .tokenContexts: "per_layer_model_proj.weight",
        .tokenContextNorm: "per_layer_proj_norm.weight",
        .tokenGate: "blk.{}.inp_gate.weight",
        .tokenOutput: "blk.{}.proj.weight",
        .postTokenNorm: "blk.{}.post_norm.weight",
      ]) { $1 },
      values: commonGGUFValues.filter { $0.key != "head_dim" } + [
        ("global_head_dim", "attention.key_length"), ("head_dim", "attention.key_length_swa"),
        ("sliding_window", "attention.sliding_window"),
        ("final_logit_softcapping", "final_logit_softcapping"),
        ("hidden_size_per_layer_input", "embedding_length_per_layer_input"),
        ("num_kv_shared_layers", "attention.shared_kv_layers"),
        // What follows is read otherwise.
        ("value_length_swa", "attention.value_length_swa"),
        ("dimension_count_swa", "rope.dimension_count_swa"),
        ("rope_theta_swa", "rope.freq_base_swa"), ("layer_types", "attention.sliding_window_pattern"),
      ],
      listedValues: [
        "feed_forward_length", "attention.head_count_kv", "attention.sliding_window_pattern",
      ],
      fixedConfig: [
        ("architectures", ["Gemma4ForCausalLM"]), ("model_type", "gemma4_text"),
        ("hidden_activation", "gelu_pytorch_tanh"), ("hidden_size_per_layer_input", 0),
      ],
      statesMerges: true,
      dividesFrequencies: true,
      complete: completeGemma4))

  /// Sets what files say of each block, or of one kind of blocks.
  private static let completeGemma4: @Sendable (GGUFDescription, inout JSON.Members) throws -> Void = {
    file, config in
    if file.has("blk.0.attn_output.bias") {
      throw ModelError(
        file.path, "tensor \"blk.0.attn_output.bias\": GGUF files of Gemma 4 models have no biases")
    }
    let blocks = try windowedBlocks(file)
    config["layer_types"] = .array(blocks.map { $0 ? "sliding_attention" : "full_attention" })
    config["vocab_size_per_layer_input"] = config["vocab_size"]
    // So files of models say in which no block has a window.
    if config["sliding_window"] == .int(0) { config["sliding_window"] = nil }
    // Values are keys where no matrix makes them.
    let full = blocks.indices.filter { !blocks[$0] }
    let shared = max(0, min(file["attention.shared_kv_layers"]?.int ?? 0, blocks.count))
    let making = full.filter { $0 < blocks.count - shared }
    config["attention_k_eq_v"] = .bool(
      !making.isEmpty && making.allSatisfy { !file.has("blk.\($0).attn_v.weight") })
    let head = file["attention.key_length_swa"]?.int
    for key in ["attention.value_length_swa", "rope.dimension_count_swa"] {
      guard file[key] == nil || file[key]?.int == head else {
        throw file.fault(key, "differs from the length of keys, which is not supported")
      }
    }
    try setHeads(file, blocks, &config)
    try setWidths(file, shared, &config)
    var settings = JSON.Members([("rope_type", "default")])
    if let scaling = config["rope_scaling"], case .object(let members) = scaling {
      guard members["rope_type"] == "proportional" else {
        throw file.fault("rope.scaling.type", "is given, which is not supported for this architecture")
      }
      settings = members
    }
    settings["rope_theta"] = config["rope_theta"] ?? 10_000.0
    config["rope_parameters"] = [
      "full_attention": .object(settings),
      "sliding_attention": [
        "rope_type": "default", "rope_theta": config["rope_theta_swa"] ?? config["rope_theta"] ?? 10_000.0,
      ],
    ]
    for key in ["rope_scaling", "rope_theta", "rope_theta_swa", "value_length_swa", "dimension_count_swa"] {
      config[key] = nil
    }
  }

  /// Sets the heads of keys and values of both kinds of blocks.
  private static func setHeads(
    _ file: GGUFDescription, _ isWindowed: [Bool], _ config: inout JSON.Members
  ) throws {
    let key = "attention.head_count_kv"
    guard let listed = file[key]?.array else { return }
    let counts = listed.ints ?? []
    guard counts.count == isWindowed.count else { throw file.fault(key, "must have a number for each block") }
    for (name, hasWindow) in [("num_key_value_heads", true), ("num_global_key_value_heads", false)] {
      let own = Set(zip(counts, isWindowed).filter { $1 == hasWindow }.map { $0.0 })
      guard own.count <= 1 else { throw file.fault(key, "must be the same for all blocks of one type") }
      if let count = own.first { config[name] = .int(count) }
    }
    guard config["attention_k_eq_v"] == true || Set(counts).count == 1 else {
      throw file.fault(key, "differs between blocks that have values of their own, which is not supported")
    }
  }

  /// Sets the width of the MLP, which is twice as large in blocks that take over keys and values, or not.
  private static func setWidths(
    _ file: GGUFDescription, _ shared: Int, _ config: inout JSON.Members
  ) throws {
    let key = "feed_forward_length"
    guard let listed = file[key]?.array else { return }
    let widths = listed.ints ?? []
    guard let first = widths.first, shared < widths.count, (1..<1 << 28).contains(first) else {
      throw file.fault(key, "must have a number for each block")
    }
    let isWide = widths.last == 2 * first && shared > 0
    let expected = widths.indices.map { isWide && $0 >= widths.count - shared ? 2 * first : first }
    guard widths == expected else {
      throw file.fault(
        key, "must be the same for all blocks, or twice as much for those that share keys and values")
    }
    config["intermediate_size"] = .int(first)
    config["use_double_wide_mlp"] = .bool(isWide)
  }
}

extension ConfigReader {
  fileprivate func gemma4() throws -> ModelConfiguration {
    try refuseUnsupported()
    // The one of 12 billion weights, whose pictures have no tower of their own: other defaults, and no token comes in again.
    let isUnified = text("model_type")?.hasPrefix("gemma4_unified") ?? false
    var configuration = try llamaLike(headDimension: 256, keyValueHeads: 4, tiedHead: true)
    configuration.activation = try activation("hidden_activation", default: .geluTangent)
    configuration.embeddingScale = Float(configuration.hidden).squareRoot()
    configuration.normsBranches = true
    configuration.normsValues = true
    configuration.attentionScale = 1
    configuration.logitCap = try bound("final_logit_softcapping", default: nil)
    try readBiases(into: &configuration)
    configuration.maximumPositions = try count(
      "max_position_embeddings", default: isUnified ? 1 << 18 : 1 << 17)
    let window = try count("sliding_window", default: isUnified ? 1024 : 512)
    var windows = try windows(window, blocks: configuration.blocks) { $0 % 6 != 0 }
    // The last block sees all keys, whatever the list says of it.
    windows[windows.count - 1] = nil
    configuration.windows = windows
    configuration.blockShapes = try blockShapes(configuration)
    configuration = configuration.block(1)
    let width = try index("hidden_size_per_layer_input", default: isUnified ? 0 : 256)
    if width > 0 {
      configuration.tokenBranchWidth = width
      let rows = try count("vocab_size_per_layer_input", default: 262_144)
      guard rows == configuration.vocabulary else {
        throw ModelError(
          path,
          "\"vocab_size_per_layer_input\" is \(rows) and \"vocab_size\" \(configuration.vocabulary); supported: the "
            + "same")
      }
    }
    try readRotary(into: &configuration)
    return configuration
  }

  private func refuseUnsupported() throws {
    if text("use_bidirectional_attention") == "all" {
      throw ModelError(
        path,
        "\"use_bidirectional_attention\" is \"all\": models whose tokens see those behind them are not supported"
      )
    }
    if try flag("enable_moe_block", default: false) {
      throw ModelError(
        path, "\"enable_moe_block\" is true: Mixture-of-Experts models are not supported; give a dense model")
    }
  }

  /// The heads of each block: what `per_layer_config` says of it, or where that is missing, what the model says of all blocks
  /// that see all keys.
  private func blockShapes(_ model: ModelConfiguration) throws -> [ModelConfiguration.BlockShape] {
    let sharesMatrix = try flag("attention_k_eq_v", default: false)
    let keyValueHeads = try count("num_global_key_value_heads", default: model.keyValueHeads)
    let headDimension = try count("global_head_dim", default: 512)
    let listed = self["per_layer_config"]
    let sources = try keySources(model)
    let isWide = try flag("use_double_wide_mlp", default: false)
    let shapes = try model.windows.indices.map { index in
      let seesAll = model.windows[index] == nil
      var shape = ModelConfiguration.BlockShape(
        keyValueHeads: model.keyValueHeads, headDimension: model.headDimension,
        intermediate: model.intermediate, valuesAreKeys: sharesMatrix && seesAll,
        keySource: sources[index])
      if isWide, shape.keySource != nil { shape.intermediate *= 2 }
      if let listed {
        if let own = listed["\(index)"] {
          let own = ConfigReader(path: "\(path), \"per_layer_config\", \"\(index)\"", root: own)
          shape.headDimension = try own.count("head_dim", default: shape.headDimension)
          shape.keyValueHeads = try own.count("num_key_value_heads", default: shape.keyValueHeads)
        }
      } else if seesAll {
        shape.headDimension = headDimension
        if sharesMatrix { shape.keyValueHeads = keyValueHeads }
      }
      return shape
    }
    for (index, shape) in shapes.enumerated() {
      guard let source = shape.keySource, shapes[source - 1].keyValueHeads != shape.keyValueHeads else {
        continue
      }
      throw ModelError(
        path,
        "\"per_layer_config\" must give block \(index + 1) as many heads of keys and values as block \(source), whose it takes over"
      )
    }
    return shapes
  }

  /// The block whose keys and values each block takes over: the last of its type that makes its own.
  private func keySources(_ model: ModelConfiguration) throws -> [Int?] {
    let shared = try index("num_kv_shared_layers", default: 0)
    guard shared < model.blocks else {
      throw ModelError(
        path, "\"num_kv_shared_layers\" must be below the \(model.blocks) blocks, found \(shared)")
    }
    let first = model.blocks - shared
    let isWindowed = model.windows.map { $0 != nil }
    let making = isWindowed.prefix(first)
    let (windowed, full) = (making.lastIndex(of: true), making.lastIndex(of: false))
    return try isWindowed.enumerated().map { index, isWindowed in
      guard index >= first else { return nil }
      guard let source = isWindowed ? windowed : full else {
        throw ModelError(
          path,
          "\"num_kv_shared_layers\" is \(shared), but no block of the type of block \(index + 1) makes keys and values"
        )
      }
      return source + 1
    }
  }

  /// Rotary settings of both kinds of blocks; where the file has none, a quarter of the pairs of a head turns in the blocks that
  /// see all keys.
  private func readRotary(into configuration: inout ModelConfiguration) throws {
    func settings(_ base: Double, _ hasWindow: Bool) throws -> RotarySettings {
      let head = configuration.headDimension(hasWindow: hasWindow)
      guard
        configuration.blockShapes.indices.allSatisfy({
          (configuration.windows[$0] != nil) != hasWindow
            || configuration.blockShapes[$0].headDimension == head
        })
      else {
        throw ModelError(path, "\"per_layer_config\" must give blocks of one type heads of one width")
      }
      var rotary = try rotary(
        base: base, headDimension: head, layerType: hasWindow ? "sliding_attention" : "full_attention")
      // Without scaling all of a head turns, whatever the share that is stated.
      if rotary.scaling == .none { rotary.dimension = nil }
      return rotary
    }
    configuration.rotary = try settings(1_000_000, false)
    let hasWindows = configuration.windows.contains { $0 != nil }
    configuration.windowedRotary = hasWindows ? try settings(10_000, true) : nil
    if self["rope_parameters"] == nil {
      let head = configuration.headDimension(hasWindow: false)
      configuration.rotary.scaling = .proportional(pairs: head / 8, factor: 1)
    }
  }
}
