internal import Checkpoints
internal import Kernels
internal import Storage
internal import Transformer

/// The files of an edited checkpoint: which tensors go where, and which small files stand beside them.
struct CheckpointLayout {
  /// A file of weights.
  struct File {
    /// Its name in the folder.
    let name: String
    /// Its tensors in the order of their bytes.
    let tensors: [OutputTensor]
    /// The header to repeat byte by byte; `nil` to write a new one.
    let header: SafetensorsHeader?
    /// The source file, where the whole of it is copied.
    var verbatimSource: String? = nil
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

  /// The layout for writing `model` edited by `subspace`: a folder keeps its files, torch's
  /// become safetensors, and a GGUF becomes a folder.
  init(_ model: Model, _ subspace: EditSubspace, strength: Double) throws {
    let edits = try Self.edits(model, subspace, strength)
    switch model.source {
    case .folder(let folder):
      files = folder.shards.enumerated().map { index, shard in
        let tensors = shard.header.entries.map { entry in
          OutputTensor(
            name: entry.name, type: entry.type, shape: entry.shape,
            source: folder.tensors[entry.name] ?? entry,
            edit: edits[entry.name])
        }
        let unchanged = tensors.allSatisfy { $0.edit == nil }
        return File(
          name: shard.name, tensors: tensors, header: shard.header,
          verbatimSource: unchanged ? FileSystem.join(model.path, shard.name) : nil)
      }
      sourceFiles = folder.shards.map { FileSystem.join(model.path, $0.name) }
      sideFiles = try Self.sideFiles(of: model.path, besides: Set(folder.shards.map(\.name)))
    case .torch(let folder):
      files = Self.converted(folder, edits)
      sourceFiles = folder.shards.map { FileSystem.join(model.path, $0) }
      sideFiles = try Self.sideFiles(of: model.path, besides: []) + Self.index(of: files)
    case .gguf:
      files = [File(name: "model.safetensors", tensors: Self.converted(model, edits), header: nil)]
      sourceFiles = [model.path]
      sideFiles = try Self.sideFiles(forGGUF: model)
    }
  }

  /// How a tensor is stored in the output.
  func type(of name: String) -> ElementType? {
    files.lazy.flatMap(\.tensors).first { $0.name == name }?.type
  }

  private static func edits(
    _ model: Model, _ subspace: EditSubspace, _ strength: Double
  ) throws -> [String: OutputTensor.Edit] {
    guard subspace.hidden == model.configuration.hidden,
      let last = subspace.blocks.last, last.block <= model.configuration.blocks
    else {
      throw EditingError(
        model.path,
        "the subspace is for a model of width \(subspace.hidden) with at least \(subspace.blocks.last?.block ?? 0) "
          + "blocks; this one has width \(model.configuration.hidden) and \(model.configuration.blocks) blocks"
      )
    }
    var edits: [String: OutputTensor.Edit] = [:]
    for block in subspace.blocks {
      let entry = try model.weight(.mlpValue, block: block.block)
      edits[entry.name] = OutputTensor.Edit(
        block: block.block, subspace: block.subspace, strength: strength, layout: model.family.weightLayout)
    }
    return edits
  }
}
