/// Changes with their intervals in the rows of a table, on one scale around no change.
package struct IntervalStrip: Sendable {
  /// The scale: values beyond its domain are drawn as arrows at its ends.
  package let scale: Scale

  private static let width = 190.0
  private static let height = 24.0

  /// A scale that shows all `changes`, which are shares or ratios, and at most ±100 %.
  package init(_ changes: [Interval]) {
    let values = changes.flatMap { [$0.value, $0.lower, $0.upper].compactMap(\.self) }
    let most = min(1, max(0.02, (values.map(abs).max() ?? 0) * 1.08))
    scale = Scale(kind: .linear, domain: -most...most, range: (8, Self.width - 8))
  }

  private func svg(_ label: String?, _ height: Double, _ content: [HTML]) -> HTML {
    element(
      "svg",
      Attribute("viewBox", "0 0 \(NumberText.coordinate(Self.width)) \(NumberText.coordinate(height))"),
      .class("strip"), label.map { Attribute("aria-label", $0) } ?? Attribute("aria-hidden", "true"),
      Attribute("role", "img")
    ) { content }
  }

  private func segment(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ name: String) -> HTML {
    element(
      "line", Attribute("x1", x1), Attribute("y1", y1), Attribute("x2", x2), Attribute("y2", y2), .class(name)
    )
  }

  /// The change of one row, coloured by the class `colour`.
  package func row(_ change: Interval, colour: String) -> HTML {
    guard let value = change.value else { return HTML() }
    let (middle, zero) = (Self.height / 2, scale.position(0))
    var parts = [segment(zero, 0, zero, Self.height, "zero")]
    if let ends = change.ends {
      parts.append(
        segment(
          scale.position(ends.lowerBound), middle, scale.position(ends.upperBound), middle, "bar \(colour)"))
    }
    let x = scale.position(value)
    // A value beyond the scale points outward.
    let isBeyond = !scale.domain.contains(value)
    let direction = value < 0 ? -1.0 : 1
    let path =
      isBeyond
      ? "M\(NumberText.coordinate(x - 5 * direction)) 7V17L\(NumberText.coordinate(x + 5 * direction)) 12Z"
      : Symbol.circle.path(x, middle, radius: 4)
    parts.append(element("path", Attribute("d", path), .class("mark \(colour)")))
    return svg(nil, Self.height, parts)
  }

  /// The scale's ticks, for the head of the column.
  package var head: HTML {
    let ticks = Ticks.linear(scale.domain.lowerBound * 100...scale.domain.upperBound * 100, about: 4)
    let parts = ticks.values.map { value in
      let x = scale.position(value / 100)
      return HTML([
        segment(x, 15, x, 20, "axis"),
        element(
          "text", Attribute("x", x), Attribute("y", 11), Attribute("text-anchor", "middle"), .class("tick")
        ) {
          NumberText.fixed(value, ticks.digits, signed: true)
        },
      ])
    }
    return svg(nil, 20, parts)
  }
}
