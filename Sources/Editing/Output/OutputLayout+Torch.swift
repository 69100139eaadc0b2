internal import Checkpoints
internal import Kernels
internal import Storage

/// Torch's files as safetensors.
extension OutputLayout {
  /// A file for each of the folder's, numbered as the Hub's are.
  ///
  /// - Parameter tensor: what is written of a tensor of theirs.
  static func converted(_ folder: TorchFolder, _ tensor: (TensorEntry) -> CheckpointTensor) -> [File] {
    func number(_ value: Int) -> String {
      String(repeating: "0", count: max(0, 5 - String(value).count)) + String(value)
    }
    let count = folder.shards.count
    return folder.shards.indices.map { index in
      let tensors = folder.tensors.entries.filter { $0.file == index }.map(tensor)
      let name = folder.indexName == nil ? "model" : "model-\(number(index + 1))-of-\(number(count))"
      return File(name: name + ".safetensors", tensors: tensors, header: nil)
    }
  }

  /// `model.safetensors.index.json`, where there are several files.
  static func index(of files: [File]) -> [SideFile] {
    guard files.contains(where: { $0.name != "model.safetensors" }) else { return [] }
    let size = files.reduce(0) { $0 + $1.tensors.reduce(0) { $0 + $1.byteCount } }
    let map = files.flatMap { file in
      file.tensors.map { (key: $0.name, value: JSON.string(file.name)) }
    }
    let index: JSON = ["metadata": ["total_size": .int(size)], "weight_map": .object(map)]
    return [.text(name: "model.safetensors.index.json", index.serialized(pretty: true) + "\n")]
  }
}
