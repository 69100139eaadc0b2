internal import Kernels

/// What is different about one block in a variant, ready to compute with.
struct BlockEdits {
  /// What becomes of one matrix.
  enum Edit {
    /// A subspace is removed from what the base's matrix writes.
    case projection(ModelVariant.Projection)
    /// Another matrix stands in its place.
    case weights(BlockWeights)
  }

  private var edits: [WeightRole: Edit] = [:]
  /// Where what the MLP-value matrix writes is noted before its bias, `[rows, hidden]` f32; of the base alone.
  var mlpOutput: UnsafeMutablePointer<Float>?

  /// The base's block as it is.
  static var none: BlockEdits { BlockEdits() }

  /// What becomes of a role's matrix; `nil` where it stays.
  subscript(role: WeightRole) -> Edit? {
    get { edits[role] }
    set { edits[role] = newValue }
  }

  /// What is removed of what a role's matrix writes.
  func projection(of role: WeightRole) -> ModelVariant.Projection? {
    if case .projection(let projection) = edits[role] { projection } else { nil }
  }

  /// The weights that a role's matrix is taken from instead.
  func replacement(of role: WeightRole) -> BlockWeights? {
    if case .weights(let weights) = edits[role] { weights } else { nil }
  }
}

/// A run of a chunk's rows that belong to one variant, or to the base.
struct RowEdits {
  /// Rows of the chunk.
  var rows: Range<Int>
  /// What is different for them.
  var edits: BlockEdits
}

/// A variant's edits, one block of them at a time.
final class VariantWeights {
  private let variant: ModelVariant
  private var shelves: [WeightRole: BlockShelf] = [:]
  /// The edits of the loaded block.
  private(set) var edits = BlockEdits.none

  /// Nothing is loaded yet.
  init(_ variant: ModelVariant, _ context: ComputeContext, rows: Int) throws {
    self.variant = variant
    for edits in variant.edits.values {
      for case (let role, .replacement(let model)) in edits where shelves[role] == nil {
        shelves[role] = try BlockShelf(model, context, rows: rows, roles: [role])
      }
    }
  }

  /// Makes `block` (from 1) the one whose edits are lent.
  func load(_ block: Int) throws {
    edits = .none
    for (role, edit) in variant.edits[block] ?? [:] {
      switch edit {
      case .projection(let projection): edits[role] = .projection(projection)
      case .replacement:
        guard let shelf = shelves[role] else { continue }
        edits[role] = .weights(try shelf.weights(block))
      }
    }
  }
}
