package import Checkpoints
package import Kernels
package import Storage

/// An opened model: a checked view of its files.
///
/// Nothing is read beyond headers and small files.
package struct Model: Sendable {
  /// The files a model came from.
  package enum Source: Sendable {
    /// A Hugging Face folder.
    case folder(SafetensorsFolder)
    /// One GGUF file.
    case gguf(GGUFFile)
  }

  /// One of a role's two tensors.
  package enum Part: String, Sendable, Hashable {
    case weight
    case bias
  }

  /// The folder or file, as it was given.
  package let path: String
  /// The opened files.
  package let source: Source
  /// The family that the files name.
  package let family: ModelFamily
  /// Sizes and constants, read from ``config``.
  package let configuration: ModelConfiguration
  /// `config.json`: as it stands in the folder, or made from the GGUF's metadata.
  package let config: JSON
  /// Every tensor of the files, under the names they have there.
  package let tensors: TensorStore

  /// Opens a Hugging Face folder or a GGUF file and checks that every tensor the family needs is there, with the
  /// shape that the configuration implies.
  ///
  /// - Throws: ``ModelError``, `CheckpointError`, `StorageError` or `JSONError`.
  package init(path: String) throws {
    self.path = path
    let opened = try path.hasSuffix(".gguf") ? Self.openGGUF(path) : Self.openFolder(path)
    source = opened.source
    family = opened.family
    config = opened.config
    tensors = opened.tensors
    let document = try JSONDocument(parsing: Array(config.serialized().utf8), source: opened.configPath)
    configuration = try family.configuration(ConfigReader(path: opened.configPath, root: document.root))
    try check()
  }

  /// What opening a source answers.
  struct Opened {
    /// The opened files.
    var source: Source
    /// The family that the files name.
    var family: ModelFamily
    /// `config.json`, read or made from the GGUF's metadata.
    var config: JSON
    /// Where `config` comes from, for messages.
    var configPath: String
    /// Every tensor of the files.
    var tensors: TensorStore
  }

  /// Name of a role's tensor in this model's files.
  package func tensorName(_ role: WeightRole, block: Int? = nil, part: Part = .weight) -> String {
    let names =
      switch source {
      case .folder: family.tensorNames
      case .gguf: family.ggufNames
      }
    return Self.expand(names[role] ?? "", block: block, part: part)
  }

  /// The name with the block's number (counted from 0 in files) and the part filled in.
  package static func expand(_ pattern: String, block: Int?, part: Part) -> String {
    var name = pattern
    if let block, let hole = name.firstRange(of: "{}") {
      name.replaceSubrange(hole, with: String(block - 1))
    }
    if part == .bias, name.hasSuffix(".weight") { name = String(name.dropLast(6)) + "bias" }
    return name
  }

  /// A role's tensor, `nil` where the checkpoint has none; blocks are counted from 1.
  package func entry(_ role: WeightRole, block: Int? = nil, part: Part = .weight) -> TensorEntry? {
    tensors[tensorName(role, block: block, part: part)]
  }

  /// A role's weight, which ``init(path:)`` found present.
  package func weight(_ role: WeightRole, block: Int? = nil) throws -> TensorEntry {
    let role = role == .outputHead && configuration.tiedHead ? .tokenEmbedding : role
    guard let entry = entry(role, block: block) else {
      throw ModelError(path, "tensor \"\(tensorName(role, block: block))\" is missing; is a shard missing?")
    }
    return entry
  }

  /// Which two elements of a head turn together, as this source lays its rows out.
  package var rotaryPairing: RotaryTable.Pairing {
    if case .gguf = source, family.ggufInterleavedRoles.contains(.query) { return .interleaved }
    return .halves
  }

  private func check() throws {
    guard configuration.heads % configuration.keyValueHeads == 0 else {
      throw ModelError(
        path,
        "\(configuration.heads) attention heads cannot share \(configuration.keyValueHeads) key-value heads")
    }
    guard configuration.headDimension % 2 == 0 else {
      throw ModelError(path, "rotary embedding needs an even head size, found \(configuration.headDimension)")
    }
    for role in WeightRole.allCases {
      if role.isPerBlock {
        for block in 1...configuration.blocks { try check(role, block) }
      } else if role != .outputHead || !configuration.tiedHead {
        try check(role, nil)
      }
    }
  }

  private func check(_ role: WeightRole, _ block: Int?) throws {
    let entry = try weight(role, block: block)
    let expected = configuration.shape(of: role)
    guard entry.shape == expected else {
      throw ModelError(
        path, "tensor \"\(entry.name)\" has shape \(entry.shape), but the configuration implies \(expected)")
    }
    guard entry.type.isReal else {
      throw ModelError(
        path, "tensor \"\(entry.name)\" is stored as \(entry.type.name), which is not a weight type")
    }
    if let bias = self.entry(role, block: block, part: .bias), bias.shape != [expected[0]] {
      throw ModelError(path, "tensor \"\(bias.name)\" has shape \(bias.shape), expected [\(expected[0])]")
    }
  }
}

extension ElementType {
  /// Whether elements are real numbers: floating point or quantised blocks of them.
  var isReal: Bool {
    switch self {
    case .f64, .f32, .f16, .bf16, .f8e4m3, .f8e5m2: true
    default: isQuantized
    }
  }
}
