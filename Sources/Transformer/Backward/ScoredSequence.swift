/// A text whose end is scored: ln p of its response given all before it.
package struct ScoredSequence: Sendable, Hashable {
  /// The whole text's tokens.
  package var tokens: [Int32]
  /// The index of the response's first token, at least 1: nothing predicts a text's first token.
  package var responseStart: Int

  /// A text of which everything from `responseStart` on is scored.
  package init(tokens: [Int32], responseStart: Int) {
    self.tokens = tokens
    self.responseStart = max(1, responseStart)
  }

  /// The indices of the tokens that are scored.
  package var scored: Range<Int> { min(responseStart, tokens.count)..<tokens.count }
}
