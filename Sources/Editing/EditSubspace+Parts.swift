internal import Storage
internal import SubspaceEditing

extension EditSubspace {
  /// One of the subspaces that were put together into one.
  public struct Part: Sendable, Equatable {
    /// Name of its file, without the folder; of a step and its correction, which have none, `step` and `correction`.
    public var name: String
    /// SHA-256 of its file, or without one of its directions and of what they write.
    public var digest: String
    /// Where it comes from; it has no parts of its own.
    public var provenance: Provenance
    /// How many times it counts.
    public var weight = 1.0
  }

  /// Reads subspaces of one model and puts them together block by block, as ``BlockSubspace/init(combining:)`` does, or
  /// for steps ``BlockSubspace/init(addingSteps:)``; a single one stays as it is.
  ///
  /// What was put together before counts as its parts.
  /// - Parameters:
  ///   - range: only these blocks of each; all where `nil`.
  ///   - rank: only so many directions of each block of each; all where `nil`.
  /// - Throws: ``EditingError`` where they are of different models, or of different kinds.
  package static func combined(_ paths: [String], to range: ClosedRange<Int>?, rank: Int?) throws
    -> EditSubspace
  {
    let all = try paths.map { try EditSubspace(path: $0).restricted(to: range, rank: rank) }
    guard let first = all.first else { throw EditingError("--subspace", "name at least one subspace file") }
    if all.count == 1 { return first }
    for (path, subspace) in zip(paths, all) {
      guard subspace.provenance.modelDigest == first.provenance.modelDigest, subspace.hidden == first.hidden
      else {
        throw EditingError(
          path,
          "this subspace and \(paths[0]) were fitted on models of another family or size; fit both on one model"
        )
      }
      guard subspace.isOblique == first.isOblique, subspace.isProjection == first.isProjection else {
        throw EditingError(path, "beside \(paths[0]): \(SubspaceError(reason: .kindsDiffer))")
      }
    }
    let blocks = try Set(all.flatMap { $0.blocks.map(\.block) }).sorted().map { block in
      let parts = all.compactMap { $0[block] }
      do {
        return Block(
          block: block,
          subspace: parts.count == 1
            ? parts[0]
            : first.isProjection
              ? try BlockSubspace(combining: parts) : try BlockSubspace(addingSteps: parts))
      } catch let error as SubspaceError {
        throw EditingError("--subspace", "block \(block): \(error)")
      }
    }
    let parts = try zip(paths, all).flatMap { path, subspace in
      subspace.provenance.parts.isEmpty
        ? [
          Part(
            name: FileSystem.lastComponent(of: path), digest: try Digest.ofFile(path),
            provenance: subspace.provenance)
        ] : subspace.provenance.parts
    }
    return EditSubspace(blocks: blocks, provenance: Provenance(combining: parts, blocks))
  }

  /// Whether what is read and what is taken away are apart, as in an oblique projection or a step.
  var isOblique: Bool { blocks.contains { $0.subspace.writes != nil } }

  /// Whether it is removed by a projection, not changed by a step.
  var isProjection: Bool { provenance.recipe.method.isProjection }
}

extension EditSubspace.Provenance {
  /// What stands for a combination: the first part's recipe over all blocks, all pairs, and the parts.
  init(combining parts: [EditSubspace.Part], _ blocks: [EditSubspace.Block]) {
    self = parts[0].provenance
    recipe.rank = .fixed(blocks.map(\.subspace.rank).max() ?? 1)
    recipe.blocks = .enclosing(parts.map(\.provenance.recipe.blocks))
    pairs = parts.reduce(0) { $0 + $1.provenance.pairs }
    pairsDigest = Digest.ofBytes(parts.flatMap { Array($0.provenance.pairsDigest.utf8) })
    compute = Set(parts.map(\.provenance.compute)).sorted().joined(separator: "+")
    self.parts = parts
  }
}

extension EditSubspace.Part {
  /// Its object in receipts and subspace files.
  var json: JSON {
    let recipe = provenance.recipe
    var members: [(key: String, value: JSON)] = [
      ("name", .string(name)), ("sha256", .string(digest)), ("method", .string(recipe.method.rawValue)),
      ("rank", .string(recipe.rank.description)),
      ("blocks", [.int(recipe.blocks.lowerBound), .int(recipe.blocks.upperBound)]),
      ("max_tokens", .int(recipe.maximumTokens)), ("pairs", .int(provenance.pairs)),
      ("pairs_sha256", .string(provenance.pairsDigest)), ("compute", .string(provenance.compute)),
    ]
    if recipe.method == .protected {
      members.append(("protected_directions", .int(recipe.protectedDirections)))
    }
    if weight != 1 { members.append(("weight", .double(weight))) }
    if let neutral = provenance.neutralDigest {
      members += [("ranking", .string(recipe.ranking.rawValue)), ("neutral_sha256", .string(neutral))]
    }
    return .object(members)
  }

  /// Reads such an object, of a subspace for the model of `modelDigest`; `nil` where it is not one.
  init?(_ value: JSONValue, modelDigest: String) {
    guard let name = value["name"]?.string, let digest = value["sha256"]?.string,
      let method = value["method"]?.string.flatMap(EditRecipe.Method.init),
      let rank = value["rank"]?.string.flatMap(RankChoice.init),
      let bounds = value["blocks"]?.elements.compactMap(\.int), bounds.count == 2, bounds[0] >= 1,
      bounds[0] <= bounds[1], let tokens = value["max_tokens"]?.int, let pairs = value["pairs"]?.int,
      let pairsDigest = value["pairs_sha256"]?.string, let compute = value["compute"]?.string
    else { return nil }
    var recipe = EditRecipe(method: method, rank: rank, blocks: bounds[0]...bounds[1], maximumTokens: tokens)
    if method == .protected {
      guard let count = value["protected_directions"]?.int else { return nil }
      recipe.protectedDirections = count
    }
    let neutral = value["neutral_sha256"]?.string
    if method.usesNeutralText {
      guard let ranking = value["ranking"]?.string.flatMap(DirectionRanking.init), neutral != nil else {
        return nil
      }
      recipe.ranking = ranking
    }
    self.init(
      name: name, digest: digest,
      provenance: EditSubspace.Provenance(
        recipe: recipe, pairs: pairs, pairsDigest: pairsDigest, neutralDigest: neutral,
        modelDigest: modelDigest, compute: compute))
    if let value = value["weight"] {
      guard let weight = value.double, weight.isFinite else { return nil }
      self.weight = weight
    }
  }
}
