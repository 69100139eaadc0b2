package import Evaluation
package import Storage

/// A study's summary: its figures and tables in the form that a report shows, and every point in numbers.
package struct StudyFigures {
  /// One figure: a measure of a sweep.
  package struct Figure: Sendable {
    /// One line of it.
    package struct Series: Sendable {
      /// Its name.
      package var name: String
      /// By value of x; `nil` where it was not measured.
      package var values: [Estimate?]
      /// Standard deviations over the subsets; `nil` of fewer than two.
      fileprivate var deviations: [Double?] = []

      /// The standard deviation at a value of x; `nil` where there are not two subsets.
      package func deviation(_ index: Int) -> Double? {
        deviations.indices.contains(index) ? deviations[index] : nil
      }
    }

    /// Its title.
    package var title: String
    /// What is measured.
    package var label: String
    /// `plain` or `percent`, as in a report.
    package var unit: String
    /// The lines.
    package var series: [Series]
    /// What the x axis shows.
    package var x: StudyAxis
    /// What a reader should know.
    fileprivate var caption: String
    /// Published values.
    fileprivate var references: [JSON]
  }

  /// The figures in order.
  package private(set) var figures: [Figure] = []
  /// The tables of tokens in order.
  package private(set) var tables: [TokenTable] = []
  private let title: String
  private let points: JSON

  /// The figures of a study.
  package init(_ specification: StudySpecification, _ results: [SweepResult]) {
    title = specification.title
    points = .array(
      results.map { result in
        .array(
          result.cells.map { row in
            .array(row.map { ["settings": $0.settings, "repeats": .array($0.repeats.map(Self.json))] })
          })
      })
    switch specification.content {
    case .model(let sweeps):
      for (sweep, result) in zip(sweeps, results) { add(sweep, result, specification.categories) }
    case .factorModel(let sweeps):
      for (sweep, result) in zip(sweeps, results) { addRecovery(sweep, result) }
    }
  }

  /// `{"title", "figures", "sweeps"}`: of each sweep by series and value of x the settings and what was measured.
  package var json: JSON {
    ["title": .string(title), "figures": .array(figures.map(\.json) + tables.map(\.json)), "sweeps": points]
  }

  private static func json(_ estimates: [String: Estimate]) -> JSON {
    .object(estimates.sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) })
  }

  private mutating func add(
    _ sweep: StudySweep<EditSettings>, _ result: SweepResult, _ categories: [PromptCategory]
  ) {
    let cells = result.cells.flatMap { $0 }
    let found = Set(cells.flatMap { $0.repeats.flatMap(\.keys) }).union(result.base?.keys.map { $0 } ?? [])
    let hasBase = sweep.settings.contains { $0.contains { $0.method == .none } }
    for measure in sweep.measures {
      if measure == "tokens" {
        tables.append(TokenTable(sweep, result))
        continue
      }
      if StudySpecification.categoryMeasures.contains(measure) {
        addCategories(measure, sweep, result, categories, hasBase: hasBase)
        continue
      }
      for name in found.sorted() where name == measure || name.hasPrefix(measure + ":") {
        let scale = measure == "peak_memory" ? 1e-9 : 1
        let methods = Set(sweep.settings.flatMap { $0.map(\.method) })
        let single = methods.count > 1 ? "measured" : methods == [.dpo] ? "DPO" : "ProFS"
        var series = zip(sweep.seriesNames, result.cells).map { title, row in
          Figure.Series(
            name: title.isEmpty ? single : title,
            values: row.map { $0.summary(name)?.mapped { $0 * scale } },
            deviations: row.map { $0.deviation(name).map { $0 * scale } })
        }
        if let base = result.base?[name], !hasBase {
          // A line to compare with; its interval is that of all, and would stand in their way.
          let name = measure == "token_toxicity" ? "tokens at random" : "unedited"
          series.append(
            Figure.Series(name: name, values: sweep.x.values.map { _ in .exact(base.value) }))
        }
        let label = Self.labels[measure] ?? measure
        let scorer = name.dropFirst(measure.count + 1)
        figures.append(
          Figure(
            title: "\(sweep.title): \(label)" + (scorer.isEmpty ? "" : " (\(scorer))"), label: label,
            unit: Self.shares.contains(measure) ? "percent" : "plain", series: series, x: sweep.x,
            caption: Self.caption(
              sweep, of: measure, cells, single: measure == "token_toxicity" ? "" : Self.singles),
            references: sweep.references.filter { $0.measure == measure }.map(\.json)))
      }
    }
  }

  /// A figure by scorer: categories of prompts along its axis, and a series for each point of the sweep.
  private mutating func addCategories(
    _ measure: String, _ sweep: StudySweep<EditSettings>, _ result: SweepResult,
    _ categories: [PromptCategory], hasBase: Bool
  ) {
    let whole = measure.dropLast("_by_category".count) + ":"
    let cells = result.cells.flatMap { $0 }
    let found = Set(cells.flatMap { $0.repeats.flatMap(\.keys) }).union(result.base?.keys.map { $0 } ?? [])
    for scorer in found.filter({ $0.hasPrefix(whole) }).map({ String($0.dropFirst(whole.count)) }).sorted() {
      let keys = categories.map { PromptCategory.key(measure, $0.name, scorer: scorer) }
      var series = zip(sweep.seriesNames, result.cells).flatMap { title, row in
        zip(sweep.x.values, row).map { value, cell in
          Figure.Series(
            name: title.isEmpty ? value.name : "\(title), \(value.name)",
            values: keys.map { cell.summary($0) }, deviations: keys.map { cell.deviation($0) })
        }
      }
      if let base = result.base, !hasBase {
        series.append(
          Figure.Series(name: "unedited", values: keys.map { key in base[key].map { .exact($0.value) } }))
      }
      let label = Self.labels[measure] ?? measure
      figures.append(
        Figure(
          title: "\(sweep.title): \(label) by category (\(scorer))", label: label, unit: "percent",
          series: series, x: StudyAxis(categories),
          caption: Self.caption(sweep, of: measure, cells, single: Self.singles),
          references: sweep.references.filter { $0.measure == measure }.map(\.json)))
    }
  }

  private static let singles =
    "; what is the same on all subsets stands once, with its interval over prompts or windows"

  private mutating func addRecovery(_ sweep: StudySweep<FactorSettings>, _ result: SweepResult) {
    let series = zip(sweep.seriesNames, result.cells).flatMap { title, row in
      [("sine", "sine of the largest angle"), ("bound", "bound")].map { name, label in
        Figure.Series(
          name: title.isEmpty ? label : "\(title): \(label)", values: row.map { $0.summary(name) },
          deviations: row.map { $0.deviation(name) })
      }
    }
    figures.append(
      Figure(
        title: sweep.title, label: "sine of the largest angle to span(B)", unit: "plain", series: series,
        x: sweep.x, caption: Self.caption(sweep, result.cells.flatMap { $0 }),
        references: sweep.references.map(\.json)))
  }

  private static let labels = [
    "toxicity": "toxicity", "toxicity_probability": "prompts with toxic text",
    "toxicity_by_category": "toxicity", "toxicity_probability_by_category": "prompts with toxic text",
    "kl_from_base": "KL(base‖edited), nats a token", "distinct_2": "distinct bigrams",
    "continuation_perplexity": "perplexity of texts under the base", "length": "length, tokens",
    "peak_memory": "peak memory, GB", "token_toxicity": "toxicity of the directions’ tokens",
  ]

  private static let shares: Set = ["toxicity", "toxicity_probability", "distinct_2", "token_toxicity"]

  /// The sweep's caption, of a figure with published values theirs too, and what the intervals are of.
  ///
  /// - Parameter measure: that of the figure; `nil` where it has all published values.
  private static func caption<Settings>(
    _ sweep: StudySweep<Settings>, of measure: String? = nil, _ cells: [SweepResult.Cell],
    single: String = ""
  ) -> String {
    let isCompared = sweep.references.contains { measure == nil || $0.measure == measure }
    let most = cells.map(\.repeats.count).max() ?? 0
    let words = most > 1 ? "Means of \(most) with 95 % intervals (Student's)\(single)." : ""
    return [sweep.caption, isCompared ? sweep.referenceCaption : "", words].filter { !$0.isEmpty }
      .joined(separator: " ")
  }
}

extension StudyFigures.Figure {
  /// The figure as a report reads it.
  fileprivate var json: JSON {
    [
      "title": .string(title), "caption": .string(caption), "x": x.json,
      "y": ["label": .string(label), "unit": .string(unit)],
      "series": .array(
        series.filter { !points($0).isEmpty }.map { series in
          ["name": .string(series.name), "points": .array(points(series))]
        }), "references": .array(references),
    ]
  }

  private func points(_ series: Series) -> [JSON] {
    series.values.enumerated().compactMap { index, estimate in
      guard let estimate, estimate.value.isFinite else { return nil }
      let place = x.isNumeric ? x.values[index].number ?? 0 : Double(index)
      var members: [(key: String, value: JSON)] = [("x", .double(place)), ("y", .double(estimate.value))]
      if estimate.lower.isFinite, estimate.upper.isFinite {
        members += [("lower", .double(estimate.lower)), ("upper", .double(estimate.upper))]
      }
      if let deviation = series.deviation(index) { members.append(("sd", .double(deviation))) }
      return .object(members)
    }
  }
}

extension StudyAxis {
  /// The axis as a report reads it.
  fileprivate var json: JSON {
    var members: [(key: String, value: JSON)] = [("label", .string(label))]
    if key == "flipped" { members.append(("unit", "percent")) }
    if isLogarithmic { members.append(("scale", "logarithmic")) }
    if !isNumeric { members.append(("categories", .array(values.map { .string($0.name) }))) }
    return .object(members)
  }
}

extension StudySweep.Reference {
  /// The series as a report reads it.
  fileprivate var json: JSON {
    var members: [(key: String, value: JSON)] = [("name", .string(name))]
    if let kin { members.append(("of", .string(kin))) }
    members.append(("points", .array(points.map { ["x": .double($0.x), "y": .double($0.y)] })))
    return .object(members)
  }
}
