/// How varied texts are: the guard against a model that scores well by repeating itself.
package struct Diversity: Sendable, Equatable {
  /// Distinct n-grams of each text, counted within it.
  package let distinct: [Double]
  /// N-grams of each text: its length − n + 1, at least 0.
  package let total: [Double]
  /// Distinct n-grams of all texts together ÷ all n-grams; NaN where no text has any.
  ///
  /// Falls with the number of texts, so it compares only equally many. Source: Li et al. 2016, arXiv 1510.03055.
  package let distinctAcrossTexts: Double
  /// Tokens, or words, of each text.
  package let lengths: [Double]

  /// - Parameters:
  ///   - texts: token ids or words.
  ///   - n: length of the n-grams, from 1.
  package init<Token: Hashable>(of texts: [[Token]], n: Int) {
    precondition(n >= 1, "an n-gram has a token")
    let grams = texts.map { text in
      (0..<max(0, text.count - n + 1)).map { text[$0..<$0 + n] }
    }
    let distinctWithin = grams.map { Set($0) }
    distinct = distinctWithin.map { Double($0.count) }
    total = grams.map { Double($0.count) }
    distinctAcrossTexts =
      Double(distinctWithin.reduce(into: Set()) { $0.formUnion($1) }.count) / total.reduce(0, +)
    lengths = texts.map { Double($0.count) }
  }

  /// Distinct n-grams within a text ÷ its n-grams, over all texts: 1 where none repeats itself.
  package func withinTexts(_ bootstrap: Bootstrap) -> Estimate {
    bootstrap.ratio(of: distinct, to: total)
  }
}
