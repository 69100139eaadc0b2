internal import Storage
internal import SubspaceEditing

extension Receipt {
  /// Reads the receipt of an edited checkpoint.
  ///
  /// - Throws: where there is none, or it is not one.
  public init(folder: String) throws {
    if FolderJournal.isUnfinished(folder) { throw FolderJournal.unfinished(folder) }
    let path = FileSystem.join(folder, Self.fileName)
    guard FileSystem.kind(of: path) == .file else {
      throw EditingError(
        folder, "there is no \(Self.fileName), so this was not written by profs edit or profs apply")
    }
    let document = try JSONDocument(parsing: try FileSystem.readFile(path, limit: 256 << 20), source: path)
    let root = Fields(path: path, value: document.root)
    guard try root.text("format") == Self.format, try root.number("version") == 1 else {
      throw EditingError(path, "expected \"format\": \"\(Self.format)\", \"version\": 1")
    }
    // The first receipts do not say what they are of: it was always this.
    guard let output = OutputFormat(rawValue: root.value["output"]?.string ?? "checkpoint") else {
      throw EditingError(path, "\"output\" names nothing that this version writes")
    }
    let base = try root.object("base")
    let recipe = try root.object("recipe")
    let pairs = try root.object("pairs")
    let bounds = try recipe.list("blocks").compactMap(\.int)
    guard bounds.count == 2, bounds[0] >= 1, bounds[0] <= bounds[1],
      let method = EditRecipe.Method(rawValue: try recipe.text("method")),
      let seed = UInt64(try recipe.text("seed"))
    else { throw EditingError(path, "\"recipe\" cannot be read") }
    var edit = EditRecipe(
      method: method, rank: try recipe.rank(), blocks: bounds[0]...bounds[1],
      maximumTokens: try recipe.number("max_tokens"))
    if method.usesNeutralText { edit.ranking = try recipe.ranking() }
    if method == .protected {
      edit.protectedDirections = try recipe.number("protected_directions")
    }
    let subspace = try root.object("subspace")
    let modelDigest = try base.text("model_sha256")
    var parts: [EditSubspace.Part] = []
    if subspace.value["parts"] != nil {
      parts = try subspace.list("parts").map { value in
        guard let part = EditSubspace.Part(value, modelDigest: modelDigest) else {
          throw EditingError(path, "an entry of \"parts\" cannot be read")
        }
        return part
      }
    }
    var files: [OutputFile]?
    if root.value["files"] != nil {
      files = try root.list("files").map { value in
        guard let file = OutputFile(value) else {
          throw EditingError(path, "an entry of \"files\" has no \"name\", \"bytes\" and one SHA-256")
        }
        return file
      }
    }
    self.init(
      version: try root.text("profs"), output: output, baseName: try base.text("name"),
      baseFiles: try base.list("files").map {
        let fields = Fields(path: path, value: $0)
        return File(name: try fields.text("name"), digest: try fields.text("sha256"))
      },
      strength: try recipe.real("strength"), seed: seed,
      subspaceDigest: try subspace.text("sha256"),
      provenance: EditSubspace.Provenance(
        recipe: edit, pairs: try pairs.number("count"), pairsDigest: try pairs.text("sha256"),
        neutralDigest: method.usesNeutralText ? try recipe.text("neutral_sha256") : nil,
        modelDigest: modelDigest, compute: try recipe.text("compute"), parts: parts),
      tensors: try root.list("tensors").map { value in
        let fields = Fields(path: path, value: value)
        let edit = value["edit"].map { Fields(path: path, value: $0) }
        return Tensor(
          name: try fields.text("name"), file: try fields.text("file"), type: try fields.text("dtype"),
          shape: try fields.list("shape").compactMap(\.int), digest: try fields.text("sha256"),
          edit: try edit.map {
            Edit(
              block: try $0.number("block"), digestBefore: try $0.text("sha256_before"),
              residualBefore: try $0.real("residual_before"), residual: try $0.real("residual"),
              relativeChange: try $0.real("relative_change"),
              quantizationError: $0.value["quantization_error"]?.double,
              baseQuantizationError: $0.value["quantization_error_of_base"]?.double)
          })
      },
      tensorType: root.value["tensor_type"]?.string,
      fileDigest: output.isFile ? try root.text("file_sha256") : nil,
      files: files)
  }

  /// Typed members of an object, with errors that name the file and the key.
  private struct Fields {
    let path: String
    let value: JSONValue

    func text(_ key: String) throws -> String { try require(key, "a string", value[key]?.string) }
    func number(_ key: String) throws -> Int { try require(key, "an integer", value[key]?.int) }
    func real(_ key: String) throws -> Double { try require(key, "a number", value[key]?.double) }
    func rank() throws -> RankChoice {
      let value = value["rank"]
      return try require(
        "rank", "an integer or auto", value?.int.map { .fixed($0) } ?? value?.string.flatMap(RankChoice.init))
    }
    func ranking() throws -> DirectionRanking {
      try require(
        "ranking", "a way of ranking directions", value["ranking"]?.string.flatMap(DirectionRanking.init))
    }
    func object(_ key: String) throws -> Fields {
      Fields(path: path, value: try require(key, "an object", value[key]))
    }
    func list(_ key: String) throws -> [JSONValue] {
      let list = value[key].flatMap { $0.kind == .array ? $0 : nil }
      return try require(key, "an array", list).elements
    }

    private func require<T>(_ key: String, _ kind: String, _ found: T?) throws -> T {
      guard let found else {
        throw EditingError(path, "\"\(key)\" must be \(kind), found \(value[key]?.describe ?? "nothing")")
      }
      return found
    }
  }
}
