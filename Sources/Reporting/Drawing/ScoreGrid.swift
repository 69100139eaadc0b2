/// Scores of many prompts before and after an edit, counted in squares whose area grows with the count.
///
/// The size of the figure does not depend on how many prompts there are.
package struct ScoreGrid: Sendable {
  /// Squares along each side.
  package static let cells = 20

  /// How many prompts fall in each square, by the base's cell and then the edit's.
  package let counts: [[Int]]
  /// Prompts whose score fell, stayed within a hundredth, or rose.
  package let changes: (fell: Int, stayed: Int, rose: Int)

  /// Counts pairs of scores from 0 to 1; scores beyond are counted at the ends.
  package init(_ scores: [(base: Double, edited: Double)]) {
    var counts = Array(repeating: Array(repeating: 0, count: Self.cells), count: Self.cells)
    var changes = (fell: 0, stayed: 0, rose: 0)
    for score in scores {
      counts[Self.cell(score.base)][Self.cell(score.edited)] += 1
      let change = score.edited - score.base
      if abs(change) <= 0.01 {
        changes.stayed += 1
      } else if change < 0 {
        changes.fell += 1
      } else {
        changes.rose += 1
      }
    }
    (self.counts, self.changes) = (counts, changes)
  }

  private static func cell(_ score: Double) -> Int { Int(min(0.999, max(0, score)) * Double(cells)) }

  /// The figure, as inline SVG.
  package var html: HTML {
    let side = 264.0
    let (left, top) = (38.0, 30.0)
    let cell = side / Double(Self.cells)
    let most = Double(counts.flatMap(\.self).max() ?? 1)
    var squares: [HTML] = []
    for (i, column) in counts.enumerated() {
      for (j, count) in column.enumerated() where count > 0 {
        let size = max(4.5, cell * 0.95 * (Double(count) / most).squareRoot())
        let x = left + (Double(i) + 0.5) * cell - size / 2
        let y = top + side - (Double(j) + 0.5) * cell - size / 2
        let colour = j < i ? "good" : j > i ? "bad" : "cbase"
        squares.append(
          element(
            "rect", Attribute("x", x), Attribute("y", y), Attribute("width", size), Attribute("height", size),
            .class("cell \(colour)")))
      }
    }
    return element(
      "svg", Attribute("viewBox", "0 0 320 340"), Attribute("role", "img"), .class("plot grid-figure"),
      Attribute(
        "aria-label",
        "score before and after: \(changes.fell) fell, \(changes.stayed) stayed, \(changes.rose) rose")
    ) {
      [0, 0.25, 0.5, 0.75, 1].map { value in
        let (x, y) = (left + value * side, top + side - value * side)
        let label = NumberText.fixed(value, 2)
        return HTML([
          segment(left, y, left + side, y, "grid"), text(label, left - 8, y + 4, "end"),
          text(label, x, top + side + 18, "middle"),
        ])
      }
      segment(left, top + side, left + side, top, "guide")
      squares
      text("score of the edit", 0, 14, "start", "label")
      text("score of the base", left + side, top + side + 36, "end", "label")
    }
  }

  private func text(_ text: String, _ x: Double, _ y: Double, _ anchor: String, _ name: String = "tick")
    -> HTML
  {
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
