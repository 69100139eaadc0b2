import Storage

/// The safetensors of a folder: `model.safetensors`, or `model.safetensors.index.json` and its shards.
///
/// The index is a JSON object whose `weight_map` maps every tensor's name to the name of the file it is in.
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
    self.path = path
    let single = name + ".safetensors"
    let index = name + ".safetensors.index.json"
    if FileSystem.kind(of: FileSystem.join(path, single)) != nil {
      indexName = nil
      (shards, tensors) = try Self.open([single], in: path)
    } else if FileSystem.kind(of: FileSystem.join(path, index)) != nil {
      indexName = index
      let indexPath = FileSystem.join(path, index)
      let weightMap = try Self.weightMap(indexPath)
      let names = Set(weightMap.map(\.shard)).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      for shard in names where FileSystem.kind(of: FileSystem.join(path, shard)) == nil {
        throw CheckpointError(
          path: indexPath, subject: "shard \"\(shard)\"",
          reason: "the index names this file, but it is not in the folder", advice: "fetch the missing file")
      }
      (shards, tensors) = try Self.open(names, in: path)
      for (tensor, shard) in weightMap {
        guard let entry = tensors[tensor], shards[entry.file].name == shard else {
          throw CheckpointError(
            path: indexPath, subject: "tensor \"\(tensor)\"",
            reason: "the index says it is in \"\(shard)\", but it is "
              + (tensors[tensor].map { "in \"\(shards[$0.file].name)\"" } ?? "in none of the files"),
            advice: "the index and the files are not of one checkpoint: fetch both again")
        }
      }
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

  /// The `weight_map` of the index at `path`, in file order; every shard is a plain file name.
  private static func weightMap(_ path: String) throws(CheckpointError) -> [(tensor: String, shard: String)] {
    let root: JSONValue
    do {
      let text = try FileSystem.readFile(path, limit: SafetensorsHeader.byteLimit)
      root = try JSONDocument(parsing: text, source: path).root
    } catch let error as JSONError {
      throw CheckpointError(
        path: path, offset: error.offset, reason: "the index is not valid JSON: \(error.reason)",
        advice: CheckpointError.fetchAgain)
    } catch {
      throw CheckpointError(path: path, reason: "\(error)")
    }
    guard let map = root["weight_map"], map.kind == .object, map.count > 0 else {
      throw CheckpointError(
        path: path, subject: "\"weight_map\"",
        reason: "expected an object with a file name for every tensor, found "
          + (root["weight_map"]?.describe ?? "nothing"),
        advice: CheckpointError.fetchAgain)
    }
    var result: [(tensor: String, shard: String)] = []
    for (tensor, value) in map.members {
      // An index must not reach files outside its folder.
      guard let shard = value.string, !shard.isEmpty, shard != ".", shard != "..",
        !shard.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == 0 })
      else {
        throw CheckpointError(
          path: path, subject: "tensor \"\(tensor)\"", offset: value.offset,
          reason:
            "expected the name of a file in this folder, found \(value.string.map { "\"\($0)\"" } ?? value.describe)",
          advice: CheckpointError.fetchAgain)
      }
      result.append((tensor, shard))
    }
    return result
  }
}
