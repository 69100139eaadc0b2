/// What an edit or a fit took, and perplexities measured by themselves.
struct WorkSection: Section {
  /// A run of a command.
  struct Run: Sendable {
    /// Its file.
    let name: String
    /// What it was.
    let title: String
    /// What took how long.
    let stages: [(name: String, seconds: Double)]
    /// What else is known of it.
    let facts: [RunRecord.Fact]
  }

  /// The runs in their order.
  let runs: [Run]

  /// The title.
  let title = "What it took"

  /// The runs, one below the other.
  var html: HTML {
    HTML(
      runs.map { run in
        let stages = run.stages.map { (name: $0.name, value: NumberText.duration($0.seconds)) }
        let total = run.stages.reduce(0) { $0 + $1.seconds }
        let sum = run.stages.count > 1 ? [(name: "in all", value: NumberText.duration(total))] : []
        return element("div", .class("run")) {
          element("h3", Attribute("dir", "auto")) { "\(run.title) (\(run.name))" }
          HTML.facts(run.facts + stages + sum)
        }
      })
  }
}
