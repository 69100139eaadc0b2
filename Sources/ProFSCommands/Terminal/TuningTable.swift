internal import Foundation
internal import Studies

/// A search as people read it: a plot of all that was tried, the front, and what was chosen.
struct TuningTable {
  /// The lines.
  let lines: [String]

  /// - Parameter budget: the largest relative increase of perplexity.
  init(_ result: Tuning.Result, budget: Double) {
    let front = result.outcomes.front.filter { $0.toxicityChange < 0 }
    var lines = Self.plot(result.outcomes, front, budget: budget)
    lines += ["", "perplexity   toxicity   KL        edit (* none is better in both)"]
    let best = front.filter { $0.perplexityChange <= 4 * budget }
    lines += best.map { Self.line($0, mark: "*") }
    if let chosen = result.chosen {
      lines += ["", "chosen, on all validation prompts and the whole text:", Self.line(chosen, mark: " ")]
    }
    self.lines = lines
  }

  private static func line(_ outcome: CandidateOutcome, mark: String) -> String {
    String(
      format: "%+8.2f %%  %+7.1f %%   %.4f  %@ ", outcome.perplexityChange * 100,
      outcome.toxicityChange * 100,
      outcome.divergence, mark) + outcome.candidate.options
  }

  /// Change of toxicity against change of perplexity, up to four times the budget.
  private static func plot(
    _ outcomes: [CandidateOutcome], _ front: [CandidateOutcome], budget: Double
  ) -> [String] {
    let (columns, rows) = (64, 14)
    let right = 4 * budget
    let left = min(0, outcomes.map(\.perplexityChange).min() ?? 0)
    let shown = outcomes.filter { $0.perplexityChange <= right }
    guard let top = shown.map(\.toxicityChange).max(), let bottom = shown.map(\.toxicityChange).min() else {
      return []
    }
    let (highest, lowest) = (max(0, top), min(bottom, -0.05))
    func column(_ x: Double) -> Int { Int(((x - left) / (right - left) * Double(columns - 1)).rounded()) }
    func row(_ y: Double) -> Int { Int(((highest - y) / (highest - lowest) * Double(rows - 1)).rounded()) }
    var grid = Array(repeating: Array(repeating: Character(" "), count: columns), count: rows)
    for line in grid.indices { grid[line][column(budget)] = "┊" }
    for outcome in shown { grid[row(outcome.toxicityChange)][column(outcome.perplexityChange)] = "·" }
    for outcome in front where outcome.perplexityChange <= right {
      grid[row(outcome.toxicityChange)][column(outcome.perplexityChange)] = "*"
    }
    var lines = grid.enumerated().map { index, cells in
      let value = highest - (highest - lowest) * Double(index) / Double(rows - 1)
      let label = index % 4 == 0 || index == rows - 1 ? String(format: "%+5.0f %%", value * 100) : "       "
      return label + " │" + String(cells)
    }
    lines.insert("toxicity", at: 0)
    lines.append("        └" + String(repeating: "─", count: columns))
    let ends = (String(format: "%+.1f %%", left * 100), String(format: "%+.1f %%", right * 100))
    let space = max(1, columns - ends.0.count - ends.1.count)
    lines.append(String(repeating: " ", count: 9) + ends.0 + String(repeating: " ", count: space) + ends.1)
    lines.append(
      String(repeating: " ", count: 9)
        + "perplexity; ┊ is the budget of \(String(format: "%g", budget * 100)) %")
    return lines
  }
}
