/// A record of a study: figures of one or more series, with what a paper reports beside them.
///
/// `Documentation/Report.md` describes the form.
struct StudyRecord: Sendable {
  /// One figure.
  struct Figure: Sendable {
    /// Its title.
    var title: String
    /// What it shows and how it was measured.
    var caption: String
    /// What it shows, drawn.
    var plot: Plot
  }

  /// The study's title.
  var title: String
  /// The figures in their order.
  var figures: [Figure]

  /// Reads the record.
  init(_ root: Field) throws {
    guard let summary = try root.optional("summary") else {
      throw RecordError(
        root.source,
        "the study is not finished; run the same profs study again, which goes on where it stopped")
    }
    title = try summary.member("title").text
    figures = try summary.member("figures").list(atMost: 40).map { try Figure($0) }
  }
}

extension StudyRecord.Figure {
  /// Reads `{"title", "caption", "x", "y", "series", "references"}`.
  fileprivate init(_ field: Field) throws {
    title = try field.member("title").text
    caption = try field.optional("caption")?.text ?? ""
    let x = try Axis(field.member("x"))
    plot = Plot(title: title, x: x, y: try Axis(field.member("y")))
    plot.series = try field.member("series").list(atMost: 8).map {
      try Plot.Series($0, x, isReference: false)
    }
    plot.series += try (field.optional("references")?.list(atMost: 8) ?? []).map {
      try Plot.Series($0, x, isReference: true)
    }
    if plot.spansDecades { plot.y.kind = .logarithmic }
    plot.assignColours()
  }
}

extension Axis {
  /// Reads `{"label", "unit", "scale", "categories"}`.
  fileprivate init(_ field: Field) throws {
    self.init(label: try field.member("label").text)
    if let unit = try field.optional("unit") {
      guard let known = Unit(rawValue: try unit.text) else {
        throw unit.error(expected: "plain, percent or change")
      }
      self.unit = known
    }
    if let scale = try field.optional("scale") {
      switch try scale.text {
      case "linear": kind = .linear
      case "logarithmic": kind = .logarithmic
      default: throw scale.error(expected: "linear or logarithmic")
      }
    }
    if let categories = try field.optional("categories") {
      kind = .categories(try categories.list(atMost: 40).map { try $0.text })
    }
  }
}

extension Plot.Series {
  /// Reads `{"name", "of", "points": [{"x", "y", "lower", "upper"}]}`.
  fileprivate init(_ field: Field, _ x: Axis, isReference: Bool) throws {
    self.init(name: try field.member("name").text, isReference: isReference)
    line = .straight
    kin = try field.optional("of")?.text
    marks = try field.member("points").list(atMost: 500).map { point in
      let place = try point.member("x")
      let value = try place.number
      switch x.kind {
      case .linear: break
      case .logarithmic: guard value > 0 else { throw place.error(expected: "a number above 0") }
      case .categories(let names):
        guard names.indices.contains(where: { Double($0) == value }) else {
          throw place.error(expected: "the index of a category")
        }
      }
      return Plot.Mark(
        x: Interval(value),
        y: Interval(
          try point.member("y").number, lower: try point.optional("lower")?.number,
          upper: try point.optional("upper")?.number))
    }
  }
}
