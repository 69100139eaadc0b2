internal import Evaluation
internal import Storage

/// What a sweep varies, and over which values.
package struct StudyAxis: Sendable {
  /// One value.
  package struct Value: Sendable {
    /// What people call it.
    package let name: String
    /// Where it stands on an axis of numbers; `nil` for names.
    package let number: Double?
    /// What it sets.
    let settings: SpecificationField
  }

  /// The setting that is varied, or `cases` where several are at once.
  package let key: String
  /// What people call it.
  package let label: String
  /// Whether numbers stand on a logarithmic scale.
  package let isLogarithmic: Bool
  /// The values in the order of the figure.
  package let values: [Value]

  /// The key of an axis whose values have names and set what they want.
  static let cases = "cases"

  /// Reads `{"vary", "values", "label", "scale"}`.
  init<Settings: StudySettings>(_ field: SpecificationField, of settings: Settings.Type) throws {
    let members = try field.members(among: ["vary", "values", "label", "scale"])
    guard let vary = members["vary"], let list = members["values"] else {
      throw field.error(expected: "an object with \"vary\" and \"values\"")
    }
    key = try vary.text
    let key = key
    guard key == Self.cases || Settings.keys.contains(key) else {
      throw vary.error(expected: (Settings.keys + [Self.cases]).joined(separator: ", "))
    }
    label = try members["label"]?.text ?? Self.labels[key] ?? key
    values = try list.list.map { value in
      if key == Self.cases {
        let members = try value.members(among: ["name", "set"])
        guard let name = members["name"], let set = members["set"] else {
          throw value.error(expected: "an object with \"name\" and \"set\"")
        }
        return Value(name: try name.text, number: nil, settings: set)
      }
      return Value(
        name: Self.name(value.value, key: key), number: value.value.number,
        settings: SpecificationField(
          .object([(key, value.value)]), place: value.place, source: value.source))
    }
    isLogarithmic =
      try members["scale"].map { scale in
        guard try ["linear", "logarithmic"].contains(scale.text) else {
          throw scale.error(expected: "linear or logarithmic")
        }
        return try scale.text == "logarithmic"
      } ?? false
    if isLogarithmic, values.contains(where: { $0.number ?? 0 <= 0 }) {
      throw field.error(expected: "numbers above 0 on a logarithmic scale")
    }
  }

  /// Categories of prompts, which are measured and not varied.
  init(_ categories: [PromptCategory]) {
    (key, label, isLogarithmic) = (Self.categories, "", false)
    values = categories.map {
      Value(
        name: $0.name, number: nil, settings: SpecificationField(.object([]), source: Self.categories))
    }
  }

  private static let categories = "categories"

  /// Whether the values stand on an axis of numbers.
  package var isNumeric: Bool { values.allSatisfy { $0.number != nil } }

  private static let labels = [
    "flipped": "pairs whose labels are exchanged", "pairs": "pairs", "rank": "rank",
    "protect": "protected directions", "blocks": "blocks", cases: "", "noise": "noise of a coordinate",
    "hidden": "width",
  ]

  /// How a value is called as the name of a series or a category.
  private static func name(_ value: JSON, key: String) -> String {
    switch (key, value) {
    case ("method", .string("none")): "original"
    case ("method", .string("profs")): "ProFS"
    case ("method", .string("dpo")): "DPO"
    case ("centring", .bool(let isOn)): isOn ? "centred" : "not centred"
    case (_, .string(let text)): text
    default: "\(key) \(value.serialized())"
    }
  }
}
