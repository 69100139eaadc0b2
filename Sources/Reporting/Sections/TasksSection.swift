/// Zero-shot tasks of an evaluation, base against edits.
struct TasksSection: Section {
  /// The evaluation.
  let record: EvaluationRecord

  /// The title.
  let title = "Zero-shot tasks"

  /// `nil` where the evaluation has no tasks.
  init?(_ record: EvaluationRecord) {
    guard record.figures.contains(where: { MeasureName.isTask($0.name) }) else { return nil }
    self.record = record
  }

  /// A table for each edit.
  var html: HTML {
    let figures = record.figures.filter { MeasureName.isTask($0.name) }
    let edits = record.models.dropFirst()
    return HTML([
      edits.isEmpty
        ? FigureTable(caption: record.models[0], record: record, edit: nil).html(figures)
        : HTML(
          edits.prefix(8).enumerated().map { index, name in
            FigureTable(caption: "\(record.models[0]) → \(name)", record: record, edit: index).html(figures)
          }),
      .note(
        "Accuracies are compared question by question: McNemar’s exact test, Tango’s interval of the difference."
      ),
    ])
  }
}

/// Accuracies that `profs tasks` measured, a column for each model.
struct TasksTable: Section {
  /// The models' names and tasks.
  let runs: [(name: String, tasks: [RunRecord.Task])]

  /// The title.
  let title = "Accuracy on zero-shot tasks"

  /// The first metric of each task of an evaluation, which is its own.
  static func ownMetrics(_ record: EvaluationRecord) -> [EvaluationRecord.Figure] {
    var seen: Set<Substring> = []
    return record.figures.filter { figure in
      MeasureName.isTask(figure.name) && seen.insert(figure.name.prefix { $0 != ":" }).inserted
    }
  }

  /// The table.
  var html: HTML {
    var names: [(task: String, metric: String)] = []
    for run in runs {
      for task in run.tasks {
        for metric in task.metrics where !names.contains(where: { $0 == (task.name, metric.name) }) {
          names.append((task.name, metric.name))
        }
      }
    }
    return HTML([
      .scrolling("Accuracy on zero-shot tasks", table(names)),
      .note(
        "With Wilson’s 95 % interval. Runs of their own are not paired; profs eval compares question by question."
      ),
    ])
  }

  private func table(_ names: [(task: String, metric: String)]) -> HTML {
    element("table", .class("plain")) {
      element("thead") {
        element("tr") {
          element("th", Attribute("scope", "col")) { "task" }
          runs.map { run in element("th", Attribute("scope", "col"), .class("value")) { run.name } }
        }
      }
      element("tbody") {
        names.map { name in
          element("tr") {
            element("th", Attribute("scope", "row")) { "\(name.task), \(name.metric)" }
            runs.map { run in cell(run.tasks.first { $0.name == name.task }, name.metric) }
          }
        }
      }
    }
  }

  private func cell(_ task: RunRecord.Task?, _ metric: String) -> HTML {
    element("td", .class("value")) {
      if let task, let value = task.metrics.first(where: { $0.name == metric })?.value {
        if metric == "perplexity" {
          FigureText.cell(NumberText.plain(value))
        } else {
          FigureText.cell(NumberText.percent(value))
          element("span", .class("ends")) {
            FigureText.ends(.share(value, of: task.questions), isShare: true) + " of \(task.questions)"
          }
        }
      }
    }
  }
}
