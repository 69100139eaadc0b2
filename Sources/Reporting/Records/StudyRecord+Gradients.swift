extension StudyRecord {
  /// More numbers of pairs than this are not drawn.
  private static let countLimit = 7

  /// Whether the members of a document are what `profs gradients --json` prints.
  static func isGradients(_ keys: Set<String>) -> Bool { keys.isSuperset(of: ["counts", "beta", "seconds"]) }

  /// Reads what `profs gradients` says of each block, as figures over the blocks.
  init(gradients root: Field) throws {
    title = "Gradients and the subspace"
    figures = []
    let counts = try root.member("counts").list(atMost: Self.countLimit)
    let shares = try counts.map { try Self.series(try Self.name($0), $0, "share") }
    if let last = counts.last, shares.contains(where: { !$0.marks.isEmpty }) {
      figures.append(
        Self.figure(
          "Share of DPO's first gradient in the subspace", label: "‖P G‖ / ‖G‖", shares,
          chance: try Self.series("random subspaces", last, "random"),
          "Of gradients over the first pairs, block by block."))
    }
    let norms = try counts.map { try Self.series(try Self.name($0), $0, "norm") }
    figures.append(Self.figure("Size of DPO's first gradient", label: "‖G‖", norms, chance: nil, ""))
    guard let convergence = try root.optional("convergence")?.list(atMost: Self.countLimit),
      let most = convergence.last
    else { return }
    // The last is compared with itself.
    let overlaps = try convergence.dropLast().map { try Self.series(try Self.name($0), $0, "overlap") }
    figures.append(
      Self.figure(
        "Subspaces of fewer pairs beside that of \(try Self.name(most))", label: "overlap", overlaps,
        chance: try Self.series("random subspaces", most, "chance"),
        "Mean squared cosine of the principal angles, 1 where both are the same."))
  }

  private static func name(_ count: Field) throws -> String {
    let pairs = try count.member("pairs").count
    return "\(NumberText.grouped(Double(pairs))) \(pairs == 1 ? "pair" : "pairs")"
  }

  /// The values of `key` by block, of the blocks that have one.
  private static func series(_ name: String, _ count: Field, _ key: String) throws -> Plot.Series {
    var series = Plot.Series(name: name)
    series.line = .straight
    series.marks = try count.member("blocks").list(atMost: 1000).compactMap { block in
      let place = Interval(Double(try block.member("block").count))
      return try block.optional(key).map { Plot.Mark(x: place, y: Interval(try $0.number)) }
    }
    return series
  }

  private static func figure(
    _ title: String, label: String, _ series: [Plot.Series], chance: Plot.Series?, _ caption: String
  ) -> Figure {
    var plot = Plot(title: title, x: Axis(label: "block"), y: Axis(label: label, includes: [0]))
    plot.series = series.filter { !$0.marks.isEmpty }
    if var chance {
      chance.isReference = true
      plot.series.append(chance)
    }
    plot.assignColours()
    return Figure(title: title, caption: caption, content: .plot(plot))
  }
}
