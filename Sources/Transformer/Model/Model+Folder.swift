internal import Checkpoints
internal import Storage

extension Model {
  /// Opens a Hugging Face folder: `config.json` and safetensors, single or sharded.
  static func openFolder(_ path: String) throws -> Opened {
    if FolderJournal.isUnfinished(path) { throw FolderJournal.unfinished(path) }
    let configPath = configPath(path)
    let document = try readConfig(path)
    let root = textConfig(document)
    try UnsupportedFeatures.refuseExperts(root, configPath)
    let family = try family(of: root, path: configPath)
    for part in [document.root, root] { try UnsupportedFeatures.refuseQuantised(part, configPath) }
    let (source, tensors) = try weights(path)
    try UnsupportedFeatures.refuseQuantised(tensors, path)
    let prefix = try namePrefix(of: family, in: tensors, configPath)
    return Opened(
      source: source, family: family, config: config(of: root, in: document, tensors), configPath: configPath,
      tensors: tensors, namePrefix: prefix)
  }

  /// The text model's configuration, with what the model around it says of the output head where that is what counts, and
  /// of where pictures come in.
  ///
  /// transformers ties the head by the larger model's word or the text model's, of which the other may stand there as its
  /// default only: where there is no head among the tensors, either ties it.
  private static func config(
    of root: JSONValue, in document: JSONDocument, _ tensors: TensorStore
  ) -> JSON {
    guard document.root["text_config"] != nil, case .object(var members) = JSON(root) else {
      return JSON(root)
    }
    if let pictures = document.root["vision_config"]?["deepstack_visual_indexes"] {
      members["deepstack_visual_indexes"] = JSON(pictures)
    }
    let key = "tie_word_embeddings"
    guard let tied = document.root[key] else { return .object(members) }
    let hasHead = ["lm_head.weight", "language_model.lm_head.weight"].contains { tensors[$0] != nil }
    if members[key] == nil || (!hasHead && tied.bool == true) { members[key] = JSON(tied) }
    return .object(members)
  }

  /// The family that the `config.json` of a folder names; nothing else is looked at.
  package static func family(ofFolder path: String) throws -> ModelFamily {
    try family(of: textConfig(try readConfig(path)), path: configPath(path))
  }

  private static func configPath(_ folder: String) -> String { FileSystem.join(folder, "config.json") }

  private static func readConfig(_ folder: String) throws -> JSONDocument {
    let path = configPath(folder)
    let bytes: [UInt8]
    do {
      bytes = try FileSystem.readFile(path, limit: 16 << 20)
    } catch {
      guard !PEFTAdapter.isAdapter(folder) else {
        throw ModelError(
          folder,
          "this is an adapter, and no model by itself; give its base here, and the adapter where an edited model is expected"
        )
      }
      throw ModelError(
        folder,
        "this is not a model: give a folder with config.json and safetensors, or a .gguf file (\(error))")
    }
    return try JSONDocument(parsing: bytes, source: path)
  }

  /// A text model inside a multimodal one has its configuration under a key of its own.
  private static func textConfig(_ document: JSONDocument) -> JSONValue {
    document.root["text_config"] ?? document.root
  }

  /// Opens the weights: safetensors, or torch's files where there are only those.
  private static func weights(_ path: String) throws -> (Source, TensorStore) {
    func has(_ name: String) -> Bool { FileSystem.exists(FileSystem.join(path, name)) }
    let hasSafetensors = has("model.safetensors") || has("model.safetensors.index.json")
    if !hasSafetensors, has("pytorch_model.bin") || has("pytorch_model.bin.index.json") {
      let folder = try TorchFolder(path: path)
      return (.torch(folder), folder.tensors)
    }
    let folder = try SafetensorsFolder(path: path)
    return (.folder(folder), folder.tensors)
  }

  /// Finds what stands before a known tensor's name: the family's prefix, none in a checkpoint of the trunk alone, or
  /// that of the larger model which the text model is part of.
  private static func namePrefix(of family: ModelFamily, in tensors: TensorStore, _ path: String) throws
    -> String
  {
    guard let name = family.tensorNames[.tokenEmbedding] else { return family.prefix }
    let stem = String(name.dropFirst(family.prefix.count))
    let candidates = [
      family.prefix, "", "model.language_model.", "model.text_model.", "language_model.model.",
      "language_model.",
    ]
    if let match = candidates.first(where: { tensors[$0 + stem] != nil }) { return match }
    throw ModelError(
      path,
      "tensor \"\(name)\" is missing, under this or any known prefix; is it a checkpoint of this model_type?")
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
