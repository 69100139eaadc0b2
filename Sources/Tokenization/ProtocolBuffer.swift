/// The fields of a protocol buffer's message, one after another, from its wire format.
///
/// Each field is a key, number × 8 + wire type, and a value: a varint (type 0: seven bits a byte, the lowest first,
/// the high bit set on all but the last), 8 bytes (1), a varint length and so many bytes (2), or 4 bytes (5).
struct ProtocolBuffer {
  /// A field's value.
  enum Value {
    case varint(UInt64)
    case fixed64(UInt64)
    case bytes(ArraySlice<UInt8>)
    case fixed32(UInt32)
  }

  private var rest: ArraySlice<UInt8>
  private let source: String

  /// The message in `bytes`, which are part of the file `source`.
  init(_ bytes: ArraySlice<UInt8>, source: String) {
    rest = bytes
    self.source = source
  }

  /// The next field; nil at the end.
  ///
  /// - Throws: `TokenizationError` if it is cut short, or of a type that there is not.
  mutating func next() throws(TokenizationError) -> (number: UInt64, value: Value)? {
    guard !rest.isEmpty else { return nil }
    let key = try varint()
    let value: Value
    switch key & 7 {
    case 0: value = .varint(try varint())
    case 1: value = .fixed64(try fixed())
    case 2:
      let count = try varint()
      guard let count = Int(exactly: count), count <= rest.count else {
        throw error("expected \(count) bytes, found \(rest.count)")
      }
      value = .bytes(rest.prefix(count))
      rest = rest.dropFirst(count)
    case 5: value = .fixed32(try fixed())
    case let type: throw error("expected a field of wire type 0, 1, 2 or 5, found \(type)")
    }
    return (key >> 3, value)
  }

  private mutating func varint() throws(TokenizationError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard let byte = rest.popFirst() else { throw error("expected a number, found the end") }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw error("expected a number of at most ten bytes")
  }

  private mutating func fixed<T: FixedWidthInteger>() throws(TokenizationError) -> T {
    let count = T.bitWidth / 8
    guard rest.count >= count else { throw error("expected \(count) bytes, found \(rest.count)") }
    let value = rest.prefix(count).reversed().reduce(T.zero) { $0 << 8 | T($1) }
    rest = rest.dropFirst(count)
    return value
  }

  private func error(_ reason: String) -> TokenizationError {
    TokenizationError(source: source, keyPath: "byte \(rest.startIndex)", reason: reason)
  }
}
