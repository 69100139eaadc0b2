/// The numbers of a plot, for those who want to read them off: closed until they are asked for.
struct PlotNumbers {
  /// The plot.
  let plot: Plot

  /// Rows beyond these are not listed.
  private static let shownRows = 64

  /// A row for each place across, a column for each series.
  var html: HTML {
    let places = Set(plot.series.flatMap(\.marks).compactMap(\.x.value)).sorted()
    guard !places.isEmpty, places.count <= Self.shownRows else { return HTML() }
    return element("details", .class("digests")) {
      element("summary") { "The numbers" }
      HTML.scrolling("Numbers of \(plot.title)", table(places))
    }
  }

  private func table(_ places: [Double]) -> HTML {
    element("table", .class("plain")) {
      element("caption") { caption }
      element("thead") {
        element("tr") {
          element("th", Attribute("scope", "col")) { plot.x.label }
          plot.series.map { series in
            element("th", Attribute("scope", "col"), .class("value"), Attribute("dir", "auto")) {
              series.name
            }
          }
        }
      }
      element("tbody") {
        places.map { place in
          element("tr") {
            element("th", Attribute("scope", "row"), Attribute("dir", "auto")) { plot.x.text(place) }
            plot.series.map { series in
              element("td", .class("value")) {
                series.marks.first { $0.x.value == place }.map(value) ?? HTML()
              }
            }
          }
        }
      }
    }
  }

  private var caption: String {
    let marks = plot.series.flatMap(\.marks)
    let parts = [
      plot.y.label, marks.contains { $0.deviation != nil } ? "± standard deviation" : nil,
      marks.contains { $0.y.ends != nil } ? "[95 % interval]" : nil,
    ]
    return parts.compactMap(\.self).joined(separator: ", ")
  }

  private func value(_ mark: Plot.Mark) -> HTML {
    guard let value = mark.y.value else { return HTML() }
    let deviation = mark.deviation.map { " ± \(plot.y.text($0))" } ?? ""
    let ends = mark.y.ends.map { "[\(plot.y.text($0.lowerBound)), \(plot.y.text($0.upperBound))]" }
    return HTML([
      element("span", .class("number")) { plot.y.text(value) + deviation },
      ends.map { text in element("span", .class("ends")) { text } } ?? HTML(),
    ])
  }
}
