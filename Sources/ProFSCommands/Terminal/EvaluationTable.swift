internal import Evaluation
internal import Foundation

/// An evaluation as people read it: a line for each figure, with intervals, and what may be said of the change.
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
          figure.measure.title, figure.base.map { Self.text($0, figure.measure.unit) } ?? "",
          Self.text(other.estimate, figure.measure.unit),
          other.change.map { Self.change($0, figure.measure) } ?? "",
          other.verdict.map { Self.verdict($0, other.effect) } ?? "",
        ]
      }
      lines += Self.aligned([["", "base", "edited", "change", ""]] + rows)
      lines += ["", EvaluationVerdict(summary, edited: index).sentence]
    }
    self.lines = lines
  }

  private static func text(_ estimate: Estimate, _ unit: EvaluationFigure.Unit) -> String {
    guard estimate.value.isFinite else { return "–" }
    return switch unit {
    case .plain: "\(number(estimate.value)) [\(number(estimate.lower)), \(number(estimate.upper))]"
    case .share:
      String(
        format: "%.1f %% [%.1f, %.1f]", estimate.value * 100, estimate.lower * 100, estimate.upper * 100)
    }
  }

  private static func change(_ estimate: Estimate, _ measure: EvaluationFigure.Measure) -> String {
    // Relative to a base of 0, say.
    guard estimate.value.isFinite else { return "–" }
    let scale = measure.isRelative || measure.unit == .share ? 100.0 : 1
    let unit = measure.isRelative ? " %" : measure.unit == .share ? " points" : ""
    let digits = measure.isRelative || measure.unit == .share ? "1" : "2"
    return String(
      format: "%+.\(digits)f\(unit == " %" ? " %%" : unit) [%+.\(digits)f, %+.\(digits)f]",
      estimate.value * scale, estimate.lower * scale, estimate.upper * scale)
  }

  private static func verdict(_ verdict: Verdict, _ effect: Double?) -> String {
    verdict.rawValue + (effect.map { String(format: ", d %+.2f", $0) } ?? "")
  }

  private static func number(_ value: Double) -> String {
    String(format: abs(value) >= 100 ? "%.1f" : abs(value) >= 1 ? "%.3f" : "%.5f", value)
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
