internal import Evaluation
package import Storage

/// A value of a study's specification with the place where it stands, so that what is wrong with it can be said.
package struct SpecificationField: Sendable {
  /// The value.
  package let value: JSON
  /// The way to it from the top, such as `sweeps[1].x.values[0]`; empty at the top.
  let place: String
  /// The file, or the name of the shipped study.
  let source: String

  /// The value at `place` of the specification `source`.
  package init(_ value: JSON, place: String = "", source: String) {
    (self.value, self.place, self.source) = (value, place, source)
  }

  /// The error that something else was expected here.
  func error(expected: String) -> StudyError {
    let text = value.serialized()
    let found = text.count > 60 ? text.prefix(60) + "…" : text
    return StudyError(
      source, "\(place.isEmpty ? "at the top" : "at \(place)"): expected \(expected), found \(found)")
  }

  /// The members of an object.
  var members: [(key: String, field: SpecificationField)] {
    get throws {
      guard case .object(let members) = value else { throw error(expected: "an object") }
      return members.list.map { ($0.key, member($0.key, $0.value)) }
    }
  }

  private func member(_ key: String, _ value: JSON) -> SpecificationField {
    SpecificationField(value, place: place.isEmpty ? key : "\(place).\(key)", source: source)
  }

  /// The members of an object that has no others than `keys`.
  func members(among keys: [String]) throws -> [String: SpecificationField] {
    let members = try members
    if let other = members.first(where: { !keys.contains($0.key) }) {
      throw StudyError(
        source, "at \(other.field.place): there is no such member; expected \(keys.joined(separator: ", "))")
    }
    return Dictionary(members.map { ($0.key, $0.field) }) { first, _ in first }
  }

  /// The elements of an array that is not empty.
  var list: [SpecificationField] {
    get throws {
      guard case .array(let elements) = value, !elements.isEmpty else {
        throw error(expected: "an array of at least one element")
      }
      return elements.enumerated().map {
        SpecificationField($1, place: "\(place)[\($0)]", source: source)
      }
    }
  }

  /// The string.
  var text: String {
    get throws {
      guard let text = value.text else { throw error(expected: "a string") }
      return text
    }
  }

  /// The truth value.
  var bool: Bool {
    get throws {
      guard case .bool(let bool) = value else { throw error(expected: "true or false") }
      return bool
    }
  }

  /// The number, within `range`.
  func number(_ range: ClosedRange<Double>) throws -> Double {
    guard let number = value.number, range.contains(number) else {
      throw error(expected: "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// The whole number, within `range`.
  func count(_ range: ClosedRange<Int>) throws -> Int {
    guard case .int(let number) = value, range.contains(number) else {
      throw error(expected: "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// One of the names of a closed set.
  func choice<Choice: RawRepresentable & CaseIterable>(_ type: Choice.Type) throws -> Choice
  where Choice.RawValue == String {
    guard let choice = value.text.flatMap(Choice.init(rawValue:)) else {
      throw error(expected: Choice.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return choice
  }
}
