internal import Foundation
package import Kernels

/// The numbers and choices that determine what a model computes; families differ in nothing else.
package struct ModelConfiguration: Sendable, Hashable {
  /// Which norm is used throughout.
  package enum Norm: Sendable, Hashable {
    /// Mean subtracted, divided by the standard deviation, scaled, shifted.
    case layer
    /// Divided by the root mean square, scaled by the weight plus `offset`: 0, or 1 in Gemma's checkpoints.
    case rms(offset: Float)
  }

  /// How attention and MLP of a block follow each other.
  package enum Arrangement: Sendable, Hashable {
    /// The MLP sees what attention added.
    case sequential
    /// Both see the block's input.
    case parallel
    /// Both see the block's input through one norm.
    case parallelWithSharedNorm
  }

  /// How a fused matrix of queries, keys and values orders its outputs.
  package enum FusedOrder: Sendable, Hashable {
    /// All queries, all keys, all values.
    case blocks
    /// Query, key and value of the first head, then of the second ….
    case perHead
  }

  /// How tokens know where they stand.
  package enum Positions: Sendable, Hashable {
    case rotary
    /// An embedding for each position, `offset` rows into its table.
    case learned(offset: Int)
  }

  /// How queries grow with their position p: by 1 + β · log(1 + ⌊p / length⌋), as in Llama 4.
  package struct QueryGrowth: Sendable, Hashable {
    /// β; not 0.
    package var beta: Double
    /// Positions that have one factor.
    package var length: Int

    /// The factor at `position`, from 0.
    func factor(position: Int) -> Double { 1 + beta * log(1 + Double(position / length)) }
  }

  /// What sets a block apart from others of its model.
  package struct BlockShape: Sendable, Hashable {
    /// Heads of keys and values.
    package var keyValueHeads: Int
    /// Width of a head.
    package var headDimension: Int
    /// Width inside the MLP.
    package var intermediate: Int
    /// Whether the matrix of the keys also makes the values.
    package var valuesAreKeys = false
    /// The block, from 1, whose keys and values it takes over instead of making some.
    package var keySource: Int?
  }

  /// How many blocks there are.
  package var blocks: Int
  /// Width of the residual stream.
  package var hidden: Int
  /// Width inside the MLP.
  package var intermediate: Int
  /// Query heads.
  package var heads: Int
  /// Heads of keys and values, shared by equal groups of query heads.
  package var keyValueHeads: Int
  /// Width of a head.
  package var headDimension: Int
  /// The shape of each block, from block 1; empty where all have that of the model.
  package var blockShapes: [BlockShape] = []
  /// Tokens the model knows.
  package var vocabulary: Int
  /// Positions the model was made for.
  package var maximumPositions: Int
  /// What stands between the MLP's matrices.
  package var activation: Activation
  /// ε of every norm.
  package var normEpsilon: Float
  /// Whether logits are taken with the token embedding, there being no output head of its own.
  package var tiedHead: Bool

  /// The norm of residual stream and branches.
  package var norm: Norm = .rms(offset: 0)
  /// How a block's two branches follow each other.
  package var arrangement: Arrangement = .sequential
  /// Whether norms are applied to the residual stream after each sum, as in BERT, not to a branch's input.
  package var normsFollowResidual = false
  /// Whether what a branch adds to the residual stream goes through a norm first.
  package var normsBranches = false
  /// How a fused matrix orders queries, keys and values.
  package var fusedOrder: FusedOrder = .blocks
  package var positions: Positions = .rotary
  /// Which two elements of a head turn together.
  package var rotaryPairing = RotaryTable.Pairing.halves
  /// Whether queries and keys turn, of each block, from block 1; empty where they do in all.
  package var turningBlocks: [Bool] = []
  /// Rotary embedding of the blocks that see all keys.
  package var rotary = RotarySettings(base: 10_000)
  /// Rotary embedding of the blocks with a window, where it differs.
  package var windowedRotary: RotarySettings?
  /// Keys that a query sees in each block, its own included, from block 1; empty where all see all.
  package var windows: [Int?] = []
  /// How queries grow with their position, where they do.
  package var queryGrowth: QueryGrowth?
  /// How a head's pairs are shared out among time, height and width of a picture, which of text are one position: kept for GGUF.
  package var rotarySections: [Int] = []
  /// First blocks to which a picture adds something of its own, and text nothing: kept for GGUF.
  package var pictureBlocks = 0
  /// Factor on the products of queries and keys; 1/√headDimension where `nil`.
  package var attentionScale: Float?
  /// Whether the factor is divided by the block's number.
  package var scalesAttentionByBlock = false
  /// Width of what tokens bring into every block; `nil` where they bring nothing.
  package var tokenBranchWidth: Int?
  /// The shape of the gated delta nets that stand in some blocks in place of attention; `nil` where there are none.
  package var deltaNet: GatedDeltaNet?
  /// Which blocks they are, from block 1; empty where none is.
  package var deltaNetBlocks: [Bool] = []
  /// Whether what attention answers is multiplied by σ of a gate, which the matrix of the queries makes, a head behind each query.
  package var gatesAttention = false
  /// Whether each head of values is divided by its root mean square.
  package var normsValues = false
  /// Bound of attention scores.
  package var scoreCap: Float?
  /// What logits are divided by.
  package var logitDivisor: Float?
  /// Bound of the logits.
  package var logitCap: Float?
  /// Factor on what a branch adds to the residual stream, where one branch follows the other.
  package var residualScale: Float?
  /// Factor on token embeddings.
  package var embeddingScale: Float?
  /// Width of the token embedding, where it is not the residual stream's.
  package var embeddingWidth: Int?
  /// Kinds of text that an encoder's segment embedding tells apart.
  package var segments = 2
  /// Whether a token sees only those before it.
  package var isCausal = true
  /// Whether a block's matrix has a bias, where the configuration says so; else it has one if the checkpoint does.
  package var biases: [WeightRole: Bool] = [:]
  /// What an encoder's classification head tells apart.
  package var labels: [String] = []
  /// What stands between that head's two matrices.
  package var classifierActivation = Activation.tangent

  /// The model as `block`, from 1, has it: with the heads and the MLP of that block.
  package func block(_ block: Int) -> ModelConfiguration {
    guard blockShapes.indices.contains(block - 1) else { return self }
    return with(blockShapes[block - 1])
  }

  /// With heads and an MLP as large as those of any block: for memory that all blocks share.
  package var largestBlock: ModelConfiguration {
    guard var shape = blockShapes.first else { return self }
    for other in blockShapes {
      shape.keyValueHeads = max(shape.keyValueHeads, other.keyValueHeads)
      shape.headDimension = max(shape.headDimension, other.headDimension)
      shape.intermediate = max(shape.intermediate, other.intermediate)
    }
    return with(shape)
  }

  /// The model as its blocks have it, each kind of block once.
  package var blockKinds: [ModelConfiguration] {
    blockShapes.isEmpty ? [self] : Set(blockShapes).map(with)
  }

  private func with(_ shape: BlockShape) -> ModelConfiguration {
    var result = self
    result.keyValueHeads = shape.keyValueHeads
    result.headDimension = shape.headDimension
    result.intermediate = shape.intermediate
    return result
  }

  /// The block whose keys and values `block`, from 1, takes over; `nil` where it makes its own.
  package func keySource(block: Int) -> Int? {
    blockShapes.indices.contains(block - 1) ? blockShapes[block - 1].keySource : nil
  }

  /// Whether `block`, from 1, has a gated delta net in place of attention.
  package func isRecurrent(block: Int) -> Bool {
    deltaNetBlocks.indices.contains(block - 1) && deltaNetBlocks[block - 1]
  }

  /// The blocks whose keys and values others take over.
  var keySources: Set<Int> { Set(blockShapes.compactMap(\.keySource)) }

  /// The role under which a role's tensor is stored: that of the keys for values that are keys, that of all blocks for what
  /// is a part of it.
  func storedRole(_ role: WeightRole, block: Int?) -> WeightRole {
    switch role {
    case .tokenContext: return .tokenContexts
    case .value:
      guard let block, blockShapes.indices.contains(block - 1) else { return role }
      return blockShapes[block - 1].valuesAreKeys ? .key : role
    default: return role
    }
  }

  /// Columns of all query heads side by side.
  package var queryWidth: Int { heads * headDimension }
  /// Columns of what the matrix of the queries makes: of their gates too, where they have some.
  package var queryRowWidth: Int { gatesAttention ? 2 * queryWidth : queryWidth }
  /// Columns of all key (or value) heads side by side.
  package var keyValueWidth: Int { keyValueHeads * headDimension }
  /// Keys that a query sees in `block`; `nil` for all.
  package func window(block: Int) -> Int? { windows.indices.contains(block - 1) ? windows[block - 1] : nil }

  /// Width of a head in the blocks with a window, or in those without; the model's where there are none of them.
  package func headDimension(hasWindow: Bool) -> Int {
    let first = blockShapes.indices.first { (window(block: $0 + 1) != nil) == hasWindow }
    return first.map { blockShapes[$0].headDimension } ?? headDimension
  }

  /// Whether queries and keys turn in `block`.
  package func turns(block: Int) -> Bool {
    turningBlocks.indices.contains(block - 1) ? turningBlocks[block - 1] : true
  }

  /// Factor on the products of queries and keys in `block`.
  package func attentionScale(block: Int) -> Float {
    let scale = attentionScale ?? 1 / Float(headDimension).squareRoot()
    return scalesAttentionByBlock ? scale / Float(block) : scale
  }

  /// Outputs and inputs of a role's matrix, or `[width]` of a norm, or `[channels, 1, taps]` of a convolution; `nil` for a table whose rows are not determined.
  package func shape(of role: WeightRole) -> [Int] {
    switch role {
    case .tokenEmbedding, .outputHead: [vocabulary, embeddingWidth ?? hidden]
    case .positionEmbedding:
      if case .learned(let offset) = positions {
        [maximumPositions + offset, hidden]
      } else {
        [maximumPositions, hidden]
      }
    case .segmentEmbedding: [segments, hidden]
    case .embeddingProjection: [hidden, embeddingWidth ?? hidden]
    case .outputProjection: [embeddingWidth ?? hidden, hidden]
    case .classifierDense: [hidden, hidden]
    case .classifier: [labels.count, hidden]
    case .embeddingNorm, .finalNorm, .attentionNorm, .mlpNorm, .postAttentionNorm, .postMLPNorm: [hidden]
    case .blockScale: [1]
    case .tokenTable: [vocabulary, blocks * (tokenBranchWidth ?? 0)]
    case .tokenContexts: [blocks * (tokenBranchWidth ?? 0), hidden]
    case .tokenContextNorm: [tokenBranchWidth ?? 0]
    case .tokenContext, .tokenGate: [tokenBranchWidth ?? 0, hidden]
    case .tokenOutput: [hidden, tokenBranchWidth ?? 0]
    case .postTokenNorm: [hidden]
    case .queryKeyValue: [queryWidth + 2 * keyValueWidth, hidden]
    case .query: [queryRowWidth, hidden]
    case .key, .value: [keyValueWidth, hidden]
    case .queryNorm, .keyNorm: [headDimension]
    case .attentionOutput: [hidden, queryWidth]
    case .deltaQueryKeyValue: [deltaNet?.channels ?? 0, hidden]
    case .deltaGate: [deltaNet?.valueWidth ?? 0, hidden]
    case .deltaRate, .deltaTime: [deltaNet?.valueHeads ?? 0, hidden]
    case .deltaConvolution: [deltaNet?.channels ?? 0, 1, deltaNet?.taps ?? 0]
    case .deltaTimeBias, .deltaDecay: [deltaNet?.valueHeads ?? 0]
    case .deltaNorm: [deltaNet?.valueDimension ?? 0]
    case .deltaOutput: [hidden, deltaNet?.valueWidth ?? 0]
    case .mlpGateUp: [2 * intermediate, hidden]
    case .mlpGate, .mlpUp: [intermediate, hidden]
    case .mlpValue: [hidden, intermediate]
    }
  }
}
