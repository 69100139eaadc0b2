package import Storage
internal import Editing
internal import Evaluation
internal import Kernels
internal import Tokenization
internal import Transformer

/// The tokens that the directions of one block raise most.
package struct DirectionTokens: Sendable, Equatable {
  /// The block, from 1.
  package let block: Int
  /// Of each direction its tokens, most raised first.
  package let directions: [[String]]

  /// Largest number of directions that are read, and tokens of each.
  private static let limits = (directions: 4, tokens: 10)

  /// Reads the middle block of `subspace`, the upper one of two, as `profs explain` does.
  init(_ subspace: EditSubspace, _ model: Model, _ context: ComputeContext) throws {
    let number = subspace.blocks[subspace.blocks.count / 2].block
    let explanation = try SubspaceExplanation(
      subspace.restricted(to: number...number, rank: nil), model, context, tokens: Self.limits.tokens)
    block = number
    directions = explanation.blocks[0].directions.prefix(Self.limits.directions).map { $0.top.map(\.text) }
  }

  /// What ``json`` has written; `nil` for anything else.
  init?(_ json: JSON) {
    guard case .int(let block)? = json["block"], let directions = json["directions"] else { return nil }
    self.block = block
    self.directions = directions.elements.map { $0.elements.compactMap(\.text) }
  }

  /// `{"block", "directions": [[TOKEN]]}`.
  package var json: JSON {
    ["block": .int(block), "directions": .array(directions.map { .array($0.map { .string($0) }) })]
  }

  /// Tokens of a vocabulary, drawn at random: what those of directions are compared with.
  static func sample(_ tokenizer: Tokenizer, vocabulary: Int, seed: UInt64) -> [String] {
    var generator = SplitMix64(seed: seed)
    return (0..<vocabulary).shuffled(using: &generator).prefix(sampled).map {
      String(decoding: tokenizer.bytes(of: Int32($0)), as: UTF8.self)
    }
  }

  private static let sampled = 2000
}
