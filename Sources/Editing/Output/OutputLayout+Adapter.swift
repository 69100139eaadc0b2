internal import Checkpoints
internal import Kernels
internal import Storage
internal import SubspaceEditing
internal import Transformer

/// An edit as a LoRA adapter in PEFT's format.
extension OutputLayout {
  /// Two factors for each edited weight, and the configuration.
  static func adapter(
    _ model: Model, _ subspace: EditSubspace, _ strength: Double
  ) throws -> (files: [File], sideFiles: [SideFile]) {
    var modules: [AdapterConfiguration.Module] = []
    var tensors: [AdapterTensor] = []
    for block in subspace.blocks {
      let weight = try model.weight(.mlpValue, block: block.block)
      guard let module = model.moduleName(.mlpValue, block: block.block) else {
        throw EditingError(model.path, "\(model.family.name) has no name for an MLP's second matrix")
      }
      modules.append(AdapterConfiguration.Module(name: module, rank: block.subspace.rank))
      let edit = WeightEdit(
        block: block.block, subspace: block.subspace, strength: strength,
        layout: model.mlpValueLayout)
      for factor in [AdapterTensor.Factor.input, .output] {
        tensors.append(
          AdapterTensor(
            factor: factor, name: AdapterConfiguration.tensorName(module, factor), weight: weight, edit: edit)
        )
      }
    }
    let configuration = AdapterConfiguration(
      base: HubModel(snapshot: model.path)?.id ?? model.path,
      fanInFanOut: model.family.linearLayout == .inputMajor, modules: modules)
    return (
      [File(name: OutputFormat.lora.tensorFileStem + ".safetensors", tensors: tensors, header: nil)],
      [.text(name: AdapterConfiguration.fileName, configuration.text)]
    )
  }

  /// Two factors for each edited weight under the names that llama.cpp knows: those of the weight, which are the same for
  /// every base of the family, with a suffix.
  static func ggufAdapter(
    _ model: Model, _ subspace: EditSubspace, _ strength: Double, fileName: String
  ) throws -> File {
    guard let names = model.family.gguf, let pattern = names.tensorNames[.mlpValue] else {
      throw EditingError(model.path, "no GGUF file holds a model of the family \(model.family.name)")
    }
    let tensors = try subspace.blocks.flatMap { block in
      let edit = WeightEdit(
        block: block.block, subspace: block.subspace, strength: strength,
        layout: model.mlpValueLayout)
      let weight = try model.weight(.mlpValue, block: block.block)
      return [AdapterTensor.Factor.input, .output].map {
        AdapterTensor(
          factor: $0, name: Model.expand(pattern, block: block.block, part: .weight) + $0.ggufSuffix,
          weight: weight, edit: edit)
      }
    }
    let ranks = Set(subspace.blocks.map(\.subspace.rank))
    var metadata = GGUFMetadata()
    metadata.add("general.architecture", names.architecture)
    metadata.add("general.type", "adapter")
    metadata.add("adapter.type", "lora")
    // llama.cpp multiplies by alpha / rank, and by 1 where alpha is 0: the strength is in B.
    metadata.add("adapter.lora.alpha", ranks.count == 1 ? Float(ranks.first ?? 0) : 0)
    return File(
      name: fileName, tensors: tensors, header: nil,
      gguf: try GGUFLayout(
        metadata: metadata,
        tensors: tensors.map { GGUFLayout.Tensor(name: $0.name, type: $0.type, shape: $0.shape) },
        path: fileName))
  }
}

extension AdapterTensor.Factor {
  /// What llama.cpp puts behind the weight's name.
  var ggufSuffix: String { self == .input ? ".lora_a" : ".lora_b" }
}
