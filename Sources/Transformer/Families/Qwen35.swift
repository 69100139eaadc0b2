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
    configuration: { try $0.qwen35() })
}

extension ConfigReader {
  fileprivate func qwen35() throws -> ModelConfiguration {
    var configuration = try llamaLike(headDimension: 256, keyValueHeads: 4)
    configuration.maximumPositions = try count("max_position_embeddings", default: 32_768)
    configuration.norm = .rms(offset: 1)
    configuration.gatesAttention = true
    configuration.rotary = try rotary(headDimension: configuration.headDimension, fraction: 0.25)
    let hasBias = try flag("attention_bias", default: false)
    for role in [WeightRole.query, .key, .value, .attentionOutput] { configuration.biases[role] = hasBias }
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
    configuration.deltaNet = net
    configuration.deltaNetBlocks = try deltaNetBlocks(configuration.blocks)
    return configuration
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
