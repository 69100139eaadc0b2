package import Kernels

/// The numbers that, with a family, determine a model.
package struct ModelConfiguration: Sendable, Hashable {
  /// Transformer blocks, at least 1.
  package var blocks: Int
  /// Width of the residual stream.
  package var hidden: Int
  /// Width inside the MLP.
  package var intermediate: Int
  /// Query heads, a multiple of `keyValueHeads`.
  package var heads: Int
  /// Heads of keys and of values.
  package var keyValueHeads: Int
  /// Elements of a head, an even number.
  package var headDimension: Int
  /// Rows of the token embedding, which may outnumber the tokenizer's tokens.
  package var vocabulary: Int
  /// Positions the model was made for.
  package var maximumPositions: Int
  package var normEpsilon: Float
  package var activation: Activation
  /// Base of the rotary frequencies: a pair i of n turns by base^(−i/n) a position.
  package var rotaryBase: Double
  /// Whether logits are taken with the token embedding, there being no output head of its own.
  package var tiedHead: Bool

  /// Columns of all query heads side by side.
  package var queryWidth: Int { heads * headDimension }
  /// Columns of all key (or value) heads side by side.
  package var keyValueWidth: Int { keyValueHeads * headDimension }

  /// Shape a role's tensor must have, outermost first.
  package func shape(of role: WeightRole) -> [Int] {
    switch role {
    case .tokenEmbedding, .outputHead: [vocabulary, hidden]
    case .finalNorm, .attentionNorm, .mlpNorm: [hidden]
    case .query: [queryWidth, hidden]
    case .key, .value: [keyValueWidth, hidden]
    case .attentionOutput: [hidden, queryWidth]
    case .mlpGate, .mlpUp: [intermediate, hidden]
    case .mlpValue: [hidden, intermediate]
    }
  }
}
