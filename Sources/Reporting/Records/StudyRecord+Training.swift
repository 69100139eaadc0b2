extension StudyRecord {
  /// Marks of a line: steps are put together to about as many.
  private static let lineMarks = 120
  /// More steps than this are not read.
  private static let stepLimit = 1_000_000

  /// Whether the members of a document are what `profs dpo --json` prints or `profs-training.json` holds.
  static func isTraining(_ keys: Set<String>) -> Bool {
    keys.isSuperset(of: ["method", "training", "validation", "best_step"])
  }

  /// Reads what `profs dpo` says of a training, as figures over its steps.
  init(training root: Field) throws {
    let method = try root.member("method").text.prefix(16).uppercased()
    let steps = try root.member("training").list(atMost: Self.stepLimit)
    let looks = try root.member("validation").list(atMost: Self.stepLimit)
    func figure(_ title: String, _ key: String, _ axis: Axis, _ caption: String) throws -> Figure {
      var plot = Plot(title: title, x: Axis(label: "step"), y: axis)
      for (name, records) in [("training", steps), ("validation", looks)] where !records.isEmpty {
        var series = Plot.Series(name: name)
        series.marks = try Self.marks(records, key, Self.group(records.count))
        series.line = .straight
        plot.series.append(series)
      }
      plot.assignColours()
      return Figure(title: title, caption: caption, content: .plot(plot))
    }
    let rate = NumberText.plain(try root.member("learning_rate").number)
    var settings = [
      "\(NumberText.grouped(Double(try root.member("pairs").count))) pairs",
      "\(NumberText.grouped(Double(try root.member("validation_pairs").count))) more for validation",
      "beta \(NumberText.plain(try root.member("beta").number))",
      "\(try root.member("optimizer").text.prefix(16)) at \(rate)",
    ]
    if let rank = try root.optional("lora_rank")?.count { settings.append("adapters of rank \(rank)") }
    let best = try root.member("best_step").count
    let kept = looks.isEmpty ? "" : " The weights after step \(best) were kept."
    let group = Self.group(steps.count)
    let means = group > 1 ? " Marks of training are means of \(group) steps." : ""
    title = "Training by \(method)"
    figures = [
      try figure(
        "Loss", "loss", Axis(label: "loss of a pair"), settings.joined(separator: ", ") + "." + kept + means),
      try figure(
        "Pairs whose chosen side gained on the other", "accuracy",
        Axis(label: "pairs with a margin above 0", unit: .percent), ""),
    ]
  }

  /// How many records are put together to one mark.
  private static func group(_ count: Int) -> Int { max(1, (count + lineMarks - 1) / lineMarks) }

  /// Means of every `group` records' values of `key`, at the last one's step.
  private static func marks(_ records: [Field], _ key: String, _ group: Int) throws -> [Plot.Mark] {
    try stride(from: 0, to: records.count, by: group).map { first in
      let some = records[first..<min(first + group, records.count)]
      let mean = try some.reduce(0) { try $0 + $1.member(key).number } / Double(some.count)
      let step = try some[some.endIndex - 1].member("step").count
      return Plot.Mark(x: Interval(Double(step)), y: Interval(mean))
    }
  }
}
