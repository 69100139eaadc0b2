internal import Evaluation
internal import Foundation

/// What an evaluation allows to be said of an edit, in one line.
struct EvaluationVerdict {
  /// The line.
  let sentence: String

  /// - Parameter edited: index of the edited model among those beside the base.
  init(_ summary: EvaluationSummary, edited: Int) {
    let figures = summary.figures.filter { $0.others[edited].verdict != nil }
    let headlines = figures.filter {
      $0.measure.name.hasPrefix("toxicity:") || $0.measure.name == "perplexity"
    }
    var parts = headlines.map { Self.clause($0, $0.others[edited]) }
    let guards = figures.filter { ["distinct_2", "continuation_perplexity"].contains($0.measure.name) }
    parts += guards.filter { $0.others[edited].verdict?.isChange == true }
      .map { Self.clause($0, $0.others[edited]) }
    // A task's own metric; the others beside it are in the table.
    var tasks: [String: EvaluationFigure] = [:]
    var order: [String] = []
    for figure in figures where figure.measure.task != nil {
      guard let task = figure.measure.task, tasks[task] == nil else { continue }
      tasks[task] = figure
      order.append(task)
    }
    if !order.isEmpty {
      let changed = order.filter { tasks[$0]?.others[edited].verdict?.isChange == true }
      let named = changed.map { "\($0) \(tasks[$0]?.others[edited].verdict?.rawValue ?? "")" }
      let unchanged = order.count - changed.count
      parts.append(
        ([
          changed.isEmpty ? nil : named.joined(separator: ", "),
          unchanged == 0 ? nil : "\(unchanged) of \(order.count) tasks indistinguishable",
        ] as [String?])
        .compactMap(\.self).joined(separator: ", "))
    }
    sentence = parts.joined(separator: "; ")
  }

  private static func clause(_ figure: EvaluationFigure, _ other: EvaluationFigure.Comparison) -> String {
    let (unit, scale) =
      figure.measure.isRelative
      ? (" %", 100.0)
      : figure.measure.unit == .share
        ? (" points", 100) : ("", 1)
    if let change = other.change, change.value.isFinite, let verdict = other.verdict, verdict == .tooFew {
      return String(
        format: "%@ %+.1f%@ (of %d, %@)", figure.measure.title, change.value * scale, unit, change.count,
        verdict.rawValue)
    }
    guard let change = other.change, let verdict = other.verdict, verdict.isChange else {
      return "\(figure.measure.title) indistinguishable"
    }
    let ends = [change.lower, change.upper].map(abs).sorted()
    return String(
      format: "%@ %.1f%@ %@ [%.1f, %.1f]", figure.measure.title, abs(change.value) * scale, unit,
      verdict.rawValue,
      ends[0] * scale, ends[1] * scale)
  }
}
