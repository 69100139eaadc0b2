internal import Checkpoints
internal import Storage

extension Model {
  /// Opens a Hugging Face folder: `config.json` and safetensors, single or sharded.
  static func openFolder(_ path: String) throws -> Opened {
    let configPath = path + "/config.json"
    let bytes: [UInt8]
    do {
      bytes = try FileSystem.readFile(configPath, limit: 16 << 20)
    } catch {
      throw ModelError(
        path,
        "this is not a model: give a folder with config.json and safetensors, or a .gguf file (\(error))")
    }
    let document = try JSONDocument(parsing: bytes, source: configPath)
    let family = try family(of: document.root, path: configPath)
    let folder = try SafetensorsFolder(path: path)
    return Opened(
      source: .folder(folder), family: family, config: JSON(document.root), configPath: configPath,
      tensors: folder.tensors)
  }

  private static func family(of root: JSONValue, path: String) throws -> ModelFamily {
    let type = root["model_type"]?.string
    let architectures = root["architectures"]?.elements.compactMap(\.string) ?? []
    if let match = ModelFamily.all.first(where: { type.map($0.modelTypes.contains) ?? false })
      ?? ModelFamily.all.first(where: { !Set($0.architectures).isDisjoint(with: architectures) })
    {
      return match
    }
    let named = type.map { "model_type \"\($0)\"" } ?? architectures.first.map { "architecture \"\($0)\"" }
    throw ModelError(
      path,
      "\(named ?? "a model without model_type") is not supported; supported: "
        + ModelFamily.all.flatMap(\.modelTypes).joined(separator: ", "))
  }
}
