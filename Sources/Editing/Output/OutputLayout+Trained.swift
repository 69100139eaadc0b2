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
    switch base.source {
    case .folder(let folder):
      files = folder.shards.map { shard in
        let entries = shard.header.entries
        return File(
          name: shard.name, tensors: entries.map(tensor), header: shard.header,
          verbatimSource: entries.contains { changed.contains($0.name) }
            ? nil : FileSystem.join(base.path, shard.name))
      }
      sourceFiles = folder.shards.map { FileSystem.join(base.path, $0.name) }
      sideFiles = try Self.sideFiles(of: base.path, besides: Set(folder.shards.map(\.name)))
    case .torch, .gguf:
      throw EditingError(
        base.path, "training starts from a folder of safetensors; make one with profs edit or transformers")
    }
  }
}
