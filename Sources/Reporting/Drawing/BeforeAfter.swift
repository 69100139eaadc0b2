/// A figure of the base and of an edit below it, with their intervals on one scale, and a paper's figures as hollow marks.
package struct BeforeAfter: Sendable {
  /// One row.
  package struct Row: Sendable {
    /// Its name.
    package var name: String
    /// Its value.
    package var interval: Interval
    /// The class that colours it.
    package var colour: String
    /// What a paper reports for it; `nil` where it reports nothing.
    package var reference: Double?

    /// A row called `name`.
    package init(name: String, interval: Interval, colour: String, reference: Double? = nil) {
      (self.name, self.interval, self.colour, self.reference) = (name, interval, colour, reference)
    }
  }

  /// The rows from top to bottom.
  package var rows: [Row]
  /// How values are written.
  package var axis: Axis

  /// A figure of these rows.
  package init(rows: [Row], axis: Axis) { (self.rows, self.axis) = (rows, axis) }

  private static let width = 330.0
  private static let rowHeight = 26.0

  /// The figure, as inline SVG.
  package var html: HTML {
    let values = rows.flatMap { row in
      [row.interval.value, row.interval.lower, row.interval.upper, row.reference].compactMap(\.self)
    }
    let names = rows.map { LabelPlacement.width(of: $0.name) }.max() ?? 0
    let left = min(110, names + 10)
    let bottom = Double(rows.count) * Self.rowHeight + 4
    let scale = Scale(
      kind: axis.kind, domain: axis.domain(of: values), range: (left + 6, Self.width - 16))
    let ticks = axis.ticksAcross(scale, about: 4)
    return element(
      "svg",
      Attribute("viewBox", "0 0 \(NumberText.coordinate(Self.width)) \(NumberText.coordinate(bottom + 26))"),
      Attribute("role", "img"), Attribute("aria-label", "\(axis.label): \(description)"), .class("plot pair")
    ) {
      ticks.map { tick in
        let x = scale.position(tick.value)
        return HTML([
          segment(x, 0, x, bottom, "grid"), text(tick.label, x, bottom + 17, "middle", "tick"),
        ])
      }
      rows.enumerated().map { index, row in
        draw(row, scale, y: (Double(index) + 0.5) * Self.rowHeight, right: left - 4)
      }
    }
  }

  private var description: String {
    rows.map { "\($0.name) \($0.interval.value.map(axis.text) ?? "not defined")" }.joined(separator: ", ")
  }

  private func draw(_ row: Row, _ scale: Scale, y: Double, right: Double) -> HTML {
    var parts = [text(row.name, right, y + 4, "end", "name")]
    if let ends = row.interval.ends {
      let (low, high) = (scale.position(ends.lowerBound), scale.position(ends.upperBound))
      parts.append(segment(low, y, high, y, "bar thick \(row.colour)"))
    }
    if let value = row.interval.value {
      parts.append(
        element(
          "path", Attribute("d", Symbol.circle.path(scale.position(value), y, radius: 5)),
          .class("mark \(row.colour)")))
    }
    if let reference = row.reference {
      parts.append(
        element(
          "path", Attribute("d", Symbol.diamond.path(scale.position(reference), y, radius: 5)),
          .class("mark reference cref")
        ) { element("title") { "paper: \(axis.text(reference))" } })
    }
    return HTML(parts)
  }

  private func text(_ text: String, _ x: Double, _ y: Double, _ anchor: String, _ name: String) -> HTML {
    element("text", Attribute("x", x), Attribute("y", y), Attribute("text-anchor", anchor), .class(name)) {
      text
    }
  }

  private func segment(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ name: String) -> HTML {
    element(
      "line", Attribute("x1", x1), Attribute("y1", y1), Attribute("x2", x2), Attribute("y2", y2), .class(name)
    )
  }
}
