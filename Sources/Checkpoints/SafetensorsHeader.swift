import Kernels
package import Storage

/// The header of one safetensors file: names, types, shapes and places of its tensors.
///
/// | bytes | content |
/// |---|---|
/// | 0–7 | n, the length of the header, u64 little-endian |
/// | 8 ..< 8 + n | JSON: `{"__metadata__": {…}, NAME: {"dtype", "shape", "data_offsets": [begin, end]}, …}`, padded with spaces |
/// | 8 + n … | tensors, little-endian, row-major; offsets count from here |
///
/// The tensors cover the data exactly: no overlap, no hole, nothing after the last.
package struct SafetensorsHeader: Sendable {
  /// The header's JSON text as it stands in the file, padding included: writing it again keeps it identical.
  package let text: [UInt8]
  /// The strings under `__metadata__`, in file order.
  package let metadata: [(key: String, value: String)]
  /// The tensors by place in the file; `bytes` are absolute.
  package let entries: [TensorEntry]

  /// Offset of the first tensor's bytes.
  package var dataStart: Int { 8 + text.count }

  /// The reference implementation's limit on the header.
  package static let byteLimit = 100_000_000

  /// Reads the header of `file`, which is number `index` of its store.
  ///
  /// Throws when the header is not the JSON above, names an unknown type, or does not cover the data exactly.
  package init(of file: MappedFile, index: Int) throws(CheckpointError) {
    let parser = SafetensorsHeaderParser(path: file.path, byteCount: file.byteCount, file: index)
    text = try CheckpointError.wrapping { try unsafe file.withBytes { try unsafe parser.text($0) } }
    (metadata, entries) = try parser.parse(text)
  }

  /// Reads the header of a whole file that is in memory; `path` names it in errors.
  package init(_ bytes: UnsafeRawBufferPointer, path: String) throws(CheckpointError) {
    let parser = SafetensorsHeaderParser(path: path, byteCount: bytes.count, file: 0)
    text = try CheckpointError.wrapping { try unsafe parser.text(bytes) }
    (metadata, entries) = try parser.parse(text)
  }
}

/// Reads the parts of one header; the fields are what its errors and checks need.
private struct SafetensorsHeaderParser {
  let path: String
  let byteCount: Int
  let file: Int

  /// The header's text, its length checked.
  func text(_ bytes: UnsafeRawBufferPointer) throws -> [UInt8] {
    var reader = unsafe ByteReader(bytes, path: path)
    let length = try reader.readCount("the header's length")
    guard length <= SafetensorsHeader.byteLimit, length <= reader.remaining else {
      throw fail(
        "the header's length is \(length), but \(reader.remaining) bytes follow and "
          + "\(SafetensorsHeader.byteLimit) are allowed",
        at: 0, advice: CheckpointError.advice(forFileBeginning: unsafe Array(bytes.prefix(64))))
    }
    return try reader.readBytes(length, "the header")
  }

  /// Reads the text.
  func parse(
    _ text: [UInt8]
  ) throws(CheckpointError) -> (metadata: [(key: String, value: String)], entries: [TensorEntry]) {
    let root: JSONValue
    do {
      root = try JSONDocument(parsing: text, source: path).root
    } catch {
      throw fail("the header is not valid JSON: \(error.reason)", at: 8 + error.offset)
    }
    guard root.kind == .object else {
      throw fail("the header must be a JSON object, but is \(root.describe)", at: 8)
    }
    var metadata: [(key: String, value: String)] = []
    var entries: [TensorEntry] = []
    let dataStart = 8 + text.count
    for (name, value) in root.members {
      if name == "__metadata__" {
        metadata = try self.metadata(value)
      } else {
        entries.append(try entry(name, value, dataStart: dataStart))
      }
    }
    // Empty tensors share a place with their neighbour: by end as well, and otherwise as the header has them.
    let order = entries.indices.sorted {
      let (a, b) = (entries[$0].bytes, entries[$1].bytes)
      return (a.lowerBound, a.upperBound, $0) < (b.lowerBound, b.upperBound, $1)
    }
    entries = order.map { entries[$0] }
    try checkCoverage(entries, dataStart: dataStart)
    return (metadata, entries)
  }

  private func metadata(_ value: JSONValue) throws(CheckpointError) -> [(key: String, value: String)] {
    guard value.kind == .object else {
      throw fail(
        "expected an object of strings, found \(value.describe)", in: "\"__metadata__\"", at: 8 + value.offset
      )
    }
    var result: [(key: String, value: String)] = []
    for (key, value) in value.members {
      guard let string = value.string else {
        throw fail(
          "expected a string for \"\(key)\", found \(value.describe)", in: "\"__metadata__\"",
          at: 8 + value.offset)
      }
      result.append((key, string))
    }
    return result
  }

  private func entry(
    _ name: String, _ value: JSONValue, dataStart: Int
  ) throws(CheckpointError) -> TensorEntry {
    let subject = "tensor \"\(name)\""
    let offset = 8 + value.offset
    guard let dtype = value["dtype"]?.string, let shape = integers(value["shape"]),
      let offsets = integers(value["data_offsets"]), offsets.count == 2
    else {
      throw fail(
        "expected an object with a string \"dtype\", an array of integers \"shape\" and two integers \"data_offsets\"",
        in: subject, at: offset)
    }
    guard let type = ElementType(safetensorsName: dtype) else {
      throw fail(
        "the type \"\(dtype)\" is not one that can be read", in: subject, at: offset,
        advice: "convert the checkpoint to F32, F16 or BF16")
    }
    guard offsets[0] >= 0, offsets[0] <= offsets[1], offsets[1] <= byteCount - dataStart else {
      throw fail(
        "its bytes are said to be \(offsets[0]) to \(offsets[1]) of the data, which has \(byteCount - dataStart)",
        in: subject, at: offset)
    }
    return TensorEntry(
      name: name, shape: shape, type: type, file: file, bytes: dataStart + offsets[0]..<dataStart + offsets[1]
    )
  }

  private func integers(_ value: JSONValue?) -> [Int]? {
    guard let value, value.kind == .array else { return nil }
    var result: [Int] = []
    for element in value.elements {
      guard let integer = element.int else { return nil }
      result.append(integer)
    }
    return result
  }

  private func checkCoverage(_ entries: [TensorEntry], dataStart: Int) throws(CheckpointError) {
    var end = dataStart
    for entry in entries {
      guard entry.bytes.lowerBound == end else {
        throw fail(
          "its bytes begin at \(entry.bytes.lowerBound), "
            + (entry.bytes.lowerBound < end
              ? "inside the tensor before it, which ends" : "after a hole that begins")
            + " at \(end)", in: "tensor \"\(entry.name)\"", at: entry.bytes.lowerBound)
      }
      end = entry.bytes.upperBound
    }
    guard end == byteCount else {
      throw fail("the last tensor ends here, but the file goes on to byte \(byteCount)", at: end)
    }
  }

  private func fail(
    _ reason: String, in subject: String? = nil, at offset: Int, advice: String = CheckpointError.fetchAgain
  ) -> CheckpointError {
    CheckpointError(path: path, subject: subject, offset: offset, reason: reason, advice: advice)
  }
}
