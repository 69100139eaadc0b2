/// A study: its figures and tables with their captions.
struct StudySection: Section {
  /// The study.
  let record: StudyRecord
  /// How text that may offend is shown.
  let wording: Wording

  /// The title.
  var title: String { record.title }

  /// The figures and tables with their captions.
  var html: HTML {
    HTML(
      record.figures.map { figure in
        element("figure") {
          element("h3", Attribute("dir", "auto")) { figure.title }
          switch figure.content {
          case .plot(let plot): plot.html
          case .tokens(let rows): HTML.scrolling(figure.title, tokens(rows))
          }
          if !figure.caption.isEmpty { element("figcaption", Attribute("dir", "auto")) { figure.caption } }
          if case .plot(let plot) = figure.content { PlotNumbers(plot: plot).html }
        }
      })
  }

  /// A row for each direction, those of a point together.
  private func tokens(_ rows: [StudyRecord.TokenRow]) -> HTML {
    element("table", .class("directions")) {
      element("thead") {
        element("tr") {
          ["directions of", "block", "tokens raised most"].map { title in
            element("th", Attribute("scope", "col")) { title }
          }
        }
      }
      rows.map { row in
        element("tbody") {
          row.directions.enumerated().map { number, direction in
            element("tr") {
              if number == 0 {
                let span = Attribute("rowspan", "\(row.directions.count)")
                element("th", Attribute("scope", "rowgroup"), span, Attribute("dir", "auto")) { row.name }
                element("td", span) { "\(row.block)" }
              }
              element("td") { direction.map { token($0.token, isCommon: $0.isCommon) } }
            }
          }
        }
      }
    }
  }

  private func token(_ text: String, isCommon: Bool) -> HTML {
    HTML([
      element("code", .class(isCommon ? "token is-common" : "token"), Attribute("dir", "auto")) {
        wording.token(text)
        if isCommon { "†" }
      },
      HTML(" "),
    ])
  }
}
