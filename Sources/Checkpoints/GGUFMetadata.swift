internal import Storage

/// Metadata values of a GGUF file to be written, as the bytes that the format has for them; see ``GGUFFile``.
package struct GGUFMetadata: Sendable {
  /// Number of values.
  package private(set) var count = 0
  /// The keys that were added.
  package private(set) var keys: Set<String> = []
  /// Keys and values in order.
  package private(set) var bytes: [UInt8] = []

  /// No values.
  package init() {}

  /// The values of `file`, byte for byte.
  package init(of file: GGUFFile) throws {
    count = file.metadata.count
    keys = Set(file.metadata.map(\.key))
    bytes = try unsafe file.tensors.files[0].withBytes(file.metadataBytes) { unsafe Array($0) }
  }

  /// Adds a string.
  package mutating func add(_ key: String, _ value: String) {
    begin(key, .string)
    bytes.append(string: value.utf8)
  }

  /// Adds a number of 32 bits, as GGUF files state sizes and ids.
  package mutating func add(_ key: String, _ value: UInt32) {
    begin(key, .uint32)
    bytes.append(littleEndian: value)
  }

  /// Adds a single-precision number.
  package mutating func add(_ key: String, _ value: Float) {
    begin(key, .float32)
    bytes.append(littleEndian: value.bitPattern)
  }

  /// Adds a flag.
  package mutating func add(_ key: String, _ value: Bool) {
    begin(key, .bool)
    bytes.append(value ? 1 : 0)
  }

  /// Adds an array of strings, each given as its bytes.
  package mutating func add(_ key: String, _ values: [[UInt8]]) {
    beginArray(key, .string, values.count)
    for value in values { bytes.append(string: value) }
  }

  /// Adds an array of 32-bit numbers.
  package mutating func add(_ key: String, _ values: [Int32]) {
    beginArray(key, .int32, values.count)
    for value in values { bytes.append(littleEndian: value) }
  }

  /// Adds an array of single-precision numbers.
  package mutating func add(_ key: String, _ values: [Float]) {
    beginArray(key, .float32, values.count)
    for value in values { bytes.append(littleEndian: value.bitPattern) }
  }

  /// Adds an array of flags.
  package mutating func add(_ key: String, _ values: [Bool]) {
    beginArray(key, .bool, values.count)
    for value in values { bytes.append(value ? 1 : 0) }
  }

  private mutating func begin(_ key: String, _ type: GGUFValueType) {
    count += 1
    keys.insert(key)
    bytes.append(string: key.utf8)
    bytes.append(littleEndian: type.rawValue)
  }

  private mutating func beginArray(_ key: String, _ type: GGUFValueType, _ count: Int) {
    begin(key, .array)
    bytes.append(littleEndian: type.rawValue)
    bytes.append(littleEndian: UInt64(count))
  }
}

extension [UInt8] {
  /// Appends the bytes of a number.
  mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
    for shift in stride(from: 0, to: T.bitWidth, by: 8) { append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  /// Appends a string as GGUF has it: its length in bytes as 64 bits, then the bytes.
  mutating func append(string: some Collection<UInt8>) {
    append(littleEndian: UInt64(string.count))
    append(contentsOf: string)
  }
}
