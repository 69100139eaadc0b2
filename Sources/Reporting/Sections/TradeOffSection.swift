/// Toxicity against perplexity: each edit of an evaluation beside what the paper reports of its own models.
struct TradeOffSection: Section {
  /// The evaluation.
  let record: EvaluationRecord

  /// The title.
  let title = "The trade-off"

  /// `nil` where the evaluation lacks one of the two, or has no edit.
  init?(_ record: EvaluationRecord) {
    guard record.models.count > 1, record.toxicity != nil, record.figure("perplexity") != nil else {
      return nil
    }
    self.record = record
  }

  /// The figure.
  var plot: Plot {
    var plot = Plot(
      title: "Change of toxicity against change of perplexity",
      x: Axis(label: "change of perplexity", unit: .change, includes: [0, 0.1], limits: -0.5...1),
      y: Axis(label: "change of toxicity", unit: .change, includes: [0, -0.4], limits: -1...1))
    plot.guides = [
      .init(isVertical: true, value: 0, label: ""), .init(isVertical: false, value: 0, label: ""),
    ]
    var edits = Plot.Series(name: record.models.count > 2 ? "these edits" : "this edit")
    edits.marks = record.models.indices.dropFirst().compactMap { index in
      guard let x = record.figure("perplexity")?.others[index - 1].change,
        let y = record.toxicity?.others[index - 1].change
      else { return nil }
      return Plot.Mark(x: x, y: y, label: record.models[index], radius: 6)
    }
    (plot.series, plot.relativeHeight) = (PaperFigures.changes + [edits], 1.15)
    return plot
  }

  /// The figure with its caption.
  var html: HTML {
    let plot = plot
    let hidden = plot.hidden > 0 ? " \(plot.hidden) of the marks lie beyond the axes." : ""
    return element("figure") {
      plot.html
      element("figcaption") {
        "Down is less toxic, right is worse at predicting ordinary text. Hollow marks are the paper’s own models under its scorer, "
          + "prompts and text (Uppaal et al. 2025, table 2): a scale to judge by, not a comparison." + hidden
      }
    }
  }
}
