internal import Storage
internal import SubspaceEditing

/// `profs.json`: what an edited checkpoint was made from and what each of its tensors must be.
///
/// It holds no date and no path, so the same edit gives the same bytes.
public struct Receipt: Sendable, Equatable {
  /// The receipt's name in the output folder.
  public static let fileName = "profs.json"
  /// Where the subspace stands in the output folder; not beside the weights, where other tools take every
  /// safetensors file for a shard.
  public static let subspaceFileName = "profs/subspace.safetensors"
  static let format = "profs-receipt"

  /// A file and its SHA-256.
  public struct File: Sendable, Equatable {
    /// Its name, without the folder.
    public let name: String
    /// SHA-256 of its bytes.
    public let digest: String
  }

  /// What an edit does to a weight W: of a checkpoint as written, of an adapter in exact arithmetic.
  public struct Edit: Sendable, Equatable {
    /// The block, from 1.
    public let block: Int
    /// SHA-256 of the weight's bytes before the edit.
    public let digestBefore: String
    /// ‖V W‖_F / ‖W‖_F before the edit.
    public let residualBefore: Double
    /// ‖V W′‖_F / ‖W′‖_F after it.
    public let residual: Double
    /// ‖W′ − W‖_F / ‖W‖_F.
    public let relativeChange: Double
  }

  /// A tensor of the output.
  public struct Tensor: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// The file that holds it.
    public let file: String
    /// How its elements are stored, as safetensors names it.
    public let type: String
    /// Its dimensions, outermost first.
    public let shape: [Int]
    /// SHA-256 of its bytes.
    public let digest: String
    /// What the edit did to the weight; `nil` for a tensor that is as it was, and for the second of an adapter's factors.
    public let edit: Edit?
  }

  /// The version of the software that wrote the checkpoint.
  public var version: String
  /// What was written.
  public var output: OutputFormat
  /// The base model's name: its folder's or file's.
  public var baseName: String
  /// The files of weights that were read.
  public var baseFiles: [File]
  /// The share of the subspace that was removed.
  public var strength: Double
  /// The seed of whatever was drawn at random.
  public var seed: UInt64
  /// SHA-256 of the subspace file.
  public var subspaceDigest: String
  /// Where the subspace comes from.
  public var provenance: EditSubspace.Provenance
  /// Every tensor of the output, in file order.
  public var tensors: [Tensor]

  /// The tensors that were edited.
  public var edited: [Tensor] { tensors.filter { $0.edit != nil } }

  /// How many of a checkpoint's tensors are as they were; 0 of an adapter's, which all belong to the edit.
  public var unchangedCount: Int { output == .checkpoint ? tensors.count - edited.count : 0 }

  /// The text of `profs.json`.
  func serialized() -> String {
    let recipe = provenance.recipe
    var recipeMembers: [(key: String, value: JSON)] = [
      ("method", .string(recipe.method.rawValue)),
      ("rank", recipe.rank.json),
      ("blocks", [.int(recipe.blocks.lowerBound), .int(recipe.blocks.upperBound)]),
      ("max_tokens", .int(recipe.maximumTokens)),
      ("strength", .double(strength)),
      ("compute", .string(provenance.compute)),
      ("seed", .string(String(seed))),
    ]
    if recipe.method == .protected {
      recipeMembers.append(("protected_directions", .int(recipe.protectedDirections)))
    }
    if let digest = provenance.neutralDigest {
      recipeMembers += [
        ("ranking", .string(recipe.ranking.rawValue)), ("neutral_sha256", .string(digest)),
      ]
    }
    let json: JSON = [
      "format": .string(Self.format),
      "version": 1,
      "profs": .string(version),
      "output": .string(output.rawValue),
      "base": [
        "name": .string(baseName),
        "files": .array(baseFiles.map { ["name": .string($0.name), "sha256": .string($0.digest)] }),
        "model_sha256": .string(provenance.modelDigest),
      ],
      "recipe": .object(recipeMembers),
      "pairs": ["count": .int(provenance.pairs), "sha256": .string(provenance.pairsDigest)],
      "subspace": ["file": .string(Self.subspaceFileName), "sha256": .string(subspaceDigest)],
      "tensors": .array(
        tensors.map { tensor in
          var members: [(key: String, value: JSON)] = [
            ("name", .string(tensor.name)), ("file", .string(tensor.file)), ("dtype", .string(tensor.type)),
            ("shape", .array(tensor.shape.map { .int($0) })), ("sha256", .string(tensor.digest)),
          ]
          if let edit = tensor.edit {
            members.append(
              (
                "edit",
                [
                  "block": .int(edit.block), "sha256_before": .string(edit.digestBefore),
                  "residual_before": .double(edit.residualBefore), "residual": .double(edit.residual),
                  "relative_change": .double(edit.relativeChange),
                ]
              ))
          }
          return .object(members)
        }),
    ]
    return json.serialized(pretty: true) + "\n"
  }
}

extension RankChoice {
  /// The number, or the text `auto`.
  fileprivate var json: JSON {
    switch self {
    case .fixed(let rank): .int(rank)
    case .automatic: .string(description)
    }
  }
}
