internal import Evaluation
internal import Storage

/// One or two settings that are varied, the others being fixed, and what is measured of each point.
package struct StudySweep<Settings: StudySettings>: Sendable {
  /// A published series beside the measured ones.
  package struct Reference: Sendable {
    /// The measure it is of.
    package let measure: String
    /// Its name.
    package let name: String
    /// The name of the series whose colour it has.
    package let kin: String?
    /// Pairs of x and y; of names, x counts the values from 0.
    package let points: [(x: Double, y: Double)]
  }

  /// Its title.
  package let title: String
  /// What a reader should know of it.
  package let caption: String
  /// What a reader should know of its published values, where a figure has any.
  package let referenceCaption: String
  /// What is varied along the axis of the figures.
  package let x: StudyAxis
  /// What tells the series apart; `nil` where there is one.
  package let series: StudyAxis?
  /// Names of what is measured.
  package let measures: [String]
  /// Published values.
  package let references: [Reference]
  /// The settings of each point, by series and by value of x.
  package let settings: [[Settings]]

  /// Reads `{"title", "caption", "reference_caption", "fixed", "x", "series", "measures", "references"}`.
  ///
  /// - Parameters:
  ///   - fixed: settings of the whole study, which the sweep's own and its axes change.
  ///   - overrides: take the place of what is fixed, but not of what is varied.
  init(
    _ field: SpecificationField, fixed: SpecificationField?, overrides: SpecificationField?,
    measures known: [String]
  ) throws {
    let members = try field.members(
      among: [
        "title", "caption", "reference_caption", "fixed", "x", "series", "measures", "references",
      ])
    guard let title = members["title"], let x = members["x"], let measures = members["measures"] else {
      throw field.error(expected: "an object with \"title\", \"x\" and \"measures\"")
    }
    self.title = try title.text
    caption = try members["caption"]?.text ?? ""
    referenceCaption = try members["reference_caption"]?.text ?? ""
    self.x = try StudyAxis(x, of: Settings.self)
    series = try members["series"].map { try StudyAxis($0, of: Settings.self) }
    self.measures = try measures.list.map {
      guard try known.contains($0.text) else { throw $0.error(expected: known.joined(separator: ", ")) }
      return try $0.text
    }
    references = try (members["references"]?.list ?? []).map { try Reference($0) }
    var common = Settings()
    for field in [fixed, members["fixed"], overrides] {
      if let field { try common.set(field) }
    }
    let start = common
    let along = self.x.values
    settings = try (series?.values.map { Optional($0) } ?? [nil]).map { series in
      try along.map { value in
        var settings = start
        if let series { try settings.set(series.settings) }
        try settings.set(value.settings)
        return settings
      }
    }
  }

  /// The names of the series.
  package var seriesNames: [String] { series?.values.map(\.name) ?? [""] }
}

extension StudySweep.Reference {
  /// Reads `{"measure", "name", "of", "points": [[x, y]]}`.
  fileprivate init(_ field: SpecificationField) throws {
    let members = try field.members(among: ["measure", "name", "of", "points"])
    guard let measure = members["measure"], let name = members["name"], let points = members["points"] else {
      throw field.error(expected: "an object with \"measure\", \"name\" and \"points\"")
    }
    (self.measure, self.name) = (try measure.text, try name.text)
    kin = try members["of"]?.text
    self.points = try points.list.map { point in
      let numbers = point.value.elements.compactMap(\.number)
      guard numbers.count == 2, point.value.elements.count == 2 else {
        throw point.error(expected: "two numbers, x and y")
      }
      return (numbers[0], numbers[1])
    }
  }
}
