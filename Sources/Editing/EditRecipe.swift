public import SubspaceEditing

/// How a subspace is found: everything that, with the model and the texts, determines it.
public struct EditRecipe: Sendable, Hashable {
  /// A published or own way of computing the subspace.
  public enum Method: String, Sendable, Hashable, CaseIterable {
    /// arXiv 2405.13967, section 4: mean over a text's own tokens, differences centred by the mean of the chosen side.
    case paper
    /// This project's: a text's first token is left out of its mean, and besides the mean of the chosen side the
    /// principal directions of neutral text are protected, those of the residual stream's second moment over tokens.
    case protected
    /// The paper's published code: texts padded with the end token to their side's longest and averaged over the padding
    /// too, differences centred by the first right singular vector of the chosen side. Its faults are not copied: sides
    /// stay paired, and no pair is dropped.
    case detoxEdit = "detox-edit"
    /// This project's: what the MLP-value matrices write is compared, over the tokens in which a pair's sides differ, and
    /// removed by the oblique projection that changes what they write on neutral text least.
    case oblique
    /// This project's: the first step of DPO as a step of natural gradient, cut to low rank, in what the MLP-value matrices
    /// write. Its size is set by how far the model may move on neutral text.
    case natural

    /// Whether it needs neutral text.
    public var usesNeutralText: Bool { [.protected, .oblique, .natural].contains(self) }
    /// Whether it looks at what the MLP-value matrices write, and finds apart what is read of it and what is changed; the
    /// others look at the residual stream.
    var looksAtOutputs: Bool { self == .oblique || self == .natural }
    /// Whether what it finds is a projection, after which nothing is written into a subspace.
    public var isProjection: Bool { self != .natural }
  }

  /// How it is computed.
  public var method: Method
  /// Directions removed in each block.
  public var rank: RankChoice
  /// Blocks that are edited, counted from 1, both ends included.
  public var blocks: ClosedRange<Int>
  /// Texts are cut after this many tokens.
  public var maximumTokens: Int
  /// Principal directions of neutral text that are protected in each block; 0 for the other methods, which have none.
  public var protectedDirections: Int
  /// Which of the preference matrix's singular vectors are taken; ``Method/paper`` and ``Method/detoxEdit`` take the first.
  public var ranking: DirectionRanking

  /// A recipe from its parts; texts are cut after 128 tokens, as in the paper, where nothing else is said.
  public init(
    method: Method = .paper, rank: RankChoice, blocks: ClosedRange<Int>, maximumTokens: Int = 128,
    protectedDirections: Int = 0, ranking: DirectionRanking = .singularValue
  ) {
    self.method = method
    self.rank = rank
    self.blocks = blocks
    self.maximumTokens = maximumTokens
    self.protectedDirections = protectedDirections
    self.ranking = ranking
  }

  /// The recipe for a model of `blocks` blocks of width `hidden`, where the user chose no more than the method.
  ///
  /// The upper half of the blocks, as the paper edits (blocks 15–24 of 24 in GPT-2 medium, 15 or 16 up of 28 or 32 in
  /// larger models), and its ranks: 2 for small models, 10 from 2,048 wide; 1 for ``Method/oblique`` and 4 for
  /// ``Method/natural``. What is protected is one direction in eight: 72 of SmolLM2-135M's 576, 80 of Gemma 3 270M's 640,
  /// both within the 64 to 96 that served these models best.
  public static func standard(_ method: Method = .natural, blocks: Int, hidden: Int) -> EditRecipe {
    var recipe = EditRecipe(method: method, rank: hidden < 2048 ? 2 : 10, blocks: blocks / 2 + 1...blocks)
    if method == .protected {
      recipe.protectedDirections = max(1, hidden / 8)
      recipe.ranking = .consistency
    }
    if method == .oblique { (recipe.ranking, recipe.rank) = (.mean, .fixed(1)) }
    if method == .natural { recipe.rank = .fixed(4) }
    return recipe
  }
}

extension ClosedRange<Int> {
  /// The smallest range that holds all of `ranges`, of which there must be one.
  package static func enclosing(_ ranges: [ClosedRange<Int>]) -> ClosedRange<Int> {
    ranges.dropFirst().reduce(ranges[0]) {
      Swift.min($0.lowerBound, $1.lowerBound)...Swift.max($0.upperBound, $1.upperBound)
    }
  }
}
