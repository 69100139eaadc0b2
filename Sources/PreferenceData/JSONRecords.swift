internal import Storage

/// The records of a `.jsonl` file, one a line, or of a `.json` file, the elements of its array.
struct JSONRecords {
  private let file: DataFile

  /// The records of a file of either format.
  init(_ file: DataFile) { self.file = file }

  /// Calls `body` with each record and the line it starts on.
  ///
  /// Blank lines of a `.jsonl` are no records. Throws at the first that is not JSON, or when a `.json` holds
  /// no array.
  func forEach(
    _ body: (JSONValue, Int) throws(PreferenceDataError) -> Void
  ) throws(PreferenceDataError) {
    guard file.format == .json else {
      try file.forEachLine { bytes, line throws(PreferenceDataError) in
        if bytes.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) { return }
        try body(parse(Array(bytes), firstLine: line).root, line)
      }
      return
    }
    let root = try parse(file.bytes, firstLine: 1).root
    guard root.kind == .array else {
      throw file.error(
        1, "expected an array of records, found \(root.describe); one object a line is a .jsonl")
    }
    var (line, position) = (1, 0)
    for value in root.elements {
      line += file.bytes[position..<value.offset].count { $0 == UInt8(ascii: "\n") }
      position = value.offset
      try body(value, line)
    }
  }

  private func parse(_ bytes: [UInt8], firstLine: Int) throws(PreferenceDataError) -> JSONDocument {
    do { return try JSONDocument(parsing: bytes, source: file.path) } catch {
      throw file.error(firstLine + error.line - 1, "column \(error.column): \(error.reason)")
    }
  }
}
