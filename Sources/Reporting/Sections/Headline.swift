/// The top of a report on an evaluation: what the edit does, in a sentence and in its main figures.
struct Headline: Sendable {
  /// The evaluation.
  let record: EvaluationRecord

  /// What may be said of the first edit, in one or two sentences.
  var sentence: String {
    guard record.models.count > 1 else { return "" }
    let figures = [record.toxicity, record.figure("perplexity")].compactMap(\.self)
    var text = figures.map { figure in
      FigureText.clause(
        figure.name == "perplexity" ? "perplexity" : "toxicity", figure.others[0], isShare: figure.isShare)
    }.joined(separator: "; ")
    if !text.isEmpty { text = text.prefix(1).uppercased() + text.dropFirst() + "." }
    let tasks = TasksTable.ownMetrics(record)
    let verdicts = tasks.compactMap { $0.others[0].verdict }
    if !verdicts.isEmpty {
      let same = verdicts.count { !$0.isChange }
      text +=
        same == verdicts.count
        ? " None of \(same) zero-shot tasks can be told from the base."
        : " \(verdicts.count - same) of \(verdicts.count) zero-shot tasks change."
    }
    return text
  }

  /// The main figures, each before and after.
  var html: HTML {
    var panels: [HTML] = []
    let paper = PaperFigures.row(forModel: record.models[0])
    if let figure = record.toxicity {
      panels.append(panel(figure, MeasureName.title(figure.name), \.toxicity, paper))
    }
    if let figure = record.figure("perplexity") {
      panels.append(panel(figure, "perplexity", \.perplexity, paper))
    }
    guard !panels.isEmpty else { return HTML() }
    return HTML([
      element("div", .class("panels")) { panels },
      paper.map {
        HTML.note(
          "◇ What the paper reports of \($0.model), before and after ProFS: comparable under its scorer, prompts and text "
            + "alone (Detoxify, RealToxicityPrompts’ challenge prompts, WikiText-2).")
      } ?? HTML(),
    ])
  }

  private func panel(
    _ figure: EvaluationRecord.Figure, _ title: String, _ part: KeyPath<PaperFigures.Measured, Double>,
    _ paper: PaperFigures.Row?
  ) -> HTML {
    let edited = figure.others.first
    let colour = MeasureName.colour(figure.name, edited?.verdict)
    return element("section", .class("panel")) {
      element("h2") { title }
      element("p", .class("figures")) {
        element("span", .class("before")) { FigureText.value(figure.base?.value, isShare: figure.isShare) }
        if let edited {
          element("span", .class("arrow"), Attribute("aria-label", "becomes")) { "→" }
          element("strong") { FigureText.value(edited.estimate.value, isShare: figure.isShare) }
        }
      }
      if let edited, let change = edited.change {
        element("p", .class("change")) {
          element("span", .class("verdict \(colour)")) { edited.verdict?.rawValue ?? "not compared" }
          FigureText.change(change, isShare: figure.isShare, isRelative: edited.isRelative) + " "
          element("span", .class("ends")) {
            FigureText.changeEnds(change, isShare: figure.isShare, isRelative: edited.isRelative)
          }
        }
      }
      BeforeAfter(
        rows: rows(figure, part, paper),
        axis: Axis(label: title, unit: figure.isShare ? .percent : .plain)
      ).html
    }
  }

  private func rows(
    _ figure: EvaluationRecord.Figure, _ part: KeyPath<PaperFigures.Measured, Double>,
    _ paper: PaperFigures.Row?
  ) -> [BeforeAfter.Row] {
    var rows: [BeforeAfter.Row] = []
    if let base = figure.base {
      rows.append(
        .init(name: "base", interval: base, colour: "cbase", reference: paper?.original[keyPath: part]))
    }
    if let edited = figure.others.first {
      rows.append(
        .init(name: "edited", interval: edited.estimate, colour: "c1", reference: paper?.profs[keyPath: part])
      )
    }
    return rows
  }
}
