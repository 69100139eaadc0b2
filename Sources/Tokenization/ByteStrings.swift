/// Many byte strings in one allocation: the tokens or the merges of a vocabulary.
package struct ByteStrings: Sendable, Equatable {
  private var bytes: [UInt8] = []
  /// String `i` lies between `bounds[i]` and `bounds[i + 1]`.
  private var bounds: [Int] = [0]

  /// No strings.
  package init() {}

  /// The UTF-8 of each string.
  package init(_ strings: [String]) {
    for string in strings { append(string.utf8) }
  }

  /// How many strings there are.
  package var count: Int { bounds.count - 1 }

  /// Appends one string.
  package mutating func append(_ string: some Sequence<UInt8>) {
    bytes.append(contentsOf: string)
    bounds.append(bytes.count)
  }

  /// The string at `index`, which must exist.
  package subscript(index: Int) -> ArraySlice<UInt8> { bytes[bounds[index]..<bounds[index + 1]] }

  /// The byte at `offset` of the string at `index`, which must be longer.
  func byte(_ offset: Int, of index: Int) -> UInt8 { bytes[bounds[index] + offset] }

  /// Whether the string at `index` is `other`.
  func string(at index: Int, equals other: UnsafeBufferPointer<UInt8>) -> Bool {
    let range = bounds[index]..<bounds[index + 1]
    return range.count == other.count
      && bytes.withUnsafeBufferPointer { UnsafeBufferPointer(rebasing: $0[range]).elementsEqual(other) }
  }

  /// Makes room for `count` strings.
  package mutating func reserveCapacity(_ count: Int) { bounds.reserveCapacity(count + 1) }
}
