import Storage

/// The index of a checkpoint in several files: a JSON object whose `weight_map` maps every tensor's name to the
/// name of the file it is in.
struct ShardIndex {
  /// The index's own path.
  let path: String
  /// The map, in file order; every shard is a plain file name.
  let weightMap: [(tensor: String, shard: String)]

  /// Reads the index at `path`.
  ///
  /// Throws when it is not the JSON above, is empty, or names anything but files of its own folder.
  init(path: String) throws(CheckpointError) {
    self.path = path
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
    weightMap = result
  }

  /// The files that the index names, by their bytes.
  ///
  /// Throws when one of them is not in `folder`.
  func shardNames(in folder: String) throws(CheckpointError) -> [String] {
    let names = Set(weightMap.map(\.shard)).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    for shard in names where FileSystem.kind(of: FileSystem.join(folder, shard)) == nil {
      throw CheckpointError(
        path: path, subject: "shard \"\(shard)\"",
        reason: "the index names this file, but it is not in the folder", advice: "fetch the missing file")
    }
    return names
  }

  /// Throws unless every tensor of the index is in the file it names; `shards` are those of `tensors`.
  func check(_ tensors: TensorStore, shards: [String]) throws(CheckpointError) {
    for (tensor, shard) in weightMap {
      guard let entry = tensors[tensor], shards[entry.file] == shard else {
        throw CheckpointError(
          path: path, subject: "tensor \"\(tensor)\"",
          reason: "the index says it is in \"\(shard)\", but it is "
            + (tensors[tensor].map { "in \"\(shards[$0.file])\"" } ?? "in none of the files"),
          advice: "the index and the files are not of one checkpoint: fetch both again")
      }
    }
  }
}
