import Storage

/// The torch checkpoint of a folder: `pytorch_model.bin`, or `pytorch_model.bin.index.json` and its shards.
package struct TorchFolder: Sendable {
  /// The folder.
  package let path: String
  /// The index's name in the folder; `nil` for a single file.
  package let indexName: String?
  /// The files' names in the folder; entry `file` numbers of `tensors` count them.
  package let shards: [String]
  /// The tensors of all shards.
  package let tensors: TensorStore

  /// Opens the checkpoint called `name` in the folder at `path`; a single file is preferred to an index.
  ///
  /// Throws when neither is there, a shard is missing or cannot be read, or a tensor is not in the shard that the
  /// index names.
  package init(path: String, name: String = "pytorch_model") throws(CheckpointError) {
    self.path = path
    let single = name + ".bin"
    let index = name + ".bin.index.json"
    if FileSystem.kind(of: FileSystem.join(path, single)) != nil {
      indexName = nil
      shards = [single]
      tensors = try Self.open([single], in: path)
    } else if FileSystem.kind(of: FileSystem.join(path, index)) != nil {
      indexName = index
      let weightMap = try ShardIndex(path: FileSystem.join(path, index))
      shards = try weightMap.shardNames(in: path)
      tensors = try Self.open(shards, in: path)
      try weightMap.check(tensors, shards: shards)
    } else {
      throw CheckpointError(
        path: path, reason: "expected \(single) or \(index) in this folder, found neither",
        advice: "name a folder with weights in torch's or the safetensors format, or a .gguf file")
    }
  }

  private static func open(_ names: [String], in folder: String) throws(CheckpointError) -> TensorStore {
    var files: [MappedFile] = []
    var entries: [TensorEntry] = []
    for name in names {
      let file = try CheckpointError.wrapping { try MappedFile(path: FileSystem.join(folder, name)) }
      entries += try TorchFile.entries(of: file, index: files.count)
      files.append(file)
    }
    return try TensorStore(files: files, entries: entries)
  }
}
