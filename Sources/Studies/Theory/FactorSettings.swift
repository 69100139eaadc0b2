package import Storage

/// The factor model of arXiv 2405.13967, section 5, with numbers in place.
package struct FactorSettings: StudySettings {
  /// Width of an embedding.
  package var hidden = 256
  /// Directions of what is unwanted, B's rows.
  package var factors = 2
  /// Directions of the context, B̃'s rows.
  package var context = 16
  /// Pairs.
  package var pairs = 500
  /// Standard deviation of a coordinate of u.
  package var noise = 0.1
  /// The share of the pairs whose sides are exchanged.
  package var flipped = 0.0
  /// ‖μ‖: the size of what all texts have in common.
  package var frequent = 10.0
  /// Standard deviation of a⁺ and a⁻, whose mean is 1.
  package var spread = 0.1
  /// Mean of each component of f, whose standard deviation is 1.
  package var mean = 1.0
  /// Whether the mean of the chosen side is projected out.
  package var centring = true

  /// The names of the settings.
  package static let keys = [
    "hidden", "factors", "context", "pairs", "noise", "flipped", "frequent", "spread", "mean", "centring",
  ]

  /// What is used where nothing else is said.
  package init() {}

  /// Changes one setting, whose name is among ``keys``.
  package mutating func set(_ key: String, to field: SpecificationField) throws {
    switch key {
    case "hidden": hidden = try field.count(2...16384)
    case "factors": factors = try field.count(1...1024)
    case "context": context = try field.count(0...8192)
    case "pairs": pairs = try field.count(1...1_000_000)
    case "noise": noise = try field.number(0...1e6)
    case "flipped": flipped = try field.number(0...1)
    case "frequent": frequent = try field.number(1e-6...1e6)
    case "spread": spread = try field.number(0...1e6)
    case "mean": mean = try field.number(-1e6...1e6)
    case "centring": centring = try field.bool
    default: preconditionFailure("a key is among those that were checked")
    }
  }

  /// The settings that have an effect, for records.
  package var json: JSON {
    [
      "hidden": .int(hidden), "factors": .int(factors), "context": .int(context), "pairs": .int(pairs),
      "noise": .double(noise), "flipped": .double(flipped), "frequent": .double(frequent),
      "spread": .double(spread), "mean": .double(mean), "centring": .bool(centring),
    ]
  }
}
