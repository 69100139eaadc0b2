internal import Checkpoints
internal import Kernels
internal import Storage
internal import SubspaceEditing

/// The subspace file: safetensors with, for each block b, `block.b.directions` `[rank, hidden]` F32 (orthonormal rows,
/// most important first) and `block.b.singular_values` `[values]` F64. The metadata says all that is needed to apply it:
///
/// | key | value |
/// |---|---|
/// | `format` | `profs-subspace` |
/// | `version` | `1` |
/// | `operation` | `project`: W′ = W − α Vᵀ(V W), W the weight whose output is added to the residual stream; or `project-oblique`: W′ = W − α Uᵀ(V W), V's rows of length 1, U in `block.b.writes`, V Uᵀ = I; or `step`: the same with any U |
/// | `role` | `mlpValue` |
/// | `hook` | `residual-stream-after-block` or `mlp-output`: where the embeddings were taken |
/// | `sign` | `rejected-minus-chosen`: which way a direction points |
/// | `block_numbering` | `from-1` |
/// | `method`, `rank`, `blocks`, `max_tokens`, `pairs`, `pairs_sha256`, `model_sha256`, `compute` | the provenance |
/// | `ranking`, `neutral_sha256` | more of it, where `method` is `protected`, `oblique` or `natural` |
/// | `protected_directions` | and where it is `protected` |
/// | `parts` | of a combination: a JSON array of its parts, each with `name`, `sha256` and its provenance |
extension EditSubspace {
  private static let format = "profs-subspace"

  /// Writes the file; it appears complete or not at all.
  ///
  /// - Throws: where `path` exists already and is not to be replaced, or the system refuses.
  public func write(to path: String, replacing: Bool = false) throws {
    let file = try AtomicFile(path, replacing: replacing)
    try write(to: file.writer)
    try file.commit()
  }

  /// Writes the file's content and finishes `writer`.
  func write(to writer: FileWriter) throws {
    let declared = blocks.flatMap { block in
      let shape = [block.subspace.rank, block.subspace.hidden]
      return [
        SafetensorsWriter.Tensor(name: "block.\(block.block).directions", type: .f32, shape: shape),
        SafetensorsWriter.Tensor(
          name: "block.\(block.block).singular_values", type: .f64,
          shape: [block.subspace.singularValues.count]),
      ]
        + (block.subspace.writes == nil
          ? [] : [SafetensorsWriter.Tensor(name: "block.\(block.block).writes", type: .f32, shape: shape)])
    }
    var output = try SafetensorsWriter(writer, tensors: declared, metadata: metadata)
    for tensor in output.tensors {
      guard let block = blocks.first(where: { tensor.name.hasPrefix("block.\($0.block).") }) else { continue }
      if tensor.type == .f64 {
        try block.subspace.singularValues.withUnsafeBytes { try output.append($0, to: tensor.name) }
      } else if tensor.name.hasSuffix(".writes") {
        try block.subspace.taken.values.withUnsafeBytes { try output.append($0, to: tensor.name) }
      } else {
        try block.subspace.directions.values.withUnsafeBytes { try output.append($0, to: tensor.name) }
      }
    }
    try output.finish()
  }

  private var metadata: [(key: String, value: String)] {
    let recipe = provenance.recipe
    let parts =
      provenance.parts.isEmpty
      ? [] : [("parts", JSON.array(provenance.parts.map(\.json)).serialized())]
    var protection: [(key: String, value: String)] = []
    if recipe.method == .protected {
      protection.append(("protected_directions", "\(recipe.protectedDirections)"))
    }
    if let neutral = provenance.neutralDigest {
      protection += [("ranking", recipe.ranking.rawValue), ("neutral_sha256", neutral)]
    }
    return [
      ("format", Self.format), ("version", "1"), ("operation", recipe.method.operation),
      ("role", "mlpValue"),
      ("hook", recipe.method.looksAtOutputs ? "mlp-output" : "residual-stream-after-block"),
      ("sign", "rejected-minus-chosen"),
      ("block_numbering", "from-1"),
      ("method", recipe.method.rawValue), ("rank", recipe.rank.description),
      ("blocks", "\(recipe.blocks.lowerBound)-\(recipe.blocks.upperBound)"),
      ("max_tokens", "\(recipe.maximumTokens)"),
      ("pairs", "\(provenance.pairs)"), ("pairs_sha256", provenance.pairsDigest),
      ("model_sha256", provenance.modelDigest), ("compute", provenance.compute),
    ] + protection + parts
  }

  /// Reads a subspace file.
  ///
  /// - Throws: where it is not one, or its directions are not orthonormal.
  public init(path: String) throws {
    let file = try SafetensorsFile(path: path)
    let metadata = Dictionary(
      file.metadata.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    func value(_ key: String) throws -> String {
      guard let value = metadata[key] else {
        throw EditingError(path, "the metadata lacks \"\(key)\"; this is not a subspace file of profs fit")
      }
      return value
    }
    func number(_ key: String) throws -> Int {
      guard let number = Int(try value(key)) else {
        throw EditingError(path, "metadata \"\(key)\" must be an integer, found \"\(try value(key))\"")
      }
      return number
    }
    func require(_ key: String, _ expected: String) throws {
      let found = try value(key)
      guard found == expected else {
        throw EditingError(path, "metadata \"\(key)\" must be \"\(expected)\", found \"\(found)\"")
      }
    }
    try require("format", Self.format)
    try require("version", "1")
    try require("role", "mlpValue")
    let bounds = try value("blocks").split(separator: "-").compactMap { Int($0) }
    guard bounds.count == 2, bounds[0] >= 1, bounds[0] <= bounds[1],
      let method = EditRecipe.Method(rawValue: try value("method"))
    else { throw EditingError(path, "metadata \"blocks\" or \"method\" cannot be read") }
    try require("operation", method.operation)
    guard let rank = RankChoice(try value("rank")) else {
      throw EditingError(path, "metadata \"rank\" must be an integer or auto, found \"\(try value("rank"))\"")
    }
    var recipe = EditRecipe(
      method: method, rank: rank, blocks: bounds[0]...bounds[1],
      maximumTokens: try number("max_tokens"))
    if method == .protected { recipe.protectedDirections = try number("protected_directions") }
    if method.usesNeutralText {
      guard let ranking = DirectionRanking(rawValue: try value("ranking")) else {
        throw EditingError(path, "metadata \"ranking\" cannot be read")
      }
      recipe.ranking = ranking
    }

    let modelDigest = try value("model_sha256")
    var parts: [Part] = []
    if let text = metadata["parts"] {
      let list = try JSONDocument(parsing: Array(text.utf8), source: path).root
      parts = list.kind == .array ? list.elements.compactMap { Part($0, modelDigest: modelDigest) } : []
      guard !parts.isEmpty, parts.count == list.count else {
        throw EditingError(path, "metadata \"parts\" must be a list of subspaces, and cannot be read")
      }
    }
    let blocks = try file.tensors.entries.filter { $0.name.hasSuffix(".directions") }
      .map { try Self.block($0, method, in: file.tensors, path) }
    guard let first = blocks.first, blocks.allSatisfy({ $0.subspace.hidden == first.subspace.hidden }) else {
      throw EditingError(path, "a subspace file holds at least one block's directions, all of one width")
    }
    self.init(
      blocks: blocks,
      provenance: Provenance(
        recipe: recipe, pairs: try number("pairs"), pairsDigest: try value("pairs_sha256"),
        neutralDigest: method.usesNeutralText ? try value("neutral_sha256") : nil,
        modelDigest: modelDigest, compute: try value("compute"), parts: parts))
  }

  /// One block's directions, checked, with their singular values.
  private static func block(
    _ entry: TensorEntry, _ method: EditRecipe.Method, in tensors: TensorStore, _ path: String
  ) throws -> Block {
    // The number must be written the one way it is written here, so that no two names mean one block.
    guard let number = entry.name.split(separator: ".").dropFirst().first.flatMap({ Int($0) }), number >= 1,
      entry.name == "block.\(number).directions", entry.type == .f32, entry.shape.count == 2
    else {
      throw EditingError(path, "tensor \"\(entry.name)\" is not a block's directions in F32, [rank, hidden]")
    }
    guard let values = tensors["block.\(number).singular_values"], values.type == .f64 else {
      throw EditingError(path, "tensor \"block.\(number).singular_values\" in F64 is missing")
    }
    let spectrum = try tensors.withBytes(of: values) { bytes in
      (0..<bytes.count / 8).map { bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self) }
    }
    do {
      let directions = try Embeddings(
        count: entry.shape[0], hidden: entry.shape[1], values: try tensors.floats(entry))
      let writes =
        try method.looksAtOutputs ? Self.writes(number, of: entry.shape, in: tensors, path) : nil
      return Block(
        block: number,
        subspace: try BlockSubspace(
          directions: directions, writes: writes, isProjection: method.isProjection,
          singularValues: spectrum))
    } catch let error as SubspaceError {
      throw EditingError(path, "block \(number): \(error)")
    }
  }

  /// What an oblique projection takes away, a row for each direction.
  private static func writes(_ number: Int, of shape: [Int], in tensors: TensorStore, _ path: String) throws
    -> Embeddings
  {
    let name = "block.\(number).writes"
    guard let entry = tensors[name], entry.type == .f32, entry.shape == shape else {
      throw EditingError(path, "tensor \"\(name)\" in F32, of the shape of the directions, is missing")
    }
    return try Embeddings(count: shape[0], hidden: shape[1], values: try tensors.floats(entry))
  }
}

extension EditRecipe.Method {
  /// What a subspace file calls the change that its directions make.
  fileprivate var operation: String {
    switch self {
    case .paper, .detoxEdit, .protected: "project"
    case .oblique: "project-oblique"
    case .natural: "step"
    }
  }
}
