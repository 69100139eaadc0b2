import Kernels
import Storage

/// Reads the parts of a GGUF file in order; `GGUFFile` documents the format.
struct GGUFParser {
  /// What was read.
  struct Result {
    /// 2 or 3.
    var version = 0
    /// Keys and values in file order.
    var metadata: [(key: String, value: GGUFValue)] = []
    /// Where each key stands in `metadata`.
    var indexByKey: [String: Int] = [:]
    /// Bytes that tensor data is aligned to; 32 where the file does not say.
    var alignment = 32
    /// Offset in the file from which tensor offsets are counted.
    var dataStart = 0
    /// Where the metadata values stand.
    var metadataBytes = 0..<0
    /// The tensors' names in the order of their descriptions.
    var describedNames: [String] = []
    /// The tensors by ascending offset.
    var entries: [TensorEntry] = []
  }

  private let file: MappedFile
  private let beginning: [UInt8]
  private var reader: ByteReader
  /// The key or tensor being read, for messages.
  private var subject: String?

  /// Deepest nesting of arrays that is read; files in use have one level.
  private static let depthLimit = 8
  /// Most dimensions of a tensor: the format's own limit.
  private static let dimensionLimit = 4

  /// Starts at the first byte of `file`, which `bytes` lends.
  @unsafe
  init(_ bytes: UnsafeRawBufferPointer, file: MappedFile) {
    self.file = file
    beginning = unsafe Array(bytes.prefix(64))
    reader = unsafe ByteReader(bytes, path: file.path)
  }

  /// Reads everything up to the tensor data.
  mutating func parse() throws -> Result {
    do {
      return try parseParts()
    } catch let error as StorageError {
      throw CheckpointError(path: error.path, subject: subject, offset: error.offset, reason: error.reason)
    }
  }

  private mutating func parseParts() throws -> Result {
    var result = Result()
    result.version = try version()
    // The least a tensor's description takes: its name's length, no dimensions, type and offset; and the
    // least a value takes: its key's length, type and one byte.
    let tensorCount = try reader.readCount(limit: reader.remaining / 24, "the number of tensors")
    let valueCount = try reader.readCount(limit: reader.remaining / 13, "the number of metadata values")
    let metadataStart = reader.offset
    for _ in 0..<valueCount {
      let (key, value) = try keyAndValue()
      if result.indexByKey.updateValue(result.metadata.count, forKey: key) != nil {
        throw fail("this key occurs twice")
      }
      result.metadata.append((key, value))
    }
    result.metadataBytes = metadataStart..<reader.offset
    result.alignment = try alignment(result)
    let descriptions = try (0..<tensorCount).map { _ in try tensor() }
    subject = nil
    result.describedNames = descriptions.map(\.name)
    let padding = (result.alignment - reader.offset % result.alignment) % result.alignment
    // A file with only a vocabulary may end at its last description.
    result.dataStart =
      tensorCount == 0 ? min(reader.offset + padding, file.byteCount) : reader.offset + padding
    result.entries = try descriptions.map { try $0.entry(result, file) }
      .sorted { ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound) }
    try checkOverlaps(result.entries)
    return result
  }

  // MARK: Start and metadata

  private mutating func version() throws -> Int {
    let magic = try reader.readBytes(4, "the magic number")
    guard magic == Array("GGUF".utf8) else {
      throw fail(
        "expected the file to begin with \"GGUF\", found the bytes \(magic)", at: 0,
        advice: CheckpointError.advice(forFileBeginning: beginning))
    }
    let version = try reader.read("the version", as: UInt32.self)
    if version != 0, version & 0xFFFF == 0 {
      throw fail(
        "this file is big-endian, for mainframes", at: 4,
        advice: "convert the model to a little-endian GGUF file")
    }
    guard version == 2 || version == 3 else {
      throw fail(
        "the format's version is \(version), but 2 and 3 can be read", at: 4,
        advice: "convert the model with a current llama.cpp")
    }
    return Int(version)
  }

  private mutating func keyAndValue() throws -> (key: String, value: GGUFValue) {
    subject = "a metadata key"
    let key = try utf8("the key")
    subject = "key \"\(key)\""
    let type = try valueType()
    return (key, try value(type, depth: 0))
  }

  private mutating func valueType() throws -> GGUFValueType {
    let offset = reader.offset
    let number = try reader.read("the value's type", as: UInt32.self)
    guard let type = GGUFValueType(rawValue: number) else {
      throw fail("the value's type is \(number), but types go from 0 to 12", at: offset)
    }
    return type
  }

  private mutating func value(_ type: GGUFValueType, depth: Int) throws -> GGUFValue {
    switch type {
    case .uint8: .uint8(try reader.read("a value"))
    case .int8: .int8(try reader.read("a value"))
    case .uint16: .uint16(try reader.read("a value"))
    case .int16: .int16(try reader.read("a value"))
    case .uint32: .uint32(try reader.read("a value"))
    case .int32: .int32(try reader.read("a value"))
    case .uint64: .uint64(try reader.read("a value"))
    case .int64: .int64(try reader.read("a value"))
    case .float32: .float32(Float(bitPattern: try reader.read("a value")))
    case .float64: .float64(Double(bitPattern: try reader.read("a value")))
    case .bool: .bool(try bool())
    case .string: .string(try reader.readBytes(try reader.readCount("a string's length"), "a string"))
    case .array: .array(try array(depth: depth))
    }
  }

  private mutating func bool() throws -> Bool {
    let byte: UInt8 = try reader.read("a value")
    guard byte <= 1 else { throw fail("expected 0 or 1 for a boolean, found \(byte)", at: reader.offset - 1) }
    return byte == 1
  }

  private mutating func array(depth: Int) throws -> GGUFArray {
    guard depth < Self.depthLimit else {
      throw fail("arrays are nested more than \(Self.depthLimit) deep")
    }
    let type = try valueType()
    let count = try reader.readCount(limit: reader.remaining / type.leastByteCount, "an array's count")
    let body: GGUFArray.Body
    switch type {
    case .string:
      var starts: [Int] = []
      starts.reserveCapacity(count + 1)
      for _ in 0..<count {
        let length = try reader.readCount("a string's length")
        starts.append(try reader.readRange(length, "a string").lowerBound)
      }
      starts.append(reader.offset + 8)
      body = .strings(starts)
    case .array:
      body = .arrays(try (0..<count).map { _ in try array(depth: depth + 1) })
    default:
      // The count was held against the bytes left, so the product is in range.
      body = .fixed(try reader.readRange(count * type.leastByteCount, "an array"))
    }
    return GGUFArray(elementType: type, count: count, file: file, body: body)
  }

  private func alignment(_ result: Result) throws -> Int {
    guard let index = result.indexByKey["general.alignment"] else { return 32 }
    guard let value = result.metadata[index].value.int, value > 0, value & (value - 1) == 0, value <= 1 << 30
    else {
      throw CheckpointError(
        path: file.path, subject: "key \"general.alignment\"",
        reason: "expected a power of two up to 2^30, found \(result.metadata[index].value)",
        advice: CheckpointError.fetchAgain)
    }
    return value
  }

  // MARK: Tensors

  /// What the file says of one tensor, before it is known where the data begins.
  private struct Description {
    let name: String
    let shape: [Int]
    let type: ElementType
    let offset: Int
    /// Where in the file the description stands.
    let place: Int

    func entry(_ result: Result, _ file: MappedFile) throws(CheckpointError) -> TensorEntry {
      func fail(_ reason: String) -> CheckpointError {
        CheckpointError(
          path: file.path, subject: "tensor \"\(name)\"", offset: place, reason: reason,
          advice: CheckpointError.fetchAgain)
      }
      guard offset % result.alignment == 0 else {
        throw fail("its offset is \(offset), not a multiple of the alignment \(result.alignment)")
      }
      guard let elements = TensorEntry.elementCount(of: shape) else {
        throw fail("the shape \(shape) has more elements than can be counted")
      }
      guard let count = type.byteCount(elements: elements) else {
        throw fail(
          "the shape \(shape) is not whole blocks of the \(type.blockElements) elements of \(type.name)")
      }
      guard offset <= file.byteCount, result.dataStart <= file.byteCount - offset,
        count <= file.byteCount - offset - result.dataStart
      else {
        throw fail(
          "\(count) bytes at offset \(offset) of the data, which begins at \(result.dataStart), "
            + "go beyond the end of the file at \(file.byteCount)")
      }
      let start = result.dataStart + offset
      return TensorEntry(name: name, shape: shape, type: type, file: 0, bytes: start..<start + count)
    }
  }

  private mutating func tensor() throws -> Description {
    subject = "a tensor's description"
    let place = reader.offset
    let name = try utf8("the name")
    subject = "tensor \"\(name)\""
    let rank = try reader.read("the number of dimensions", as: UInt32.self)
    guard rank <= Self.dimensionLimit else {
      throw fail("it has \(rank) dimensions, but at most \(Self.dimensionLimit) are possible", at: place)
    }
    let shape = try (0..<rank).map { _ in try reader.readCount("a dimension") }
    let typeOffset = reader.offset
    let number = try reader.read("the type", as: UInt32.self)
    guard let type = ElementType(ggmlNumber: number) else {
      let name =
        ElementType.unreadableGGMLNames[number].map { "\($0) (\(number))" }
        ?? "number \(number), which is unknown"
      throw fail(
        "its type is \(name); that cannot be read", at: typeOffset,
        advice: "use a file of the same model in Q4_K_M, Q5_K_M, Q6_K, Q8_0, F16 or BF16")
    }
    let offset = try reader.readCount("the offset")
    return Description(name: name, shape: shape.reversed(), type: type, offset: offset, place: place)
  }

  private func checkOverlaps(_ entries: [TensorEntry]) throws(CheckpointError) {
    for (before, entry) in zip(entries, entries.dropFirst())
    where entry.bytes.lowerBound < before.bytes.upperBound {
      throw CheckpointError(
        path: file.path, subject: "tensor \"\(entry.name)\"", offset: entry.bytes.lowerBound,
        reason:
          "its bytes begin inside those of tensor \"\(before.name)\", which end at \(before.bytes.upperBound)",
        advice: CheckpointError.fetchAgain)
    }
  }

  // MARK: Strings and errors

  private mutating func utf8(_ what: String) throws -> String {
    let length = try reader.readCount("the length of \(what)")
    let start = reader.offset
    let bytes = try reader.readBytes(length, what)
    guard let string = String(validating: bytes, as: UTF8.self) else {
      throw fail("\(what) is not UTF-8", at: start)
    }
    return string
  }

  private func fail(
    _ reason: String, at offset: Int? = nil, advice: String = CheckpointError.fetchAgain
  ) -> CheckpointError {
    CheckpointError(
      path: file.path, subject: subject, offset: offset ?? reader.offset, reason: reason, advice: advice)
  }
}
