/// A JSON value to be written: a tree whose objects keep the order of their members.
package indirect enum JSON: Sendable, Equatable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number without fraction.
  case int(Int)
  /// Any other number.
  case double(Double)
  /// A number in its own characters, for integers that `Int` cannot hold.
  case number(String)
  /// A string.
  case string(String)
  /// An array.
  case array([JSON])
  /// An object.
  case object(Members)

  /// An object's members, in order.
  package struct Members: Sendable, Equatable {
    /// One member.
    package struct Member: Sendable, Equatable {
      /// Its name.
      package var key: String
      /// What it holds.
      package var value: JSON

      /// A member `key: value`.
      package init(key: String, value: JSON) {
        self.key = key
        self.value = value
      }
    }

    /// The members from first to last.
    package private(set) var list: [Member]

    /// Members with these keys and values, in this order; keys must differ.
    package init(_ members: [(key: String, value: JSON)] = []) {
      list = members.map { Member(key: $0.key, value: $0.value) }
    }

    /// The value for `key`; setting replaces in place or appends, and setting nil removes.
    ///
    /// - Complexity: linear in the members.
    package subscript(key: String) -> JSON? {
      get { list.first { $0.key == key }?.value }
      set {
        switch (list.firstIndex { $0.key == key }, newValue) {
        case (let index?, let value?): list[index].value = value
        case (let index?, nil): list.remove(at: index)
        case (nil, let value?): list.append(Member(key: key, value: value))
        case (nil, nil): break
        }
      }
    }
  }

  /// An object with these members, in this order; keys must differ.
  package static func object(_ members: [(key: String, value: JSON)]) -> JSON { .object(Members(members)) }

  /// A copy of `value`, every number keeping its exact value.
  package init(_ value: JSONValue) {
    switch value.kind {
    case .null: self = .null
    case .bool: self = .bool(value.bool ?? false)
    case .number:
      let text = value.numberText
      if let int = Int(text), text != "-0" {
        self = .int(int)
      } else if text.utf8.contains(where: { $0 | 0x20 == UInt8(ascii: "e") || $0 == UInt8(ascii: ".") }),
        let double = value.double
      {
        self = .double(double)
      } else {
        self = .number(text)
      }
    case .string: self = .string(value.string ?? "")
    case .array: self = .array(value.elements.map { JSON($0) })
    case .object: self = .object(value.members.map { (key: $0.key, value: JSON($0.value)) })
    }
  }

  /// A member of an object; nil when it is absent or this is no object.
  package subscript(key: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members[key]
  }
}

extension JSON: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  /// The literal `nil`.
  package init(nilLiteral: ()) { self = .null }
  /// A literal boolean.
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  /// A literal integer.
  package init(integerLiteral value: Int) { self = .int(value) }
  /// A literal decimal.
  package init(floatLiteral value: Double) { self = .double(value) }
  /// A literal string.
  package init(stringLiteral value: String) { self = .string(value) }
  /// A literal array.
  package init(arrayLiteral elements: JSON...) { self = .array(elements) }
  /// A literal object, its members in the order written; keys must differ.
  package init(dictionaryLiteral elements: (String, JSON)...) {
    self = .object(elements.map { (key: $0.0, value: $0.1) })
  }
}
