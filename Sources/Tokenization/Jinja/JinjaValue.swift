/// A value of a template, as Python has it.
///
/// Values hold no references, so none can hold itself; what changes (namespaces, loops, iterators) and what has a body (macros)
/// lives in `JinjaRun`, and values have its number.
indirect enum JinjaValue: Sendable {
  /// What nothing was assigned to, and its name for messages.
  case undefined(String)
  /// `none`
  case none
  /// `true` or `false`
  case bool(Bool)
  /// An integer.
  case int(Int)
  /// Any other number.
  case double(Double)
  /// A text in UTF-8.
  case text([UInt8])
  /// A text behind the filter `safe` or `escape`: what is put to it is escaped.
  case safe([UInt8])
  /// A list, or what has elements like one.
  case list(JinjaList)
  /// Elements that are gone through once, by its number.
  case iterator(Int)
  /// Keys and values.
  case dictionary(JinjaDictionary)
  /// A namespace, by its number.
  case namespace(Int)
  /// `loop`, by its number.
  case loop(Int)
  /// A function of the template, by its number.
  case macro(Int)
  /// A function that every template has.
  case function(String)
  /// A function of a value.
  case method(JinjaValue, String)

  /// Lists and dictionaries within each other, at most.
  static let depthLimit = 64
  /// Elements and bytes that one holds, at most, with all that is in it.
  static let sizeLimit = 1 << 24

  /// A text.
  static func string(_ text: String) -> JinjaValue { .text(Array(text.utf8)) }

  /// A list.
  ///
  /// - Throws: `JinjaError` if it were too large.
  static func list(_ elements: [JinjaValue], _ kind: JinjaList.Kind = .list) throws(JinjaError) -> JinjaValue
  {
    .list(try JinjaList(elements, kind))
  }

  /// How deep it is, and how much it holds.
  var extent: JinjaExtent {
    switch self {
    case .text(let text), .safe(let text): JinjaExtent(depth: 0, size: 1 + text.count)
    case .list(let list): list.extent
    case .dictionary(let dictionary): dictionary.extent
    case .method(let value, _): value.extent
    default: JinjaExtent(depth: 0, size: 1)
    }
  }

  /// Whether a condition takes it for true.
  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .int(let value): value != 0
    case .double(let value): value != 0
    case .text(let text), .safe(let text): !text.isEmpty
    case .list(let list): !list.elements.isEmpty
    case .dictionary(let dictionary): !dictionary.members.isEmpty
    case .iterator, .namespace, .loop, .macro, .function, .method: true
    }
  }

  /// Whether something was assigned.
  var isDefined: Bool {
    if case .undefined = self { false } else { true }
  }

  /// What it is, for messages.
  var kind: String {
    switch self {
    case .undefined(let name): "undefined (\(name.prefix(60)))"
    case .none: "none"
    case .bool: "a truth value"
    case .int: "an integer"
    case .double: "a number"
    case .text, .safe: "a string"
    case .list(let list): list.kind.name
    case .iterator: "what is gone through once"
    case .dictionary: "a dictionary"
    case .namespace: "a namespace"
    case .loop: "a loop"
    case .macro, .function, .method: "a function"
    }
  }

  /// The integer that it is in arithmetic, where truth values are 1 and 0.
  var asInt: Int? {
    switch self {
    case .int(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  /// The number that it is in arithmetic.
  var asDouble: Double? {
    if case .double(let value) = self { return value }
    return asInt.map(Double.init)
  }

  /// Its bytes, if it is a text.
  var asText: [UInt8]? {
    switch self {
    case .text(let text), .safe(let text): text
    default: nil
    }
  }

  /// The value, a text as any other.
  var plain: JinjaValue {
    if case .safe(let text) = self { .text(text) } else { self }
  }
}

/// How much there is to go through in a value: a list that holds another twice has it twice.
struct JinjaExtent: Sendable {
  /// Lists and dictionaries within each other.
  private(set) var depth = 1
  /// Elements and bytes of texts.
  private(set) var size = 1

  /// Takes one more value in.
  ///
  /// - Throws: `JinjaError` where that is too much.
  mutating func add(_ value: JinjaValue) throws(JinjaError) {
    let extent = value.extent
    depth = max(depth, extent.depth + 1)
    size += extent.size
    guard depth <= JinjaValue.depthLimit, size <= JinjaValue.sizeLimit else {
      throw JinjaError("a list holds more than a chat template needs")
    }
  }
}

/// A list, or what has elements like one.
struct JinjaList: Sendable {
  /// What of Python's it is.
  enum Kind: Sendable, Equatable {
    case list
    case tuple
    /// The integers from `first` up to before `end`, `step` apart.
    case range(first: Int, end: Int, step: Int)
    /// What a dictionary's function of this name gives.
    case view(String)

    /// Its name, for messages.
    var name: String {
      switch self {
      case .list: "a list"
      case .tuple: "a tuple"
      case .range: "a range"
      case .view: "a view of a dictionary"
      }
    }

    /// Whether elements have places.
    var isSequence: Bool {
      if case .view = self { false } else { true }
    }

    /// Whether its elements are written where it is.
    var isWritten: Bool {
      if case .range = self { false } else { true }
    }

    /// Whether it is what Python calls a list or a tuple.
    var isListOrTuple: Bool { self == .list || self == .tuple }
  }

  /// From first to last.
  let elements: [JinjaValue]
  /// What it is.
  let kind: Kind
  /// How deep it is, and how much it holds.
  let extent: JinjaExtent

  /// - Throws: `JinjaError` if it were too large.
  init(_ elements: [JinjaValue], _ kind: Kind = .list) throws(JinjaError) {
    var extent = JinjaExtent()
    for element in elements { try extent.add(element) }
    self.extent = extent
    self.elements = elements
    self.kind = kind
  }
}

/// Keys and values, in the order in which keys came first.
struct JinjaDictionary: Sendable {
  /// From first to last.
  private(set) var members: [(key: JinjaValue, value: JinjaValue)] = []
  /// How deep it is, and how much it holds.
  private(set) var extent = JinjaExtent()
  /// Where a text key is among the members.
  private var places: [[UInt8]: Int] = [:]

  /// None.
  init() {}

  /// The value of a text key.
  subscript(key: String) -> JinjaValue? { places[Array(key.utf8)].map { members[$0].value } }

  /// The value of a key.
  func value(_ key: JinjaValue) -> JinjaValue? {
    if let text = key.asText { return places[text].map { members[$0].value } }
    return members.first { if case .text = $0.key { false } else { $0.key.equals(key) } }?.value
  }

  /// Gives `key` a value.
  ///
  /// - Throws: `JinjaError` where it cannot be a key, or the dictionary were too large.
  mutating func set(_ key: JinjaValue, _ value: JinjaValue) throws(JinjaError) {
    let key = key.plain
    try extent.add(key)
    try extent.add(value)
    switch key {
    case .text(let text):
      if let place = places[text] { return members[place].value = value }
      places[text] = members.count
    case .none, .bool, .int, .double:
      if let place = members.firstIndex(where: { $0.key.equals(key) }) { return members[place].value = value }
      // Looked for one by one, so there may be few.
      guard members.count < 1000 else {
        throw JinjaError("a dictionary has more than 1000 keys that are no strings")
      }
    default: throw JinjaError("\(key.kind) cannot be the key of a dictionary")
    }
    members.append((key, value))
  }
}

extension JinjaValue {
  /// Whether Python's `==` holds.
  func equals(_ other: JinjaValue) -> Bool {
    if let left = asInt, let right = other.asInt { return left == right }
    if let left = asDouble, let right = other.asDouble { return left == right }
    switch (plain, other.plain) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.text(let left), .text(let right)): return left == right
    case (.list(let left), .list(let right)):
      // Ranges with the same elements are equal, however they are written.
      return left.kind.name == right.kind.name
        && left.elements.elementsEqual(right.elements) { $0.equals($1) }
    case (.dictionary(let left), .dictionary(let right)):
      return left.members.count == right.members.count
        && left.members.allSatisfy { member in right.value(member.key).map(member.value.equals) ?? false }
    case (.namespace(let left), .namespace(let right)), (.loop(let left), .loop(let right)),
      (.iterator(let left), .iterator(let right)), (.macro(let left), .macro(let right)):
      return left == right
    case (.function(let left), .function(let right)): return left == right
    default: return false
    }
  }

  /// Whether Python's `<` holds; nil between what has no order.
  func isLess(than other: JinjaValue) -> Bool? {
    if let left = asInt, let right = other.asInt { return left < right }
    if let left = asDouble, let right = other.asDouble { return left < right }
    switch (plain, other.plain) {
    // In UTF-8 bytes have the order of code points.
    case (.text(let left), .text(let right)): return left.lexicographicallyPrecedes(right)
    case (.list(let left), .list(let right)) where left.kind == right.kind && left.kind.isListOrTuple:
      for (left, right) in zip(left.elements, right.elements) where !left.equals(right) {
        return left.isLess(than: right)
      }
      return left.elements.count < right.elements.count
    default: return nil
    }
  }
}
