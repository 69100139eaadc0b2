internal import Checkpoints
internal import Storage
internal import Transformer

/// A model whose weights were changed in memory, in the files of the one it was read from.
extension OutputLayout {
  /// The files of `base` with the tensors that `model` holds now, in the types that `base` stores them in.
  ///
  /// - Parameter changed: names of the tensors that may differ.
  init(_ base: Model, trained model: Model, changed: Set<String>) throws {
    func tensor(_ entry: TensorEntry) -> CheckpointTensor {
      CheckpointTensor(
        name: entry.name, type: entry.type, shape: entry.shape, source: model.tensors[entry.name] ?? entry)
    }
    sourceFiles = Self.sourceFiles(of: base)
    switch base.source {
    case .folder(let folder):
      files = folder.shards.map { shard in
        let entries = shard.header.entries
        return File(
          name: shard.name, tensors: entries.map(tensor), header: shard.header,
          verbatimSource: entries.contains { changed.contains($0.name) }
            ? nil : FileSystem.join(base.path, shard.name))
      }
      sideFiles = try Self.sideFiles(of: base.path, besides: Set(folder.shards.map(\.name)))
    case .torch(let folder):
      files = Self.converted(folder, tensor)
      sideFiles = try Self.sideFiles(of: base.path, besides: []) + Self.index(of: files)
    case .gguf:
      let type = Self.convertedType(base)
      let tensors = Self.rearranged(model, names: base.family.tensorNames, [:]) { _, _ in type }
      files = [File(name: "model.safetensors", tensors: tensors, header: nil)]
      sideFiles = try Self.sideFiles(forGGUF: base)
    }
  }

  /// The adapters that were trained beside `base`, in PEFT's format: A and B as they are, and PEFT's scale of B A.
  init(_ base: Model, adapters: AdapterValues) throws {
    try OutputFormat.lora.check(base)
    if case .gguf = base.source {
      throw EditingError(
        base.path,
        "an adapter of a GGUF file's matrices would not fit the model that PEFT loads; write --format checkpoint"
      )
    }
    var modules: [AdapterConfiguration.Module] = []
    var tensors: [NumbersTensor] = []
    for parameter in adapters.layout.parameters {
      guard let factor = parameter.key.factor, let adapter = adapters.layout.adapter,
        let module = base.moduleName(parameter.key.role, block: parameter.key.block)
      else { continue }
      if factor == .input { modules.append(.init(name: module, rank: adapter.rank)) }
      tensors.append(
        NumbersTensor(
          name: AdapterConfiguration.tensorName(module, factor == .input ? .input : .output),
          values: adapters.values(of: parameter), shape: parameter.shape))
    }
    let configuration = AdapterConfiguration(
      base: HubModel(snapshot: base.path)?.id ?? base.path,
      fanInFanOut: base.family.linearLayout == .inputMajor, modules: modules,
      alpha: adapters.layout.adapter?.alpha)
    files = [File(name: OutputFormat.lora.tensorFileStem + ".safetensors", tensors: tensors, header: nil)]
    sourceFiles = Self.sourceFiles(of: base)
    sideFiles = [.text(name: AdapterConfiguration.fileName, configuration.text)]
  }
}
