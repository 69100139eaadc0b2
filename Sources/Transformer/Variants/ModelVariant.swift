internal import Checkpoints

/// A model that differs from a base in a few matrices that write to the residual stream, and runs beside it in one pass.
///
/// Below its first edited block it is the base, so only what comes after is computed for it.
package struct ModelVariant: Sendable {
  /// What becomes of one matrix.
  package enum WeightEdit: Sendable {
    /// W′x = (I − α UᵀV)(W x), with V Uᵀ = I: the edit without new weights.
    case projection(Projection)
    /// The same role's matrix of another checkpoint, of the same shape.
    case replacement(Model)
  }

  /// A subspace that is removed from what a matrix writes.
  package struct Projection: Sendable {
    /// V, `[rank, hidden]` f32: what is read.
    package let basis: [Float]
    /// U, `[rank, hidden]` f32: what is taken away for it; `nil` where it is V, whose rows are then orthonormal.
    package let writes: [Float]?
    /// Number of directions.
    package let rank: Int
    /// α: the share that is removed, 1 for all of it.
    package let strength: Float

    /// - Parameters:
    ///   - basis: `[rank, hidden]`, rows orthonormal where nothing else is written.
    ///   - writes: as many rows, each with the product 1 with its row of `basis` and 0 with the others.
    package init(basis: [Float], writes: [Float]? = nil, rank: Int, strength: Float) {
      precondition(rank > 0 && basis.count % rank == 0, "a basis holds whole rows")
      precondition(writes.map { $0.count == basis.count } ?? true, "as many rows are written as read")
      self.basis = basis
      self.writes = writes
      self.rank = rank
      self.strength = strength
    }

    /// Lends V and U.
    func withBases(_ body: (UnsafePointer<Float>, UnsafePointer<Float>) -> Void) {
      basis.withUnsafeBufferPointer { basis in
        guard let basis = basis.baseAddress else { return }
        guard let writes else { return body(basis, basis) }
        writes.withUnsafeBufferPointer { if let writes = $0.baseAddress { body(basis, writes) } }
      }
    }
  }

  /// The roles that can be edited: those that write to the residual stream.
  package static let editableRoles: [WeightRole] = [.attentionOutput, .deltaOutput, .mlpValue]

  /// The edits of each edited block, from 1.
  package let edits: [Int: [WeightRole: WeightEdit]]

  /// - Parameter edits: for blocks from 1, of roles among ``editableRoles``; at least one.
  package init(edits: [Int: [WeightRole: WeightEdit]]) {
    precondition(!edits.isEmpty, "a variant differs from its base")
    precondition(
      edits.values.allSatisfy { $0.keys.allSatisfy(Self.editableRoles.contains) }, "a role that can be edited"
    )
    self.edits = edits
  }

  /// The first block in which it differs from its base.
  package var firstBlock: Int { edits.keys.min() ?? 1 }

  /// Whether a subspace is removed anywhere while it runs.
  var needsProjection: Bool {
    edits.values.contains { $0.values.contains { if case .projection = $0 { true } else { false } } }
  }
}

extension ModelVariant {
  /// `edited` as a variant of `base`.
  ///
  /// `nil` where it differs in more than matrices that can be edited, or is stored in another form, and so must run by
  /// itself.
  /// - Throws: where a file cannot be read.
  package init?(_ base: Model, edited: Model) throws {
    guard base.family.name == edited.family.name, base.configuration == edited.configuration,
      base.blockRoles == edited.blockRoles
    else { return nil }
    var edits: [Int: [WeightRole: WeightEdit]] = [:]
    for role in WeightRole.allCases {
      for block in role.isPerBlock ? (1...base.configuration.blocks).map(Optional.some) : [nil] {
        for part in [Model.Part.weight, .bias] {
          let entries = (
            base.entry(role, block: block, part: part), edited.entry(role, block: block, part: part)
          )
          switch entries {
          case (nil, nil): continue
          case (let a?, let b?):
            guard try !base.tensors.holdsSameBytes(a, as: b, of: edited.tensors) else { continue }
            guard let block, part == .weight, Self.editableRoles.contains(role),
              base.layout(of: role) == edited.layout(of: role)
            else { return nil }
            edits[block, default: [:]][role] = .replacement(edited)
          default: return nil
          }
        }
      }
    }
    guard !edits.isEmpty else { return nil }
    self.init(edits: edits)
  }
}
