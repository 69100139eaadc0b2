/// What `profs explain --json` prints: the tokens that a subspace's directions raise and lower.
struct ExplanationRecord: Sendable {
  /// A block's directions.
  struct Block: Sendable {
    /// The block, from 1.
    var block: Int
    /// Overlap with the block before it in the subspace; `nil` for the first.
    var overlap: Double?
    /// Overlap with another subspace; `nil` where none was compared.
    var compared: Double?
    /// The directions in their order.
    var directions: [Direction]
  }

  /// A direction.
  struct Direction: Sendable {
    /// Its singular value; `nil` where the file does not know it.
    var singularValue: Double?
    /// Its squared singular value's share of all in the block.
    var share: Double?
    /// What it raises, the most first: tokens of rejected texts.
    var top: [Token]
    /// What it lowers, the most first: tokens of chosen texts.
    var bottom: [Token]
    /// Texts that lie furthest along it, furthest first; none where none were placed.
    var topTexts: [Text] = []
    /// Texts that lie furthest the other way.
    var bottomTexts: [Text] = []
  }

  /// A text that was placed along a direction.
  struct Text: Sendable {
    /// As much of it as a report shows.
    var text: String
    /// v · e of its embedding e.
    var coordinate: Double
  }

  /// A token with the change of its logit along the direction.
  struct Token: Sendable {
    /// The token's text.
    var text: String
    /// W (g v) at the token.
    var logit: Double
  }

  /// The blocks in their order.
  var blocks: [Block]

  /// Largest numbers of blocks, of a block's directions, of a direction's tokens and texts at each end, and of a text's
  /// characters that a report shows.
  static let limits = (blocks: 128, directions: 16, tokens: 12, texts: 5, characters: 240)

  /// Reads the document; directions and tokens beyond the limits are left out.
  init(_ root: Field) throws {
    blocks = try root.member("blocks").list(atMost: Self.limits.blocks).map { block in
      Block(
        block: try block.member("block").count,
        overlap: try block.optional("previous")?.member("overlap").number,
        compared: try block.optional("compared")?.member("overlap").number,
        directions: try block.member("directions").list.prefix(Self.limits.directions).map { direction in
          Direction(
            singularValue: try direction.optional("singular_value")?.number,
            share: try direction.optional("share")?.number,
            top: try Self.tokens(direction.member("top")),
            bottom: try Self.tokens(direction.member("bottom")),
            topTexts: try Self.texts(direction.optional("top_texts")),
            bottomTexts: try Self.texts(direction.optional("bottom_texts")))
        })
    }
    guard blocks.contains(where: { !$0.directions.isEmpty }) else {
      throw try root.member("blocks").error(expected: "blocks with directions")
    }
  }

  private static func texts(_ field: Field?) throws -> [Text] {
    try field?.list.prefix(limits.texts).map { field in
      let text = try field.member("text").text
      let shown = text.prefix(limits.characters)
      return Text(
        text: shown.endIndex < text.endIndex ? shown + "…" : text,
        coordinate: try field.member("coordinate").number)
    } ?? []
  }

  private static func tokens(_ field: Field) throws -> [Token] {
    try field.list.prefix(limits.tokens).map {
      Token(text: try $0.member("text").text, logit: try $0.member("logit").number)
    }
  }
}
