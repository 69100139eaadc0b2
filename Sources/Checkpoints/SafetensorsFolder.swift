import Storage

/// The safetensors of a folder: `model.safetensors`, or `model.safetensors.index.json` and its shards.
package struct SafetensorsFolder: Sendable {
  /// One file of the checkpoint.
  package struct Shard: Sendable {
    /// Its name in the folder.
    package let name: String
    /// Its header.
    package let header: SafetensorsHeader
  }

  /// The folder.
  package let path: String
  /// The index's name in the folder; `nil` for a single file.
  package let indexName: String?
  /// The files, by name; entry `file` numbers of `tensors` count them.
  package let shards: [Shard]
  /// The tensors of all shards.
  package let tensors: TensorStore

  /// Opens the checkpoint called `name` in the folder at `path`; a single file is preferred to an index.
  ///
  /// Throws when neither is there, a shard is missing or malformed, or a tensor is not in the shard that the
  /// index names.
  package init(path: String, name: String = "model") throws(CheckpointError) {
    if FolderJournal.isUnfinished(path) {
      throw CheckpointError(FolderJournal.unfinished(path))
    }
    self.path = path
    let single = name + ".safetensors"
    let index = name + ".safetensors.index.json"
    if FileSystem.kind(of: FileSystem.join(path, single)) != nil {
      indexName = nil
      (shards, tensors) = try Self.open([single], in: path)
    } else if FileSystem.kind(of: FileSystem.join(path, index)) != nil {
      indexName = index
      let weightMap = try ShardIndex(path: FileSystem.join(path, index))
      let names = try weightMap.shardNames(in: path)
      (shards, tensors) = try Self.open(names, in: path)
      try weightMap.check(tensors, shards: names)
    } else {
      throw CheckpointError(
        path: path, reason: "expected \(single) or \(index) in this folder, found neither",
        advice: "name a folder with weights in the safetensors format, or a .gguf file")
    }
  }

  private static func open(
    _ names: [String], in folder: String
  ) throws(CheckpointError) -> (shards: [Shard], tensors: TensorStore) {
    var files: [MappedFile] = []
    var shards: [Shard] = []
    var entries: [TensorEntry] = []
    for name in names {
      let file = try CheckpointError.wrapping { try MappedFile(path: FileSystem.join(folder, name)) }
      let header = try SafetensorsHeader(of: file, index: files.count)
      files.append(file)
      shards.append(Shard(name: name, header: header))
      entries += header.entries
    }
    return (shards, try TensorStore(files: files, entries: entries))
  }
}
