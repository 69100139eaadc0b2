internal import Checkpoints
internal import Kernels
internal import Storage
internal import Tokenization
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

  /// The layout for writing `model` edited by `subspace`: a folder keeps its files; a GGUF becomes a folder in bf16.
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
      let tensors = folder.tensors.entries.map { entry in
        OutputTensor(
          name: entry.name, type: entry.type, shape: entry.shape, source: entry, edit: edits[entry.name])
      }
      files = [File(name: "model.safetensors", tensors: tensors, header: nil)]
      sourceFiles = folder.shards.map { FileSystem.join(model.path, $0) }
      sideFiles = try Self.sideFiles(of: model.path, besides: [])
    case .gguf:
      guard model.family.linearLayout == .outputMajor else {
        throw EditingError(
          model.path,
          "\(model.family.name) cannot be written as a Hugging Face folder from GGUF yet; edit the folder")
      }
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
      edits[entry.name] = OutputTensor.Edit(block: block.block, subspace: block.subspace, strength: strength)
    }
    return edits
  }

  private static func converted(_ model: Model, _ edits: [String: OutputTensor.Edit]) -> [OutputTensor] {
    let names = model.family.gguf
    var tensors: [OutputTensor] = []
    func add(_ role: WeightRole, _ block: Int?) {
      for part in [Model.Part.weight, .bias] {
        guard let entry = model.entry(role, block: block, part: part) else { continue }
        tensors.append(
          OutputTensor(
            name: Model.expand(model.family.tensorNames[role] ?? "", block: block, part: part), type: .bf16,
            shape: entry.shape, source: entry,
            interleavedHead: names?.interleavedRoles.contains(role) == true
              ? model.configuration.headDimension : nil,
            sourceOffset: names?.addsNormOffset == true && entry.shape.count == 1 && part == .weight ? 1 : 0,
            edit: edits[entry.name]))
      }
    }
    add(.tokenEmbedding, nil)
    add(.positionEmbedding, nil)
    for block in 1...model.configuration.blocks {
      for role in model.blockRoles { add(role, block) }
    }
    add(.finalNorm, nil)
    if !model.configuration.tiedHead { add(.outputHead, nil) }
    return tensors
  }

  /// Weights in other formats would contradict the edited ones, so they stay behind.
  private static let weightSuffixes = [
    ".safetensors", ".bin", ".bin.index.json", ".pt", ".pth", ".gguf", ".onnx", ".h5", ".msgpack", ".ot",
  ]

  /// A model card makes way for the edit's own: `README.md` becomes `README.base.md`, which in turn becomes
  /// `README.base.base.md` where an edited model is edited again.
  private static func outputName(_ name: String) -> String {
    guard name.hasPrefix("README."), name.hasSuffix(".md"),
      name.dropFirst(7).dropLast(2).split(separator: ".").allSatisfy({ $0 == "base" })
    else { return name }
    return name.dropLast(2) + "base.md"
  }

  private static func sideFiles(of folder: String, besides taken: Set<String>) throws -> [SideFile] {
    var files: [SideFile] = []
    func visit(_ subfolder: String) throws {
      for entry in try FileSystem.list(FileSystem.join(folder, subfolder)).sorted()
      where !entry.hasPrefix(".git") {
        let name = FileSystem.join(subfolder, entry)
        let path = FileSystem.join(folder, name)
        switch FileSystem.kind(of: path) {
        // A link to a folder can lead back to where it stands.
        case .folder where entry != "profs" && entry != ".cache" && !FileSystem.isLink(path): try visit(name)
        case .file where !taken.contains(name) && name != Receipt.fileName:
          guard !weightSuffixes.contains(where: entry.hasSuffix) else { continue }
          files.append(.copy(name: Self.outputName(name), from: path))
        default: break
        }
      }
    }
    try visit("")
    return files
  }

  private static func sideFiles(forGGUF model: Model) throws -> [SideFile] {
    let tokenizer = try model.tokenizer()
    guard case .object(var config) = model.config else { return [] }
    config["torch_dtype"] = "bfloat16"
    var generation = JSON.Members()
    for key in ["bos_token_id", "eos_token_id", "pad_token_id"] { generation[key] = config[key] }
    let json = tokenizer.huggingFaceJSON(
      chatTemplate: model.chatTemplateText?.text, modelMaxLength: model.configuration.maximumPositions)
    return [
      .text(name: "config.json", JSON.object(config).serialized(pretty: true) + "\n"),
      .text(name: "generation_config.json", JSON.object(generation).serialized(pretty: true) + "\n"),
      .text(name: "tokenizer.json", json.tokenizer.serialized(pretty: true) + "\n"),
      .text(name: "tokenizer_config.json", json.config.serialized(pretty: true) + "\n"),
    ]
  }
}
