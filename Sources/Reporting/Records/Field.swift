internal import Storage

/// A value of a record with the place where it stands, so that what is wrong with it can be said.
struct Field: Sendable {
  /// The value.
  let value: JSONValue
  /// The way to it from the top, such as `summary.figures[3]`; empty at the top.
  let place: String

  /// The record itself.
  init(root: JSONValue) { (value, place) = (root, "") }

  private init(_ value: JSONValue, _ place: String) { (self.value, self.place) = (value, place) }

  /// The file.
  var source: String { value.source }

  /// A number beyond this is damage: nothing that is measured comes near it, and figures stay within what doubles can do.
  private static let largest = 1e15

  /// The error that something else was expected here.
  func error(expected: String) -> RecordError {
    let found = value.kind == .number ? "the number \(value.numberText.prefix(24))" : value.describe
    let place = place.isEmpty ? "at the top" : "at \(place)"
    return RecordError(
      source,
      "\(place): expected \(expected), found \(found); the file is damaged or of another version of profs")
  }

  /// A member that must be there.
  func member(_ key: String) throws -> Field {
    guard value.kind == .object else { throw error(expected: "an object") }
    guard let found = value[key] else { throw error(expected: "an object with \"\(key)\"") }
    return Field(found, place.isEmpty ? key : "\(place).\(key)")
  }

  /// A member that may be absent or null.
  func optional(_ key: String) throws -> Field? {
    guard value.kind == .object else { throw error(expected: "an object") }
    guard let found = value[key], !found.isNull else { return nil }
    return Field(found, place.isEmpty ? key : "\(place).\(key)")
  }

  /// The number.
  var number: Double {
    get throws {
      guard let number = value.double, abs(number) <= Self.largest else { throw error(expected: "a number") }
      return number
    }
  }

  /// The whole number, 0 or more.
  var count: Int {
    get throws {
      guard let number = value.int, number >= 0, number <= Int(Self.largest) else {
        throw error(expected: "a whole number, 0 or more")
      }
      return number
    }
  }

  /// The string.
  var text: String {
    get throws {
      guard let text = value.string else { throw error(expected: "a string") }
      return text
    }
  }

  /// The truth value.
  var bool: Bool {
    get throws {
      guard let bool = value.bool else { throw error(expected: "true or false") }
      return bool
    }
  }

  /// The elements of an array.
  var list: [Field] {
    get throws {
      guard value.kind == .array else { throw error(expected: "an array") }
      return value.elements.enumerated().map { Field($1, "\(place)[\($0)]") }
    }
  }

  /// The elements of an array of at most `limit`, which is what a report can show.
  func list(atMost limit: Int) throws -> [Field] {
    if value.kind == .array, value.count > limit {
      throw RecordError(
        source,
        "at \(place): \(value.count) elements are more than a report can show, \(limit); split the record")
    }
    return try list
  }

  /// The members of an object.
  var members: [(key: String, field: Field)] {
    get throws {
      guard value.kind == .object else { throw error(expected: "an object") }
      return value.members.map { ($0.key, Field($0.value, place.isEmpty ? $0.key : "\(place).\($0.key)")) }
    }
  }
}
