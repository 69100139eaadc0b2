internal import Checkpoints
internal import Kernels
internal import Storage

extension ModelFamily {
  /// Qwen3.5: in most blocks a gated delta net in place of attention, in the others Qwen3's with a gate on what it answers and
  /// a quarter of each head turning; norms as in Gemma.
  package static let qwen35 = ModelFamily(
    name: "Qwen3.5",
    modelTypes: ["qwen3_5_text", "qwen3_5"],
    architectures: ["Qwen3_5ForCausalLM", "Qwen3_5ForConditionalGeneration"],
    tensorNames: commonTensorNames.merging([
      .queryNorm: "model.layers.{}.self_attn.q_norm.weight",
      .keyNorm: "model.layers.{}.self_attn.k_norm.weight",
      .deltaQueryKeyValue: "model.layers.{}.linear_attn.in_proj_qkv.weight",
      .deltaGate: "model.layers.{}.linear_attn.in_proj_z.weight",
      .deltaRate: "model.layers.{}.linear_attn.in_proj_b.weight",
      .deltaTime: "model.layers.{}.linear_attn.in_proj_a.weight",
      .deltaConvolution: "model.layers.{}.linear_attn.conv1d.weight",
      .deltaTimeBias: "model.layers.{}.linear_attn.dt_bias",
      .deltaDecay: "model.layers.{}.linear_attn.A_log",
      .deltaNorm: "model.layers.{}.linear_attn.norm.weight",
      .deltaOutput: "model.layers.{}.linear_attn.out_proj.weight",
    ]) { $1 },
    configuration: { try $0.qwen35() },
    gguf: GGUFNames(
      architecture: "qwen35",
      tensorNames: commonGGUFNames.merging([
        .queryNorm: "blk.{}.attn_q_norm.weight",
        .keyNorm: "blk.{}.attn_k_norm.weight",
        .mlpNorm: "blk.{}.post_attention_norm.weight",
        .deltaQueryKeyValue: "blk.{}.attn_qkv.weight",
        .deltaGate: "blk.{}.attn_gate.weight",
        .deltaRate: "blk.{}.ssm_beta.weight",
        .deltaTime: "blk.{}.ssm_alpha.weight",
        .deltaConvolution: "blk.{}.ssm_conv1d.weight",
        .deltaTimeBias: "blk.{}.ssm_dt.bias",
        .deltaDecay: "blk.{}.ssm_a",
        .deltaNorm: "blk.{}.ssm_norm.weight",
        .deltaOutput: "blk.{}.ssm_out.weight",
      ]) { $1 },
      values: commonGGUFValues + [
        ("linear_conv_kernel_dim", "ssm.conv_kernel"), ("linear_key_head_dim", "ssm.state_size"),
        ("linear_num_key_heads", "ssm.group_count"), ("linear_num_value_heads", "ssm.time_step_rank"),
        ("full_attention_interval", "full_attention_interval"),
        // What follows is read otherwise.
        ("inner_size", "ssm.inner_size"), ("layer_types", "attention.recurrent_layers"),
      ],
      listedValues: ["attention.recurrent_layers"],
      fixedConfig: [
        ("architectures", ["Qwen3_5ForCausalLM"]), ("model_type", "qwen3_5_text"), ("hidden_act", "silu"),
      ],
      addsNormOffset: true,
      complete: completeQwen35))

  /// Sets what files say of each block, and in other words.
  private static let completeQwen35: @Sendable (GGUFDescription, inout JSON.Members) throws -> Void = {
    file, config in
    // Blocks that predict further tokens stand behind the others.
    let further = file["nextn_predict_layers"]?.int ?? 0
    let all = max(0, min(file["block_count"]?.int ?? 0, 1 << 16))
    guard further >= 0, further < max(1, all) else {
      throw file.fault("nextn_predict_layers", "must be below the \(all) blocks")
    }
    let blocks = all - further
    if further > 0 { config["num_hidden_layers"] = .int(blocks) }
    let key = "attention.recurrent_layers"
    config["layer_types"] = nil
    if let listed = file[key]?.array {
      let flags = listed.bools ?? []
      guard flags.count == all, !flags.suffix(further).contains(true) else {
        throw file.fault(key, "must say true or false of each block")
      }
      config["layer_types"] = .array(
        flags.prefix(blocks).map { $0 ? "linear_attention" : "full_attention" })
    }
    let width = file["ssm.inner_size"]?.int ?? 0
    let heads = file["ssm.time_step_rank"]?.int ?? 0
    guard heads > 0, width > 0, width % heads == 0 else {
      throw file.fault("ssm.inner_size", "must be a multiple of \"ssm.time_step_rank\"")
    }
    config["linear_value_head_dim"] = .int(width / heads)
    config["inner_size"] = nil
    // Where a file says nothing, all of a head turns.
    if config["partial_rotary_factor"] == nil { config["partial_rotary_factor"] = 1.0 }
    if file["rope.dimension_sections"] != nil { try stateSections(file, &config) }
  }
}

extension ConfigReader {
  fileprivate func qwen35() throws -> ModelConfiguration {
    var configuration = try llamaLike(headDimension: 256, keyValueHeads: 4)
    if self["max_position_embeddings"] == nil { configuration.maximumPositions = 32_768 }
    configuration.norm = .rms(offset: 1)
    configuration.gatesAttention = true
    configuration.rotarySections = try rotarySections(default: [11, 11, 10])
    configuration.rotary = try rotary(headDimension: configuration.headDimension, fraction: 0.25)
    let hasBias = try flag("attention_bias", default: false)
    for role in [WeightRole.query, .key, .value, .attentionOutput] { configuration.biases[role] = hasBias }
    for role in WeightRole.allCases where role.isOfDeltaNet { configuration.biases[role] = false }
    let net = GatedDeltaNet(
      keyHeads: try count("linear_num_key_heads", default: 16),
      valueHeads: try count("linear_num_value_heads", default: 32),
      keyDimension: try count("linear_key_head_dim", default: 128),
      valueDimension: try count("linear_value_head_dim", default: 128),
      taps: try count("linear_conv_kernel_dim", default: 4))
    guard net.valueHeads % net.keyHeads == 0 else {
      throw ModelError(
        path,
        "\"linear_num_value_heads\" must be a multiple of the \(net.keyHeads) of \"linear_num_key_heads\", found \(net.valueHeads)"
      )
    }
    try requireUsual(net, configuration)
    configuration.deltaNet = net
    configuration.deltaNetBlocks = try deltaNetBlocks(configuration.blocks)
    return configuration
  }

  /// Throws where sizes that no tensor need show, as those of blocks that the model has none of, or that are squared, are far from
  /// those of any model.
  private func requireUsual(_ net: GatedDeltaNet, _ configuration: ModelConfiguration) throws {
    for (name, size, limit) in [
      ("\"num_attention_heads\" times \"head_dim\"", configuration.queryWidth, 1 << 20),
      ("\"num_key_value_heads\" times \"head_dim\"", configuration.keyValueWidth, 1 << 20),
      ("\"linear_num_key_heads\"", net.keyHeads, 1 << 10),
      ("\"linear_num_value_heads\"", net.valueHeads, 1 << 10),
      ("\"linear_key_head_dim\"", net.keyDimension, 1 << 10),
      ("\"linear_value_head_dim\"", net.valueDimension, 1 << 10),
      ("\"linear_conv_kernel_dim\"", net.taps, 1 << 6),
    ] where size > limit {
      throw ModelError(path, "\(name) is \(size); supported: at most \(limit)")
    }
  }

  /// The blocks with a gated delta net: those that `layer_types` says, else all but every fourth.
  private func deltaNetBlocks(_ blocks: Int) throws -> [Bool] {
    guard blocks <= 1 << 16 else { throw ModelError(path, "\(blocks) blocks are more than any model has") }
    guard let types = self["layer_types"] else {
      let interval = try count("full_attention_interval", default: 4)
      return (1...blocks).map { $0 % interval != 0 }
    }
    guard types.count == blocks else {
      throw ModelError(path, "\"layer_types\" must name all \(blocks) blocks, found \(types.count)")
    }
    return try types.elements.map { type in
      switch type.string {
      case "linear_attention"?: return true
      case "full_attention"?: return false
      default:
        throw ModelError(
          path, "\"layer_types\" has \(type.summary); supported: full_attention, linear_attention")
      }
    }
  }
}
