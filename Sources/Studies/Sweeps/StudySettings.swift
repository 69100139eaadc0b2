package import Storage

/// All that determines one point of a sweep, but for what is drawn at random.
package protocol StudySettings: Sendable, Hashable {
  /// The names that ``set(_:to:)`` knows.
  static var keys: [String] { get }
  /// What is used where nothing else is said.
  init()
  /// Changes one setting, whose name is among ``keys``.
  mutating func set(_ key: String, to field: SpecificationField) throws
  /// The settings that have an effect, for records.
  var json: JSON { get }
}

extension StudySettings {
  /// Changes the settings that an object names.
  package mutating func set(_ field: SpecificationField) throws {
    let members = try field.members(among: Self.keys)
    for key in Self.keys {
      if let member = members[key] { try set(key, to: member) }
    }
  }
}
