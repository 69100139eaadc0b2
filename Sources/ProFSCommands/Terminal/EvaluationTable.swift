internal import Evaluation
internal import Foundation

/// An evaluation as people read it: a line for each figure, with intervals, and what may be said of the change.
///
/// Beside an edit the intervals are those of the changes; those of the figures themselves are in the records, with Cohen's d.
/// The lines fit 100 columns unless a scorer's name is long.
struct EvaluationTable {
  /// The lines.
  let lines: [String]

  /// - Parameter names: the models', the base's first.
  init(_ summary: EvaluationSummary, names: [String]) {
    guard names.count > 1 else {
      lines = Self.aligned(
        summary.figures.map { figure in
          [figure.measure.title, figure.base.map { Self.text($0, figure.measure.unit) } ?? ""]
        })
      return
    }
    var lines: [String] = []
    for (index, name) in names.dropFirst().enumerated() {
      if names.count > 2 { lines += [index > 0 ? "" : nil, "\(names[0]) → \(name)"].compactMap(\.self) }
      let rows = summary.figures.map { figure -> [String] in
        let other = figure.others[index]
        return [
          figure.measure.title, figure.base.map { Self.value($0, figure.measure.unit) } ?? "",
          Self.value(other.estimate, figure.measure.unit),
          other.change.map { Self.change($0, figure.measure) }
            ?? Self.ends(other.estimate, figure.measure.unit),
          other.verdict?.rawValue ?? "",
        ]
      }
      lines += Self.aligned([["", "base", "edited", "change", ""]] + rows)
      lines += ["", EvaluationVerdict(summary, edited: index).sentence]
    }
    self.lines = lines
  }

  private static func text(_ estimate: Estimate, _ unit: EvaluationFigure.Unit) -> String {
    [value(estimate, unit), ends(estimate, unit)].filter { !$0.isEmpty }.joined(separator: " ")
  }

  private static func value(_ estimate: Estimate, _ unit: EvaluationFigure.Unit) -> String {
    guard estimate.value.isFinite else { return "–" }
    return unit == .share ? String(format: "%.1f %%", estimate.value * 100) : number(estimate.value)
  }

  private static func ends(_ estimate: Estimate, _ unit: EvaluationFigure.Unit) -> String {
    guard hasEnds(estimate) else { return "" }
    return switch unit {
    case .plain: "[\(number(estimate.lower)), \(number(estimate.upper))]"
    case .share: String(format: "[%.1f, %.1f]", estimate.lower * 100, estimate.upper * 100)
    }
  }

  private static func change(_ estimate: Estimate, _ measure: EvaluationFigure.Measure) -> String {
    // Relative to a base of 0, say.
    guard estimate.value.isFinite else { return "–" }
    let scale = measure.isRelative || measure.unit == .share ? 100.0 : 1
    let unit = measure.isRelative ? " %" : measure.unit == .share ? " points" : ""
    let digits = measure.isRelative || measure.unit == .share ? "1" : "2"
    let value = String(format: "%+.\(digits)f", estimate.value * scale) + unit
    guard hasEnds(estimate) else { return value }
    return value
      + String(
        format: " [%+.\(digits)f, %+.\(digits)f]", estimate.lower * scale, estimate.upper * scale)
  }

  /// Whether there is an interval: one window or one prompt has none.
  private static func hasEnds(_ estimate: Estimate) -> Bool {
    estimate.value.isFinite && estimate.lower.isFinite && estimate.upper.isFinite
  }

  private static func number(_ value: Double) -> String {
    String(
      format: abs(value) >= 1000 ? "%.0f" : abs(value) >= 100 ? "%.1f" : abs(value) >= 1 ? "%.3f" : "%.5f",
      value)
  }

  /// Cells in columns, two spaces apart.
  private static func aligned(_ rows: [[String]]) -> [String] {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for (cell, width) in zip(row, widths) {
        line += cell + String(repeating: " ", count: width - cell.count + 2)
      }
      return String(line.reversed().drop { $0 == " " }.reversed())
    }
  }
}
