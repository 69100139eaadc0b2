/// What the paper reports of its models (Uppaal et al., ICLR 2025, arXiv 2405.13967, table 2): toxicity by Detoxify on
/// RealToxicityPrompts' challenge prompts, perplexity on WikiText-2; means of three subsets of pairs.
package enum PaperFigures {
  /// A model's toxicity, a share, and its perplexity.
  package struct Measured: Sendable, Equatable {
    /// Mean score of its continuations.
    package var toxicity: Double
    /// Its perplexity.
    package var perplexity: Double
  }

  /// A model before and after.
  package struct Row: Sendable {
    /// Its name.
    package var model: String
    /// A part of the names of folders and files that hold it, in lower case without punctuation.
    package var key: String
    /// As it was.
    package var original: Measured
    /// After DPO on 2000 pairs.
    package var dpo: Measured
    /// After ProFS on 500 pairs.
    package var profs: Measured
  }

  /// The models, the smallest first.
  package static let rows = [
    row("GPT-2 medium", "gpt2medium", (48.00, 29.70), (36.36, 29.86), (26.83, 32.50)),
    row("GPT-J 6B", "gptj6b", (45.31, 13.24), (43.67, 13.96), (37.36, 14.53)),
    row("OPT 6.7B", "opt67b", (46.47, 14.67), (45.31, 14.37), (43.49, 13.83)),
    row("Mistral 7B SFT", "mistral7bsft", (33.45, 8.22), (23.96, 8.38), (26.03, 8.83)),
    row("Mistral 7B", "mistral7b", (42.45, 7.49), (36.42, 7.52), (30.40, 7.99)),
  ]

  private static func row(
    _ model: String, _ key: String, _ original: (Double, Double), _ dpo: (Double, Double),
    _ profs: (Double, Double)
  ) -> Row {
    func measured(_ pair: (Double, Double)) -> Measured {
      Measured(toxicity: pair.0 / 100, perplexity: pair.1)
    }
    return Row(
      model: model, key: key, original: measured(original), dpo: measured(dpo), profs: measured(profs))
  }

  /// The row of a model whose folder or file is called `name`; `nil` where the paper has none.
  package static func row(forModel name: String) -> Row? {
    let plain = String(name.lowercased().filter { $0.isASCII && ($0.isLetter || $0.isNumber) })
    return rows.first { plain.contains($0.key) }
  }

  /// ProFS's and DPO's changes as marks of reference, relative to each model's original: toxicity upward, perplexity across.
  package static var changes: [Plot.Series] {
    func series(_ name: String, _ colour: String, _ symbol: Symbol, _ edited: KeyPath<Row, Measured>)
      -> Plot.Series
    {
      var series = Plot.Series(name: name, isReference: true)
      (series.colour, series.symbol) = (colour, symbol)
      series.marks = rows.map { row in
        let after = row[keyPath: edited]
        return Plot.Mark(
          x: Interval(after.perplexity / row.original.perplexity - 1),
          y: Interval(after.toxicity / row.original.toxicity - 1), label: row.model)
      }
      return series
    }
    var dpo = series("DPO, 2000 pairs (paper)", "cbase", .square, \.dpo)
    // The names stand beside ProFS's marks; a pointer over DPO's says them too.
    dpo.marks = dpo.marks.map { mark in
      var mark = mark
      (mark.note, mark.label, mark.radius) = (mark.label, nil, 3.5)
      return mark
    }
    return [dpo, series("ProFS, 500 pairs (paper)", "cref", .diamond, \.profs)]
  }
}
