/// An edit's receipt: what it was made from, what it did to each matrix, and the digests that prove it.
struct ReceiptSection: Section {
  /// The receipt.
  let record: ReceiptRecord

  /// The title.
  let title = "The receipt"

  /// Matrices whose digests are listed.
  private static let shownEdits = 256

  /// How much each block's matrix was changed, and how much of it was written along the directions.
  var plot: Plot {
    var plot = Plot(
      title: "Relative change of each edited matrix, by block", x: Axis(label: "block"),
      y: Axis(label: "‖W′ − W‖ / ‖W‖", unit: .percent, includes: [0]))
    var changes = Plot.Series(name: "change")
    changes.marks = record.edits.map {
      Plot.Mark(x: Interval(Double($0.block)), y: Interval($0.relativeChange), note: $0.name)
    }
    (plot.series, plot.relativeHeight) = ([changes], 0.65)
    return plot
  }

  /// The facts, the changes by block, and the digests.
  var html: HTML {
    let largest = record.edits.map(\.residual).max()
    let before = record.edits.map(\.residualBefore)
    return HTML([
      .facts(record.facts),
      record.edits.isEmpty
        ? HTML() : element("figure") { [plot.html, element("figcaption") { caption(before, largest) }] },
      element("details", .class("digests")) {
        element("summary") { "Digests (SHA-256)" }
        element("dl") {
          record.digests.map { digest in
            HTML([
              element("dt", Attribute("dir", "auto")) { digest.name },
              element("dd") { element("code") { digest.value } },
            ])
          }
        }
        HTML.scrolling("Edited matrices", table)
        if record.edits.count > Self.shownEdits {
          HTML.note(
            "The first \(Self.shownEdits) of \(record.edits.count) edited matrices; profs.json lists all.")
        }
      },
    ])
  }

  private func caption(_ before: [Double], _ largest: Double?) -> String {
    let total = NumberText.grouped(Double(record.tensorCount))
    let kept =
      record.output == "checkpoint"
      ? "\(record.edits.count) of \(total) tensors are edited, the others are as they were, bit for bit. "
      : ""
    guard let least = before.min(), let most = before.max(), let largest else { return kept }
    return kept
      + "Before, the matrices wrote \(NumberText.percent(least)) to \(NumberText.percent(most)) of their norm into the subspace; "
      + "now at most \(NumberText.percent(largest, 3))."
  }

  private var table: HTML {
    element("table", .class("plain")) {
      element("thead") {
        element("tr") {
          element("th", Attribute("scope", "col")) { "matrix" }
          ["block", "change", "rest in subspace"].map { title in
            element("th", Attribute("scope", "col"), .class("value")) { title }
          }
          element("th", Attribute("scope", "col")) { "before → after" }
        }
      }
      element("tbody") {
        record.edits.prefix(Self.shownEdits).map { edit in
          element("tr") {
            element("th", Attribute("scope", "row"), Attribute("dir", "auto")) { edit.name }
            element("td", .class("value")) { "\(edit.block)" }
            element("td", .class("value")) { FigureText.cell(NumberText.percent(edit.relativeChange, 2)) }
            element("td", .class("value")) { NumberText.exponent(edit.residual) }
            element("td") {
              element("code") { edit.digests.before }
              " → "
              element("code") { edit.digests.after }
            }
          }
        }
      }
    }
  }
}

/// What `profs verify` found.
struct ProofSection: Section {
  /// Whether every claim holds.
  let holds: Bool
  /// The claims.
  let checks: [(claim: String, holds: Bool, finding: String)]

  /// The title.
  var title: String { holds ? "The proof" : "The proof fails" }

  /// The claims with what was found.
  var html: HTML {
    element("ul", .class("checks")) {
      checks.map { check in
        element("li", Attribute("dir", "auto")) {
          element("span", .class(check.holds ? "good" : "bad")) { check.holds ? "✓ holds " : "✗ fails " }
          "\(check.claim): \(check.finding)"
        }
      }
    }
  }
}
