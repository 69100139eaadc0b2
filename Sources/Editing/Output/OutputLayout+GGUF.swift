internal import Checkpoints
internal import Kernels
internal import Storage
internal import Tokenization
internal import Transformer

/// A GGUF file as a Hugging Face folder.
extension OutputLayout {
  /// The weights under the names and in the order of the family's checkpoints.
  static func converted(_ model: Model, _ edits: [String: WeightEdit]) -> [CheckpointTensor] {
    let type = convertedType(model)
    return rearranged(model, names: model.family.tensorNames, edits) { _, _ in type }
  }

  /// Every weight of `model`, global ones before those of blocks, as the other of the two formats has it: a GGUF file's as
  /// a checkpoint's, or the other way round.
  ///
  /// - Parameters:
  ///   - names: the names in the output.
  ///   - type: how a role's tensor of some shape is stored there.
  static func rearranged(
    _ model: Model, names: [WeightRole: String], _ edits: [String: WeightEdit],
    context: ComputeContext? = nil,
    type: (WeightRole, [Int]) -> ElementType
  ) -> [CheckpointTensor] {
    let configuration = model.configuration
    let gguf = model.family.gguf
    let isFromGGUF = if case .gguf = model.source { true } else { false }
    var tensors: [CheckpointTensor] = []
    func add(_ role: WeightRole, _ block: Int?) {
      for part in [Model.Part.weight, .bias] {
        guard let entry = model.entry(role, block: block, part: part), let pattern = names[role] else {
          continue
        }
        var rearrangement = Rearrangement.none
        var shape = entry.shape
        if gguf?.interleavedRoles.contains(role) == true {
          let head = block.map { configuration.block($0).headDimension } ?? configuration.headDimension
          rearrangement = isFromGGUF ? .interleavedHalves(head: head) : .separateHalves(head: head)
        } else if role == .queryKeyValue, gguf?.fusedOrder == .blocks {
          let (heads, head) = (configuration.heads, configuration.headDimension)
          rearrangement =
            isFromGGUF ? .fusedBlocks(heads: heads, head: head) : .fusedHeads(heads: heads, head: head)
        } else if role.isLinear, part == .weight, model.family.linearLayout == .inputMajor {
          rearrangement = .transposed
          shape.reverse()
        } else if let net = configuration.deltaNet {
          rearrangement = Rearrangement(ofHeads: net, role, isFromGGUF: isFromGGUF)
        }
        if role == .deltaConvolution, part == .weight {
          shape = isFromGGUF ? [shape[0], 1, shape[1]] : [shape[0], shape[2]]
        }
        let isOffset =
          gguf?.addsNormOffset == true && entry.shape.count == 1 && part == .weight && role.hasNormOffset
        var values = CheckpointTensor.ValueForm.same
        if isOffset { values = .without(isFromGGUF ? 1 : -1) }
        if role == .deltaDecay { values = isFromGGUF ? .logarithms : .rates }
        tensors.append(
          CheckpointTensor(
            name: Model.expand(pattern, block: block, part: part), type: type(role, shape), shape: shape,
            source: entry, rearrangement: rearrangement, values: values,
            edit: edits[entry.name], context: context))
      }
    }
    for role in WeightRole.allCases where !role.isPerBlock {
      if role != .outputHead || !configuration.tiedHead { add(role, nil) }
    }
    for block in 1...configuration.blocks {
      for role in model.roles(block: block) { add(role, block) }
    }
    return tensors
  }

  /// The type that the folder is written in: that of the matrices to be edited, bf16 where they are quantised or differ.
  ///
  /// One type for all tensors, as loaders make of a checkpoint; files hold norms and biases in f32 whatever they had.
  static func convertedType(_ model: Model) -> ElementType {
    let types = Set((1...model.configuration.blocks).map { model.entry(.mlpValue, block: $0)?.type })
    return [.f32, .f16].first { types == [$0] } ?? .bf16
  }

  /// Configuration and tokenizer of the file.
  static func sideFiles(forGGUF model: Model) throws -> [SideFile] {
    let tokenizer = try model.tokenizer()
    guard case .object(var config) = model.config else { return [] }
    switch convertedType(model) {
    case .f32: config["torch_dtype"] = "float32"
    case .f16: config["torch_dtype"] = "float16"
    default: config["torch_dtype"] = "bfloat16"
    }
    var generation = JSON.Members()
    for key in ["bos_token_id", "eos_token_id", "pad_token_id"] { generation[key] = config[key] }
    let json = tokenizer.huggingFaceJSON(
      chatTemplate: model.chatTemplateText?.text, modelMaxLength: model.configuration.maximumPositions)
    return [
      .text(name: "config.json", JSON.object(config).serialized(pretty: true) + "\n"),
      .text(name: "generation_config.json", JSON.object(generation).serialized(pretty: true) + "\n"),
      .text(name: "tokenizer.json", json.tokenizer.serialized(pretty: true) + "\n"),
      .text(name: "tokenizer_config.json", json.config.serialized(pretty: true) + "\n"),
    ]
  }
}

extension Rearrangement {
  /// That of a gated delta net's tensor, whose heads of values GGUF files have in another order where they share those of keys.
  fileprivate init(ofHeads net: GatedDeltaNet, _ role: WeightRole, isFromGGUF: Bool) {
    self = .none
    let shared = net.valueHeads / net.keyHeads
    guard shared > 1 else { return }
    let (count, each) = isFromGGUF ? (shared, net.keyHeads) : (net.keyHeads, shared)
    let width = net.valueDimension
    switch role {
    case .deltaQueryKeyValue, .deltaConvolution:
      self = .headsInTurn(count: count, shared: each, width: width, first: 2 * net.keyWidth)
    case .deltaGate: self = .headsInTurn(count: count, shared: each, width: width, first: 0)
    case .deltaRate, .deltaTime, .deltaTimeBias, .deltaDecay:
      self = .headsInTurn(count: count, shared: each, width: 1, first: 0)
    case .deltaOutput: self = .columnsInTurn(count: count, shared: each, width: width)
    default: break
    }
  }
}
