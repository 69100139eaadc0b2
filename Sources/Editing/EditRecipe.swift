/// How a subspace is found: everything that, with the model and the pairs, determines it.
public struct EditRecipe: Sendable, Hashable {
  /// A published or own way of computing the subspace.
  public enum Method: String, Sendable, Hashable, CaseIterable {
    /// arXiv 2405.13967, section 4: mean over a text's own tokens, differences centred by the mean of the chosen side.
    case paper
  }

  /// How it is computed.
  public var method: Method
  /// Directions removed in each block.
  public var rank: Int
  /// Blocks that are edited, counted from 1, both ends included.
  public var blocks: ClosedRange<Int>
  /// Texts are cut after this many tokens.
  public var maximumTokens: Int

  /// A recipe from its parts; texts are cut after 128 tokens, as in the paper, where nothing else is said.
  public init(method: Method = .paper, rank: Int, blocks: ClosedRange<Int>, maximumTokens: Int = 128) {
    self.method = method
    self.rank = rank
    self.blocks = blocks
    self.maximumTokens = maximumTokens
  }

  /// The recipe for a model of `blocks` blocks of width `hidden`, where the user chose nothing.
  ///
  /// The upper half of the blocks, as the paper edits (blocks 15–24 of 24 in GPT-2 medium, 15 or 16 up of 28 or 32 in
  /// larger models), and its ranks: 2 for small models, 10 from 2,048 wide.
  public static func standard(blocks: Int, hidden: Int) -> EditRecipe {
    EditRecipe(rank: hidden < 2048 ? 2 : 10, blocks: blocks / 2 + 1...blocks)
  }
}
