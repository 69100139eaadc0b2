/// A JSON text, checked once and kept as its bytes and a flat array of nodes.
///
/// Reading is strict (RFC 8259): UTF-8 without byte order mark, one value, nothing after it, no duplicate keys in
/// an object, no control characters in strings, no `NaN` or `Infinity`. Memory is bounded by the text: one 16-byte
/// node for every value and key, each of which takes at least one byte of text and its separator. Nothing is
/// decoded until asked for, so a vocabulary of a quarter million entries costs no `String`.
package struct JSONDocument: Sendable {
  /// Deepest nesting of arrays and objects that is read.
  package static let depthLimit = 512

  /// The text and its nodes.
  let storage: JSONStorage

  /// Reads `bytes`; `source` names them in errors.
  ///
  /// - Throws: `JSONError` at the first byte that breaks a rule above.
  /// - Complexity: linear in the text.
  package init(parsing bytes: [UInt8], source: String) throws(JSONError) {
    var parser = JSONParser(source: source)
    try parser.parse(bytes.span)
    storage = JSONStorage(bytes: bytes, nodes: parser.nodes, source: source)
  }

  /// Reads the UTF-8 of `text`; `source` names it in errors.
  ///
  /// - Throws: `JSONError` like ``init(parsing:source:)``.
  package init(parsing text: String, source: String) throws(JSONError) {
    try self.init(parsing: Array(text.utf8), source: source)
  }

  /// The value that the text is.
  package var root: JSONValue { JSONValue(storage: storage, index: 0) }
}

/// What all values of one document share.
final class JSONStorage: Sendable {
  /// The text.
  let bytes: [UInt8]
  /// The nodes in the order their values begin; the first is the root.
  let nodes: [JSONNode]
  /// Name of the text.
  let source: String

  /// The nodes that `JSONParser` made of `bytes`.
  init(bytes: [UInt8], nodes: [JSONNode], source: String) {
    self.bytes = bytes
    self.nodes = nodes
    self.source = source
  }
}

/// One value, or one key, of a document.
///
/// An object's node is followed by key, value, key, value …; an array's by its elements; each child by its own
/// descendants.
struct JSONNode: Sendable {
  /// What a node is.
  enum Tag: UInt8 {
    case null, no, yes, integer, decimal
    /// A string whose bytes in the text are its bytes.
    case string
    /// A string that contains backslash escapes.
    case escapedString
    case array, object
  }

  /// Offset in the text: of a string's first byte inside the quotes, otherwise of the value's first byte.
  var offset: UInt32

  /// Bytes in the text (inside the quotes for a string); for an array its elements, for an object its members.
  var count: UInt32

  /// Index of the first node that is not part of this value.
  var end: UInt32

  /// What the node is.
  var tag: Tag
}
