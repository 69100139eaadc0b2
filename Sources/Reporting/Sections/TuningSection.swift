/// The search of `profs tune`: everything that was tried, the front, and what was chosen.
struct TuningSection: Section {
  /// The search.
  let record: TuningRecord

  /// The title.
  let title = "The search"

  /// Rows of the table.
  private static let shownRows = 16

  /// The figure: change of toxicity against change of perplexity, up to four times the budget.
  var plot: Plot {
    let right = 4 * (record.budget ?? 0.03)
    var plot = Plot(
      title: "Change of toxicity against change of perplexity of \(record.candidates.count) edits",
      x: Axis(label: "change of perplexity", unit: .change, includes: [0], limits: -right...right),
      y: Axis(label: "change of toxicity", unit: .change, includes: [0], limits: -1...0.5))
    if let budget = record.budget {
      plot.guides.append(
        .init(isVertical: true, value: budget, label: "budget \(NumberText.percent(budget, 0))"))
    }
    plot.guides.append(.init(isVertical: false, value: 0, label: ""))
    let last = record.lastRound
    var early = Plot.Series(name: "tried on part of the prompts and text")
    (early.colour, early.marks) = (
      "cbase", record.candidates.filter { $0.round < last }.map { mark($0, 2.4) }
    )
    var late = Plot.Series(name: "tried on all of them")
    (late.colour, late.symbol) = ("c1", .circle)
    late.marks = record.candidates.filter { $0.round == last && $0 != record.chosen }.map { mark($0, 4.5) }
    var front = Plot.Series(name: "none better in both")
    (front.colour, front.line) = ("c3", .steps)
    front.marks = record.front.map { mark($0, 1.2) }
    front.isNamed = false
    var chosen = Plot.Series(name: "chosen")
    (chosen.colour, chosen.symbol) = ("c2", .diamond)
    chosen.marks = record.chosen.map { [mark($0, 6.5)] } ?? []
    plot.series = [front, early, late, chosen].filter { !$0.marks.isEmpty }
    return plot
  }

  private func mark(_ outcome: TuningRecord.Outcome, _ radius: Double) -> Plot.Mark {
    Plot.Mark(
      x: Interval(outcome.perplexityChange), y: Interval(outcome.toxicityChange), radius: radius,
      note: outcome.options)
  }

  /// The figure, the choice, and the edits that were judged on everything.
  var html: HTML {
    let plot = plot
    let last = record.candidates.filter { $0.round == record.lastRound }
      .sorted { ($0.perplexityChange, $0.toxicityChange) < ($1.perplexityChange, $1.toxicityChange) }
    let beyond = record.candidates.count { outcome in
      !plot.x.shows(outcome.perplexityChange) || !plot.y.shows(outcome.toxicityChange)
    }
    return HTML([
      element("figure") {
        plot.html
        element("figcaption") {
          "The line joins the edits tried on all prompts and the whole text of which no other is better in both. Small marks were "
            + "judged on fewer and given up: how low one of them lies is partly luck."
            + (beyond > 0 ? " \(beyond) of \(record.candidates.count) edits lie beyond the figure." : "")
        }
      },
      record.chosen.map { chosen in
        element("p", .class("chosen")) {
          "Chosen: "
          options(chosen)
          ", toxicity \(NumberText.percent(chosen.toxicityChange, signed: true)), perplexity "
          NumberText.percent(chosen.perplexityChange, signed: true)
          ". It was chosen on these prompts, so its figures flatter; an evaluation on others says what it does."
        }
      } ?? element("p", .class("chosen")) { "No edit stayed within the budget." },
      .scrolling("Edits judged on all prompts", table(Array(last.prefix(Self.shownRows)))),
      last.count > Self.shownRows ? .note("The first \(Self.shownRows) of \(last.count).") : HTML(),
    ])
  }

  private func table(_ outcomes: [TuningRecord.Outcome]) -> HTML {
    element("table", .class("plain")) {
      element("caption") { "Edits judged on all prompts and the whole text, by rising perplexity" }
      element("thead") {
        element("tr") {
          ["perplexity", "toxicity", "KL, nats a token", "distinct bigrams"].map { title in
            element("th", Attribute("scope", "col"), .class("value")) { title }
          }
          element("th", Attribute("scope", "col")) { "options of profs edit" }
        }
      }
      element("tbody") {
        outcomes.map { outcome in
          element("tr", .class(outcome == record.chosen ? "is-chosen" : "")) {
            number(NumberText.percent(outcome.perplexityChange, 2, signed: true))
            number(NumberText.percent(outcome.toxicityChange, signed: true))
            number(NumberText.fixed(outcome.divergence, 4))
            number(NumberText.percent(outcome.distinctChange, signed: true))
            element("td") {
              options(outcome)
              if outcome == record.chosen { element("span", .class("verdict c2")) { "chosen" } }
            }
          }
        }
      }
    }
  }

  /// The options of `profs edit`, broken between options only.
  private func options(_ outcome: TuningRecord.Outcome) -> HTML {
    var words: [String] = []
    for word in outcome.options.split(separator: " ") {
      if word.hasPrefix("--") || words.isEmpty {
        words.append(String(word))
      } else {
        words[words.count - 1] += " \(word)"
      }
    }
    return element("code") {
      words.enumerated().map { index, word in
        HTML([HTML(index > 0 ? " " : ""), element("span", .class("option")) { word }])
      }
    }
  }

  private func number(_ text: String) -> HTML {
    element("td", .class("value")) { FigureText.cell(text) }
  }
}
