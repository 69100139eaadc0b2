import Storage

/// The types of a GGUF metadata value, with the numbers that stand for them in the file.
package enum GGUFValueType: UInt32, Sendable {
  case uint8, int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

  /// Bytes of a value of fixed size; `nil` for strings and arrays.
  var byteCount: Int? {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    case .string, .array: nil
    }
  }

  /// Fewest bytes that a value can take: what bounds an array's count before anything is allocated.
  var leastByteCount: Int { byteCount ?? (self == .string ? 8 : 12) }
}

/// One metadata value of a GGUF file.
package enum GGUFValue: Sendable {
  case uint8(UInt8), int8(Int8), uint16(UInt16), int16(Int16), uint32(UInt32), int32(Int32)
  case uint64(UInt64), int64(Int64)
  case float32(Float), float64(Double)
  case bool(Bool)
  /// A string's bytes, which the format says are UTF-8.
  case string([UInt8])
  case array(GGUFArray)

  /// The value of any integer type, when it fits `Int`.
  package var int: Int? {
    switch self {
    case .uint8(let value): Int(value)
    case .int8(let value): Int(value)
    case .uint16(let value): Int(value)
    case .int16(let value): Int(value)
    case .uint32(let value): Int(value)
    case .int32(let value): Int(value)
    case .uint64(let value): Int(exactly: value)
    case .int64(let value): Int(value)
    default: nil
    }
  }

  /// The value of any number type.
  package var double: Double? {
    switch self {
    case .float32(let value): Double(value)
    case .float64(let value): value
    case .uint64(let value): Double(value)
    default: int.map { Double($0) }
    }
  }

  /// A boolean.
  package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

  /// A string's bytes.
  package var bytes: [UInt8]? { if case .string(let value) = self { value } else { nil } }

  /// A string whose bytes are UTF-8.
  package var string: String? { bytes.flatMap { String(validating: $0, as: UTF8.self) } }

  /// An array.
  package var array: GGUFArray? { if case .array(let value) = self { value } else { nil } }
}

/// An array in GGUF metadata, left in the mapped file: a vocabulary costs eight bytes a token, not a string
/// each.
package struct GGUFArray: Sendable {
  /// What is kept of the elements.
  enum Body: Sendable {
    /// Where the elements of fixed size lie in the file.
    case fixed(Range<Int>)
    /// Where each string's bytes begin, after the eight bytes of its length, and where those of one more
    /// would.
    case strings([Int])
    case arrays([GGUFArray])
  }

  /// The type of every element.
  package let elementType: GGUFValueType
  /// Number of elements.
  package let count: Int
  /// The file that the elements are in.
  let file: MappedFile
  /// Where they are.
  let body: Body

  /// The integers of an array of any integer type; `nil` for other arrays, or when one does not fit `Int`.
  package var ints: [Int]? {
    switch elementType {
    case .uint8: load(UInt8.self)?.map { Int($0) }
    case .int8: load(Int8.self)?.map { Int($0) }
    case .uint16: load(UInt16.self)?.map { Int($0) }
    case .int16: load(Int16.self)?.map { Int($0) }
    case .uint32: load(UInt32.self)?.map { Int($0) }
    case .int32: load(Int32.self)?.map { Int($0) }
    case .int64: load(Int64.self)?.map { Int($0) }
    case .uint64:
      load(UInt64.self).flatMap { $0.allSatisfy { $0 <= UInt64(Int.max) } ? $0.map { Int($0) } : nil }
    case .float32, .float64, .bool, .string, .array: nil
    }
  }

  /// The numbers of an array of float or integer type.
  package var doubles: [Double]? {
    switch elementType {
    case .float32: load(UInt32.self)?.map { Double(Float(bitPattern: $0)) }
    case .float64: load(UInt64.self)?.map { Double(bitPattern: $0) }
    case .uint64: load(UInt64.self)?.map { Double($0) }
    default: ints?.map { Double($0) }
    }
  }

  /// The values of an array of booleans; any byte but 0 is true.
  package var bools: [Bool]? { elementType == .bool ? load(UInt8.self)?.map { $0 != 0 } : nil }

  /// The arrays in an array of arrays.
  package var arrays: [GGUFArray]? { if case .arrays(let arrays) = body { arrays } else { nil } }

  /// The bytes of every string in an array of strings, one array each.
  package var strings: [[UInt8]]? {
    var result: [[UInt8]] = []
    result.reserveCapacity(count)
    let areStrings = try? unsafe forEachString { result.append(unsafe [UInt8]($0)) }
    return areStrings == true ? result : nil
  }

  /// Lends the bytes of each string in turn, without copying; false when the elements are no strings.
  ///
  /// Throws what `body` throws.
  package func forEachString(_ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Bool {
    guard case .strings(let starts) = self.body, let first = starts.first, let end = starts.last else {
      return false
    }
    try unsafe file.withBytes(first - 8..<end - 8) { bytes in
      for index in 0..<count {
        let range = starts[index] - first + 8..<starts[index + 1] - first
        try unsafe body(UnsafeRawBufferPointer(rebasing: bytes[range]))
      }
    }
    return true
  }

  /// The little-endian elements of fixed size.
  private func load<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) -> [T]? {
    guard case .fixed(let range) = body else { return nil }
    return try? unsafe file.withBytes(range) { bytes in
      (0..<count).map {
        T(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self))
      }
    }
  }
}
