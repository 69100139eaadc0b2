/// Every figure of an evaluation: base, edit, the change with its interval, and the verdict.
struct ChangesSection: Section {
  /// The evaluation.
  let record: EvaluationRecord

  /// The title.
  let title = "What changes"

  /// Edits beyond these have no table of their own; the trade-off shows them all.
  private static let shownEdits = 8

  /// The tables, one for each edit, and what they were measured on.
  var html: HTML {
    let figures = record.figures.filter { !MeasureName.isTask($0.name) }
    let edits = record.models.dropFirst()
    return HTML([
      edits.isEmpty
        ? FigureTable(caption: record.models[0], record: record, edit: nil).html(figures)
        : HTML(
          edits.prefix(Self.shownEdits).enumerated().map { index, name in
            FigureTable(caption: "\(record.models[0]) → \(name)", record: record, edit: index).html(figures)
          }),
      edits.count > Self.shownEdits
        ? .note("The first \(Self.shownEdits) of \(edits.count) edits; the trade-off below shows them all.")
        : HTML(),
      .note(
        "Intervals are of 95 %, those of changes from paired differences on the same prompts, windows and questions. Changes are "
          + "relative in %, or in percentage points. A change is called lower or higher where its interval excludes none."
      ),
      .note(record.conditions.isEmpty ? "" : record.conditions.joined(separator: "; ") + "."),
    ])
  }
}

/// A table of figures: of the base alone, or beside one of the edits.
struct FigureTable {
  /// What is compared.
  let caption: String
  /// The evaluation.
  let record: EvaluationRecord
  /// Index of the edit among those beside the base; `nil` for the base alone.
  let edit: Int?

  /// The table of these figures.
  func html(_ figures: [EvaluationRecord.Figure]) -> HTML {
    guard let edit else { return baseTable(figures) }
    let changes = figures.compactMap { figure -> Interval? in
      let other = figure.others[edit]
      return other.isRelative || figure.isShare ? other.change : nil
    }
    let strip = IntervalStrip(changes)
    return element("table", .class("figures")) {
      element("caption", Attribute("dir", "auto")) { caption }
      element("thead") {
        element("tr") {
          heading("")
          heading("base", "value")
          heading("edited", "value")
          heading("change", "value change")
          element("th", Attribute("scope", "col"), .class("graph")) { strip.head }
          heading("verdict")
        }
      }
      element("tbody") { figures.map { row($0, edit, strip) } }
    }
  }

  private func heading(_ text: String, _ name: String = "") -> HTML {
    element("th", Attribute("scope", "col"), .class(name)) { text }
  }

  private func row(_ figure: EvaluationRecord.Figure, _ edit: Int, _ strip: IntervalStrip) -> HTML {
    let other = figure.others[edit]
    let colour = MeasureName.colour(figure.name, other.verdict)
    return element("tr") {
      element("th", Attribute("scope", "row")) { MeasureName.title(figure.name) }
      cell("base", figure.base, figure)
      cell("edited", other.estimate, figure)
      element("td", .class("value change"), Attribute("data-label", "change")) {
        if let change = other.change {
          FigureText.cell(FigureText.change(change, isShare: figure.isShare, isRelative: other.isRelative))
          ends(FigureText.changeEnds(change, isShare: figure.isShare, isRelative: other.isRelative))
        }
      }
      element("td", .class("graph")) {
        if let change = other.change, other.isRelative || figure.isShare { strip.row(change, colour: colour) }
      }
      element("td", .class("words")) {
        if let verdict = other.verdict {
          element("span", .class("verdict \(colour)")) { verdict.rawValue }
          if let effect = other.effect {
            element("span", .class("ends")) { "d\u{00A0}\(NumberText.fixed(effect, 2, signed: true))" }
          }
        }
      }
    }
  }

  private func cell(_ label: String, _ interval: Interval?, _ figure: EvaluationRecord.Figure) -> HTML {
    element("td", .class("value"), Attribute("data-label", label)) {
      if let interval {
        FigureText.cell(FigureText.value(interval.value, isShare: figure.isShare))
        ends(FigureText.ends(interval, isShare: figure.isShare))
      }
    }
  }

  private func ends(_ text: String) -> HTML {
    text.isEmpty ? HTML() : element("span", .class("ends")) { text }
  }

  private func baseTable(_ figures: [EvaluationRecord.Figure]) -> HTML {
    element("table", .class("figures")) {
      element("caption", Attribute("dir", "auto")) { caption }
      element("thead") {
        element("tr") {
          heading("")
          heading("figure", "value")
        }
      }
      element("tbody") {
        figures.map { figure in
          element("tr") {
            element("th", Attribute("scope", "row")) { MeasureName.title(figure.name) }
            cell("figure", figure.base, figure)
          }
        }
      }
    }
  }
}
