internal import Checkpoints
internal import Kernels
internal import Storage
internal import SubspaceEditing
internal import Transformer

/// The files of an edit's output: which tensors go where, and which small files stand beside them.
struct OutputLayout {
  /// A file of weights.
  struct File {
    /// Its name in the folder.
    let name: String
    /// Its tensors in the order of their bytes.
    let tensors: [any OutputTensor]
    /// The header to repeat byte by byte; `nil` to write a new one.
    let header: SafetensorsHeader?
    /// The source file, where the whole of it is copied.
    var verbatimSource: String? = nil
    /// What else a GGUF file holds; `nil` for safetensors.
    var gguf: GGUFLayout? = nil
  }

  /// A file beside the weights.
  enum SideFile {
    case copy(name: String, from: String)
    case text(name: String, String)

    /// Its path in the output folder.
    var name: String {
      switch self {
      case .copy(let name, _), .text(let name, _): name
      }
    }
  }

  /// The files of weights.
  let files: [File]
  /// The files beside the weights.
  let sideFiles: [SideFile]
  /// Files of the source that hold its weights.
  let sourceFiles: [String]

  /// The layout for writing `model` edited by `subspace`.
  ///
  /// As a checkpoint a folder keeps its files, torch's become safetensors, and a GGUF becomes a folder. A GGUF file is
  /// called `fileName`, and has `type` for the edited matrices of a base that is one, else for all matrices.
  init(
    _ model: Model, _ subspace: EditSubspace, strength: Double, format: OutputFormat,
    type: ElementType? = nil,
    fileName: String = "", context: ComputeContext? = nil
  ) throws {
    try format.check(model)
    try Self.check(subspace, fits: model)
    sourceFiles = Self.sourceFiles(of: model)
    switch format {
    case .checkpoint: break
    case .lora:
      (files, sideFiles) = try Self.adapter(model, subspace, strength)
      return
    case .loraGGUF:
      (files, sideFiles) = ([try Self.ggufAdapter(model, subspace, strength, fileName: fileName)], [])
      return
    case .gguf:
      let edits = try Self.edits(model, subspace, strength, layout: .outputsByInputs)
      files = [try Self.gguf(model, edits, type: type, fileName: fileName, context)]
      sideFiles = []
      return
    }
    let edits = try Self.edits(model, subspace, strength, layout: model.family.weightLayout)
    switch model.source {
    case .folder(let folder):
      files = folder.shards.enumerated().map { index, shard in
        let tensors = shard.header.entries.map { entry in
          CheckpointTensor(
            name: entry.name, type: entry.type, shape: entry.shape,
            source: folder.tensors[entry.name] ?? entry,
            edit: edits[entry.name])
        }
        let unchanged = tensors.allSatisfy { $0.edit == nil }
        return File(
          name: shard.name, tensors: tensors, header: shard.header,
          verbatimSource: unchanged ? FileSystem.join(model.path, shard.name) : nil)
      }
      sideFiles = try Self.sideFiles(of: model.path, besides: Set(folder.shards.map(\.name)))
    case .torch(let folder):
      files = Self.converted(folder) { entry in
        CheckpointTensor(
          name: entry.name, type: entry.type, shape: entry.shape, source: entry, edit: edits[entry.name])
      }
      sideFiles = try Self.sideFiles(of: model.path, besides: []) + Self.index(of: files)
    case .gguf:
      files = [File(name: "model.safetensors", tensors: Self.converted(model, edits), header: nil)]
      sideFiles = try Self.sideFiles(forGGUF: model)
    }
  }

  /// The part that rounding leaves in the subspace of the weight that the tensor called `name` edits.
  func roundingResidual(of name: String) -> Double? {
    files.lazy.flatMap(\.tensors).first { $0.name == name }?.roundingResidual
  }

  /// The files that hold a model's weights.
  static func sourceFiles(of model: Model) -> [String] {
    switch model.source {
    case .folder(let folder): folder.shards.map { FileSystem.join(model.path, $0.name) }
    case .torch(let folder): folder.shards.map { FileSystem.join(model.path, $0) }
    case .gguf: [model.path]
    }
  }

  /// Throws where the subspace is for a model of another size.
  private static func check(_ subspace: EditSubspace, fits model: Model) throws {
    guard subspace.hidden == model.configuration.hidden,
      let last = subspace.blocks.last, last.block <= model.configuration.blocks
    else {
      throw EditingError(
        model.path,
        "the subspace is for a model of width \(subspace.hidden) with at least \(subspace.blocks.last?.block ?? 0) "
          + "blocks; this one has width \(model.configuration.hidden) and \(model.configuration.blocks) blocks"
      )
    }
  }

  /// The edit of each tensor that has one, by the tensor's name in the source.
  private static func edits(
    _ model: Model, _ subspace: EditSubspace, _ strength: Double, layout: WeightLayout
  ) throws -> [String: WeightEdit] {
    var edits: [String: WeightEdit] = [:]
    for block in subspace.blocks {
      let entry = try model.weight(.mlpValue, block: block.block)
      edits[entry.name] = WeightEdit(
        block: block.block, subspace: block.subspace, strength: strength, layout: layout)
    }
    return edits
  }
}
