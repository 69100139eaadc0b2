/// A record of a study: figures of one or more series, with what a paper reports beside them, and tables of tokens.
///
/// `Documentation/Report.md` describes the form.
struct StudyRecord: Sendable {
  /// One figure or table.
  struct Figure: Sendable {
    /// What it shows.
    enum Content: Sendable {
      /// Numbers, drawn.
      case plot(Plot)
      /// Tokens of directions.
      case tokens([TokenRow])
    }

    /// Its title.
    var title: String
    /// What it shows and how it was measured.
    var caption: String
    /// What it shows.
    var content: Content
  }

  /// The tokens that the directions of one point raise.
  struct TokenRow: Sendable {
    /// The point's name.
    var name: String
    /// The block that was read.
    var block: Int
    /// Of each direction its tokens, and whether every subset's directions raise them.
    var directions: [[(token: String, isCommon: Bool)]]
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
  /// Reads `{"title", "caption", "x", "y", "series", "references"}`, or `{"title", "caption", "rows"}`.
  fileprivate init(_ field: Field) throws {
    title = try field.member("title").text
    caption = try field.optional("caption")?.text ?? ""
    if let rows = try field.optional("rows") {
      content = .tokens(try rows.list(atMost: 200).map { try StudyRecord.TokenRow($0) })
      return
    }
    let x = try Axis(field.member("x"))
    var plot = Plot(title: title, x: x, y: try Axis(field.member("y")))
    plot.series = try field.member("series").list(atMost: 8).map {
      try Plot.Series($0, x, isReference: false)
    }
    plot.series += try (field.optional("references")?.list(atMost: 8) ?? []).map {
      try Plot.Series($0, x, isReference: true)
    }
    if plot.spansDecades { plot.y.kind = .logarithmic }
    plot.assignColours()
    content = .plot(plot)
  }
}

extension StudyRecord.TokenRow {
  /// Reads `{"name", "block", "directions": [[{"token", "common"}]]}`.
  fileprivate init(_ field: Field) throws {
    name = try field.member("name").text
    block = try field.member("block").count
    directions = try field.member("directions").list(atMost: 16).map { direction in
      try direction.list(atMost: 100).map {
        (try $0.member("token").text, try $0.optional("common")?.bool ?? false)
      }
    }
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
  /// Reads `{"name", "of", "points": [{"x", "y", "lower", "upper", "sd"}]}`.
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
      var mark = Plot.Mark(
        x: Interval(value),
        y: Interval(
          try point.member("y").number, lower: try point.optional("lower")?.number,
          upper: try point.optional("upper")?.number))
      mark.deviation = try point.optional("sd")?.number
      return mark
    }
  }
}
