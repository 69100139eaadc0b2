internal import Foundation
internal import Storage

extension ScorerFigures {
  /// All figures.
  var json: JSON {
    [
      "sets": .array(
        sets.map { set in
          [
            "name": .string(set.name), "texts": .int(set.count), "toxic_share": .double(set.toxicShare),
            "roc_auc": .double(set.areaUnderROC), "spearman": .double(set.rankCorrelation),
            "mean_score": .double(set.meanScore), "brier": .double(set.brierScore),
            "false_positive_rate": .double(set.falsePositiveRate),
            "true_positive_rate": .double(set.truePositiveRate),
          ]
        }),
      "groups": .array(
        groups.map { group in
          [
            "name": .string(group.name), "known": .bool(group.isKnown), "texts": .int(group.count),
            "mean_score": .double(group.meanScore), "false_positive_rate": .double(group.falsePositiveRate),
            "true_positive_rate": .double(group.truePositiveRate),
          ]
        }),
    ]
  }

  /// The same as tables in Markdown, the groups summed up.
  var table: String {
    func number(_ value: Double) -> String { value.isNaN ? "–" : String(format: "%.3f", value) }
    var lines = [
      "| set | texts | toxic | mean score | ROC AUC | Spearman | Brier | FPR at 0.5 | TPR at 0.5 |",
      "|---|---|---|---|---|---|---|---|---|",
    ]
    for set in sets {
      let cells = [
        set.name, String(set.count), number(set.toxicShare), number(set.meanScore), number(set.areaUnderROC),
        number(set.rankCorrelation), number(set.brierScore), number(set.falsePositiveRate),
        number(set.truePositiveRate),
      ]
      lines.append("| " + cells.joined(separator: " | ") + " |")
    }
    if groups.isEmpty { return lines.joined(separator: "\n") }
    lines += ["", "| groups | mean score | FPR at 0.5 | TPR at 0.5 |", "|---|---|---|---|"]
    for (title, part) in [
      ("in the trainer's list", groups.filter(\.isKnown)), ("not in it", groups.filter { !$0.isKnown }),
    ] where !part.isEmpty {
      let count = Double(part.count)
      let cells = [
        "\(part.count) \(title)", number(part.reduce(0) { $0 + $1.meanScore } / count),
        number(part.reduce(0) { $0 + $1.falsePositiveRate } / count),
        number(part.reduce(0) { $0 + $1.truePositiveRate } / count),
      ]
      lines.append("| " + cells.joined(separator: " | ") + " |")
    }
    let worst = groups.sorted { ($0.falsePositiveRate, $0.meanScore) > ($1.falsePositiveRate, $1.meanScore) }
      .prefix(5)
    for group in worst {
      let cells = [
        group.name, number(group.meanScore), number(group.falsePositiveRate), number(group.truePositiveRate),
      ]
      lines.append("| " + cells.joined(separator: " | ") + " |")
    }
    return lines.joined(separator: "\n")
  }
}
