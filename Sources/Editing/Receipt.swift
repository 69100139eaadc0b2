internal import Storage
internal import SubspaceEditing

/// `profs.json`: what an edited checkpoint was made from and what each of its tensors must be.
///
/// It holds no date and no path, so the same edit gives the same bytes.
public struct Receipt: Sendable, Equatable {
  /// The receipt's name in the output folder.
  public static let fileName = "profs.json"
  /// The model card's name in the output folder.
  static let cardName = "README.md"
  /// Where the subspace stands in the output folder; not beside the weights, where other tools take every
  /// safetensors file for a shard.
  public static let subspaceFileName = "profs/subspace.safetensors"
  /// What a GGUF file is called in its receipt, so that it can be given another name.
  static let ggufName = "gguf"
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
    /// ‖Q(W′) − W′‖_F / ‖W′‖_F, what quantising the edited weight adds; `nil` where it is not quantised.
    public var quantizationError: Double? = nil
    /// ‖Q(W) − W‖_F / ‖W‖_F, what it would add to the weight as it was; `nil` where the base holds it quantised so
    /// already, and what that cost is not known.
    public var baseQuantizationError: Double? = nil
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
  /// The type that was asked for in a GGUF file; `nil` for the base's own.
  public var tensorType: String? = nil
  /// SHA-256 of the GGUF file; `nil` where the output is a folder.
  public var fileDigest: String? = nil
  /// The files around the tensors; `nil` in receipts of versions that named tensors alone.
  public var files: [OutputFile]? = nil

  /// The tensors that were edited.
  public var edited: [Tensor] { tensors.filter { $0.edit != nil } }

  /// The root mean square of the edited tensors' ``Edit/quantizationError``; `nil` where none is quantised.
  public var quantizationError: Double? {
    let errors = edited.compactMap(\.edit?.quantizationError)
    return errors.isEmpty
      ? nil : (errors.reduce(0) { $0 + $1 * $1 } / Double(errors.count)).squareRoot()
  }

  /// How many of a checkpoint's tensors are as they were; 0 of an adapter's, which all belong to the edit.
  public var unchangedCount: Int { output.isAdapter ? 0 : tensors.count - edited.count }

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
    var outputMembers: [(key: String, value: JSON)] = [("output", .string(output.rawValue))]
    if let tensorType { outputMembers.append(("tensor_type", .string(tensorType))) }
    if let fileDigest { outputMembers.append(("file_sha256", .string(fileDigest))) }
    let members: [(key: String, value: JSON)] = [
      ("format", .string(Self.format)), ("version", 1), ("profs", .string(version)),
    ]
    let rest: [(key: String, value: JSON)] = [
      (
        "base",
        [
          "name": .string(baseName),
          "files": .array(baseFiles.map { ["name": .string($0.name), "sha256": .string($0.digest)] }),
          "model_sha256": .string(provenance.modelDigest),
        ]
      ),
      ("recipe", .object(recipeMembers)),
      ("pairs", ["count": .int(provenance.pairs), "sha256": .string(provenance.pairsDigest)]),
      (
        "subspace",
        .object(
          [("file", .string(Self.subspaceFileName)), ("sha256", .string(subspaceDigest))]
            + (provenance.parts.isEmpty ? [] : [("parts", .array(provenance.parts.map(\.json)))]))
      ),
    ]
    let tensorMembers: [(key: String, value: JSON)] = [
      (
        "tensors",
        .array(
          tensors.map { tensor in
            var members: [(key: String, value: JSON)] = [
              ("name", .string(tensor.name)), ("file", .string(tensor.file)), ("dtype", .string(tensor.type)),
              ("shape", .array(tensor.shape.map { .int($0) })), ("sha256", .string(tensor.digest)),
            ]
            if let edit = tensor.edit {
              members.append(("edit", .object(edit.members)))
            }
            return .object(members)
          })
      )
    ]
    let fileMembers = files.map { [("files", JSON.array($0.map(\.json)))] } ?? []
    let all = members + outputMembers + rest + fileMembers + tensorMembers
    return Self.sealed(
      JSON.object(all + [(Self.sealKey, .string(Self.unsealed))]).serialized(pretty: true) + "\n")
  }
}

extension Receipt.Edit {
  /// The members of its object; figures of quantisation where there is one.
  fileprivate var members: [(key: String, value: JSON)] {
    var members: [(key: String, value: JSON)] = [
      ("block", .int(block)), ("sha256_before", .string(digestBefore)),
      ("residual_before", .double(residualBefore)), ("residual", .double(residual)),
      ("relative_change", .double(relativeChange)),
    ]
    if let quantizationError { members.append(("quantization_error", .double(quantizationError))) }
    if let baseQuantizationError {
      members.append(("quantization_error_of_base", .double(baseQuantizationError)))
    }
    return members
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
