internal import Checkpoints
internal import Kernels
internal import Storage

extension ModelFamily {
  /// Gemma 4: as Gemma 3 with plain norm weights, a norm of values too, blocks that see all keys with heads of their own, of
  /// which few elements turn, and a factor behind each block; the small ones with a vector that each token brings into every
  /// block, and last blocks that take over the keys and values of earlier ones.
  package static let gemma4 = ModelFamily(
    name: "Gemma 4",
    modelTypes: ["gemma4_text", "gemma4"],
    architectures: ["Gemma4ForCausalLM", "Gemma4ForConditionalGeneration"],
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
    configuration: { try $0.gemma4() })
}

extension ConfigReader {
  fileprivate func gemma4() throws -> ModelConfiguration {
    try refuseUnsupported()
    var configuration = try llamaLike(headDimension: 256, keyValueHeads: 4, tiedHead: true)
    configuration.activation = try activation("hidden_activation", default: .geluTangent)
    configuration.embeddingScale = Float(configuration.hidden).squareRoot()
    configuration.normsBranches = true
    configuration.normsValues = true
    configuration.attentionScale = 1
    configuration.logitCap = try bound("final_logit_softcapping", default: nil)
    try readBiases(into: &configuration)
    let window = try count("sliding_window", default: 512)
    var windows = try windows(window, blocks: configuration.blocks) { $0 % 6 != 0 }
    // The last block sees all keys, whatever the list says of it.
    windows[windows.count - 1] = nil
    configuration.windows = windows
    configuration.blockShapes = try blockShapes(configuration)
    let width = try index("hidden_size_per_layer_input", default: 256)
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
    return try model.windows.indices.map { index in
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
  }

  /// The block whose keys and values each block takes over: the last of its type that makes its own.
  private func keySources(_ model: ModelConfiguration) throws -> [Int?] {
    let shared = try index("num_kv_shared_layers", default: 0)
    guard shared < model.blocks else {
      throw ModelError(
        path, "\"num_kv_shared_layers\" must be below the \(model.blocks) blocks, found \(shared)")
    }
    let first = model.blocks - shared
    return try model.windows.indices.map { index in
      guard index >= first else { return nil }
      let isWindowed = model.windows[index] != nil
      guard let source = (0..<first).last(where: { (model.windows[$0] != nil) == isWindowed }) else {
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
    configuration.windowedRotary = try settings(10_000, true)
    if self["rope_parameters"] == nil {
      configuration.rotary.scaling = .proportional(share: 0.25, factor: 1)
    }
  }
}
