internal import Checkpoints

/// The weights of a model that are trained, as one run of numbers.
///
/// Every tensor has its elements in the order of the checkpoint and begins on a multiple of sixteen floats; the few
/// between are zero and stay so.
package struct ParameterLayout: Sendable {
  /// What a tensor is in the model.
  package struct Key: Sendable, Hashable {
    /// What it is for.
    package var role: WeightRole
    /// The block, from 1; `nil` outside the blocks.
    package var block: Int?
    /// Weight or bias.
    package var part: Model.Part
    /// Which factor of the weight's adapter; `nil` for the tensor itself.
    package var factor: Factor?
  }

  /// A factor of an adapter, s B A, by PEFT's name for it.
  package enum Factor: String, Sendable, Hashable, CaseIterable {
    /// A, `[rank, inputs]`.
    case input = "lora_A"
    /// B, `[outputs, rank]`.
    case output = "lora_B"
  }

  /// Low-rank adapters that are trained in place of matrices: W′ = W + s B A.
  package struct Adapter: Sendable, Hashable {
    /// Rows of A.
    package var rank: Int
    /// LoRA's α: s = α / rank.
    package var alpha: Double

    /// Adapters of a rank and an α.
    package init(rank: Int, alpha: Double) { (self.rank, self.alpha) = (rank, alpha) }

    /// s.
    package var scale: Double { alpha / Double(rank) }
  }

  /// A tensor that is trained, or a factor of the adapter that is trained in its place.
  package struct Parameter: Sendable {
    /// What it is in the model.
    package let key: Key
    /// The tensor's name in the checkpoint.
    package let name: String
    /// Its dimensions as stored, or the factor's, outermost first.
    package let shape: [Int]
    /// Where its elements are.
    package let elements: Range<Int>
  }

  /// Which weights are trained.
  package struct Selection: Sendable, Hashable {
    /// Roles, of which a model need not have all.
    package var roles: Set<WeightRole>
    /// Blocks, from 1; all of them where `nil`.
    package var blocks: ClosedRange<Int>?
    /// Whether biases are trained with their matrices.
    package var biases: Bool
    /// The adapters that are trained in place of the blocks' matrices, and then nothing else is; `nil` for the weights
    /// themselves.
    package var adapter: Adapter?

    /// Chosen roles in chosen blocks.
    package init(
      roles: Set<WeightRole>, blocks: ClosedRange<Int>? = nil, biases: Bool = true, adapter: Adapter? = nil
    ) {
      self.roles = roles
      self.blocks = blocks
      self.biases = biases
      self.adapter = adapter
    }

    /// Every weight.
    package static let all = Selection(roles: Set(WeightRole.allCases))
  }

  /// The tensors, those outside the blocks first, then block by block.
  package let parameters: [Parameter]
  /// Number of floats, those between tensors included.
  package let count: Int
  /// The lowest block with a trained weight, or 0 where one lies before the blocks; where only the end of the model is
  /// trained, the number after the last block's.
  package let firstBlock: Int
  /// The adapters, where they are what is trained.
  package let adapter: Adapter?
  /// Indices into ``parameters``.
  private let indices: [Key: Int]
  private let tiedHead: Bool
  /// The model's axes, which say what is stored together; `nil` where nothing is trained.
  private let configuration: ModelConfiguration?

  /// The selected weights of `model`.
  package init(_ model: Model, _ selection: Selection = .all) {
    let isTied = model.configuration.tiedHead
    var parameters: [Parameter] = []
    var count = 0
    func add(_ role: WeightRole, _ block: Int?) {
      guard selection.roles.contains(role), role != .blockScale else { return }
      if let adapter = selection.adapter {
        guard let block, role.isLinear, let entry = model.entry(role, block: block) else { return }
        let shape = model.configuration.block(block).shape(of: role)
        for factor in Factor.allCases {
          let shape = factor == .input ? [adapter.rank, shape[1]] : [shape[0], adapter.rank]
          parameters.append(
            Parameter(
              key: Key(role: role, block: block, part: .weight, factor: factor), name: entry.name,
              shape: shape, elements: count..<count + shape[0] * shape[1]))
          count += (shape[0] * shape[1] + 15) / 16 * 16
        }
        return
      }
      for part in selection.biases ? [Model.Part.weight, .bias] : [.weight] {
        guard let entry = model.entry(role, block: block, part: part) else { continue }
        parameters.append(
          Parameter(
            key: Key(role: role, block: block, part: part), name: entry.name, shape: entry.shape,
            elements: count..<count + entry.elementCount))
        count += (entry.elementCount + 15) / 16 * 16
      }
    }
    let outer = WeightRole.allCases.filter { !$0.isPerBlock && !(isTied && $0 == .outputHead) }
    for role in outer { add(role, nil) }
    let all = 1...model.configuration.blocks
    for block in (selection.blocks ?? all).clamped(to: all) {
      for role in model.roles(block: block) { add(role, block) }
    }
    tiedHead = isTied
    configuration = model.configuration
    adapter = selection.adapter
    self.parameters = parameters
    self.count = count
    indices = Dictionary(uniqueKeysWithValues: parameters.enumerated().map { ($1.key, $0) })
    firstBlock =
      parameters.map { $0.key.block ?? ($0.key.role.isBeforeBlocks ? 0 : model.configuration.blocks + 1) }
      .min() ?? model.configuration.blocks + 1
  }

  /// No weights at all: for a pass that is only watched, from `firstBlock` up.
  package init(watchingFrom firstBlock: Int) {
    (parameters, count, indices, tiedHead, adapter, configuration) = ([], 0, [:], false, nil, nil)
    self.firstBlock = firstBlock
  }

  /// Which of ``parameters`` a tensor is; `nil` where it is not trained or does not exist.
  package func index(_ role: WeightRole, block: Int?, _ part: Model.Part = .weight) -> Int? {
    let isTied = tiedHead && role == .outputHead && part == .weight
    return indices[
      Key(role: isTied ? .tokenEmbedding : stored(role, block), block: block, part: part)]
  }

  private func stored(_ role: WeightRole, _ block: Int?) -> WeightRole {
    configuration?.storedRole(role, block: block) ?? role
  }

  /// The factors of a matrix's adapter; `nil` where it has none.
  package func factors(_ role: WeightRole, block: Int) -> (input: Parameter, output: Parameter)? {
    func factor(_ factor: Factor) -> Parameter? {
      indices[Key(role: stored(role, block), block: block, part: .weight, factor: factor)]
        .map { parameters[$0] }
    }
    guard adapter != nil, let input = factor(.input), let output = factor(.output) else { return nil }
    return (input, output)
  }
}

extension WeightRole {
  /// Whether it makes the residual stream that the first block is given.
  var isBeforeBlocks: Bool {
    switch self {
    case .tokenEmbedding, .positionEmbedding, .segmentEmbedding, .embeddingNorm, .embeddingProjection,
      .tokenTable, .tokenContexts, .tokenContextNorm:
      true
    default: false
    }
  }
}
