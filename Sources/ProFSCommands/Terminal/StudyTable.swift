internal import Evaluation
internal import Foundation
internal import Reporting
internal import Studies

/// A study as people read it: a table for each figure, values with their standard deviations and intervals, and the tokens.
struct StudyTable {
  /// The lines.
  let lines: [String]

  /// The tables of a study's figures.
  init(_ figures: StudyFigures) {
    lines =
      figures.figures.flatMap { Self.table($0) + [""] } + figures.tables.flatMap { Self.table($0) + [""] }
  }

  /// Two lines or more a point: its name, and a line for each direction.
  private static func table(_ table: TokenTable) -> [String] {
    func line(_ number: Int, _ tokens: [(token: String, isCommon: Bool)]) -> String {
      let words = tokens.map { Masking.mask($0.token).visibleToken + ($0.isCommon ? "†" : "") }
      return "  " + String(number + 1).leftPadded(4) + "  " + words.joined(separator: " ")
    }
    let rows = table.rows.flatMap { row in
      ["  \(row.name) (block \(row.block))"] + row.directions.enumerated().map { line($0.offset, $0.element) }
    }
    return [table.title] + rows + (table.caption.isEmpty ? [] : ["  " + table.caption])
  }

  private static func table(_ figure: StudyFigures.Figure) -> [String] {
    let names = [figure.x.label] + figure.series.map(\.name)
    let rows = figure.x.values.indices.map { index in
      [figure.x.isNumeric ? number(figure.x.values[index].number ?? 0) : figure.x.values[index].name]
        + figure.series.map { series in
          guard let estimate = series.values[index] else { return "–" }
          let scale = figure.unit == "percent" ? 100.0 : 1
          let deviation = series.deviation(index).map { " ± " + number($0 * scale) } ?? ""
          let value = number(estimate.value * scale) + deviation
          guard estimate.lower.isFinite, estimate.upper.isFinite else { return value }
          return "\(value) (\(number(estimate.lower * scale))–\(number(estimate.upper * scale)))"
        }
    }
    let widths = names.indices.map { column in ([names] + rows).map { $0[column].count }.max() ?? 0 }
    let lines = ([names] + rows).map { row in
      zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
    }
    return [figure.title + (figure.unit == "percent" ? ", %" : "")] + lines.map { "  " + $0 }
  }

  /// Four digits, as many as a figure of this kind is worth.
  private static func number(_ value: Double) -> String { String(format: "%.4g", value) }
}
