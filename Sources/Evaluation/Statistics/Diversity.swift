/// How varied texts are: the guard against a model that scores well by repeating itself.
package struct Diversity: Sendable, Equatable {
  /// Distinct n-grams of each text, counted within it.
  package let distinct: [Double]
  /// N-grams of each text: its length − n + 1, at least 0.
  package let total: [Double]

  /// - Parameters:
  ///   - texts: token ids or words.
  ///   - n: length of the n-grams, from 1.
  package init<Token: Hashable>(of texts: [[Token]], n: Int) {
    precondition(n >= 1, "an n-gram has a token")
    let grams = texts.map { text in
      (0..<max(0, text.count - n + 1)).map { text[$0..<$0 + n] }
    }
    distinct = grams.map { Double(Set($0).count) }
    total = grams.map { Double($0.count) }
  }
}
