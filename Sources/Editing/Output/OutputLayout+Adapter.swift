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
        layout: model.layout(of: .mlpValue) == .inputMajor ? .inputsByOutputs : .outputsByInputs)
      for factor in [AdapterTensor.Factor.input, .output] {
        tensors.append(AdapterTensor(factor: factor, module: module, weight: weight, edit: edit))
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
}
