/// One value of a `JSONDocument`: a reference to the document and an index.
package struct JSONValue: Sendable {
  /// The six kinds of value.
  package enum Kind: String, Sendable {
    case null, bool, number, string, array, object
  }

  private let storage: JSONStorage
  private let index: Int

  /// The value whose node is at `index`.
  init(storage: JSONStorage, index: Int) {
    self.storage = storage
    self.index = index
  }

  private var node: JSONNode { storage.nodes[index] }

  /// Which kind of value this is.
  package var kind: Kind {
    switch node.tag {
    case .null: .null
    case .no, .yes: .bool
    case .integer, .decimal: .number
    case .string, .escapedString: .string
    case .array: .array
    case .object: .object
    }
  }

  /// The kind as a noun with its article, for messages: "a number".
  package var describe: String {
    switch kind {
    case .null: "null"
    case .array, .object: "an \(kind.rawValue)"
    case .bool: "a boolean"
    case .number, .string: "a \(kind.rawValue)"
    }
  }

  /// Byte offset of the value in its text.
  package var offset: Int {
    // A string's node points inside its quotes.
    let start = Int(node.offset)
    return kind == .string ? start - 1 : start
  }

  /// Name of the text that the value stands in.
  package var source: String { storage.source }

  /// Whether the value is `null`.
  package var isNull: Bool { node.tag == .null }

  /// The truth value; nil for other kinds.
  package var bool: Bool? {
    switch node.tag {
    case .yes: true
    case .no: false
    default: nil
    }
  }

  /// The number if it is an integer that fits, also when written `2.0` or `1e3`; nil for other numbers and kinds.
  ///
  /// Numbers written with a point or an exponent count below 2⁵³, where every integer is exact.
  package var int: Int? {
    switch node.tag {
    case .integer: Int(numberText)
    case .decimal: double.flatMap { abs($0) < 0x1p53 ? Int(exactly: $0) : nil }
    default: nil
    }
  }

  /// The number rounded to the nearest double; nil for other kinds, and for numbers beyond the finite doubles.
  package var double: Double? {
    guard kind == .number, let value = Double(numberText), value.isFinite else { return nil }
    return value
  }

  /// The characters of a number as they stand in the text; empty for other kinds.
  package var numberText: String {
    guard kind == .number else { return "" }
    let start = Int(node.offset)
    return String(decoding: storage.bytes[start..<start + Int(node.count)], as: UTF8.self)
  }

  /// The string, unpaired surrogate escapes replaced by U+FFFD; nil for other kinds.
  package var string: String? {
    unsafe withStringBytes { bytes in unsafe String(decoding: bytes, as: UTF8.self) }
  }

  /// The UTF-8 of the string as ``string`` decodes it; nil for other kinds.
  package var utf8: [UInt8]? {
    unsafe withStringBytes { bytes in unsafe Array(bytes) }
  }

  /// Lends the UTF-8 of the string, without a copy where it has no escapes; nil for other kinds.
  package func withStringBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R? {
    guard kind == .string else { return nil }
    let bytes = storage.bytes
    return try unsafe JSONString.withBytes(of: node, in: bytes.span, body)
  }

  /// Elements of an array, or members of an object; 0 for other kinds.
  package var count: Int {
    switch node.tag {
    case .array, .object: Int(node.count)
    default: 0
    }
  }

  /// The elements of an array in order; empty for other kinds.
  package var elements: [JSONValue] {
    var result: [JSONValue] = []
    if kind == .array { result.reserveCapacity(count) }
    forEachElement { result.append($0) }
    return result
  }

  /// Calls `body` with each element of an array in order, and not at all for other kinds.
  package func forEachElement(_ body: (JSONValue) throws -> Void) rethrows {
    guard node.tag == .array else { return }
    var child = index + 1
    for _ in 0..<count {
      try body(JSONValue(storage: storage, index: child))
      child = Int(storage.nodes[child].end)
    }
  }

  /// The members of an object in file order; empty for other kinds.
  package var members: [(key: String, value: JSONValue)] {
    var result: [(key: String, value: JSONValue)] = []
    if kind == .object { result.reserveCapacity(count) }
    unsafe forEachMember { key, value in
      result.append((unsafe String(decoding: key, as: UTF8.self), value))
    }
    return result
  }

  /// Calls `body` with the decoded key and the value of each member in file order, and not at all for other kinds.
  package func forEachMember(
    _ body: (_ key: UnsafeRawBufferPointer, _ value: JSONValue) throws -> Void
  ) rethrows {
    guard node.tag == .object else { return }
    let bytes = storage.bytes
    let text = bytes.span
    var key = index + 1
    for _ in 0..<count {
      let value = JSONValue(storage: storage, index: key + 1)
      try unsafe JSONString.withBytes(of: storage.nodes[key], in: text) { key in try unsafe body(key, value) }
      key = Int(storage.nodes[key + 1].end)
    }
  }

  /// The value of an object's member; nil when it is absent or this is no object.
  ///
  /// - Complexity: linear in the members; use ``forEachMember(_:)`` over large objects.
  package subscript(key: String) -> JSONValue? {
    guard node.tag == .object else { return nil }
    let bytes = storage.bytes
    let text = bytes.span
    var child = index + 1
    for _ in 0..<count {
      let matches = unsafe JSONString.withBytes(of: storage.nodes[child], in: text) { bytes in
        unsafe bytes.elementsEqual(key.utf8)
      }
      if matches { return JSONValue(storage: storage, index: child + 1) }
      child = Int(storage.nodes[child + 1].end)
    }
    return nil
  }
}
