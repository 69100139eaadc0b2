internal import Storage

/// The formats that pairs and texts are read from, told apart by the file's name.
enum DataFormat: String, CaseIterable {
  /// One JSON value a line.
  case jsonl
  /// One JSON array.
  case json
  /// Comma-separated values with a header line.
  case csv
  /// Tab-separated values with a header line.
  case tsv
  /// One text a line.
  case txt
}

/// The bytes of a data file, unpacked, without a byte order mark.
struct DataFile {
  /// Beyond this size something is wrong with a file.
  static let sizeLimit = 1 << 30

  /// Where the file lies, for messages.
  let path: String
  /// As its name says.
  let format: DataFormat
  /// All of it, or where lines are read as they come its beginning; not checked to be UTF-8.
  let bytes: [UInt8]
  /// What follows ``bytes`` in a file of lines that is not packed.
  private let rest: FileReader?

  /// Reads a file whose name ends in one of `formats`, optionally followed by `.gz`.
  ///
  /// Throws when the name ends otherwise, the file cannot be read or unpacked, is larger than `sizeLimit`,
  /// or is in UTF-16.
  init(path: String, formats: [DataFormat]) throws(PreferenceDataError) {
    var parts = FileSystem.lastComponent(of: path).lowercased().split(separator: ".")
    let isPacked = parts.last == "gz"
    if isPacked { parts.removeLast() }
    guard let format = parts.last.flatMap({ DataFormat(rawValue: String($0)) }), formats.contains(format)
    else {
      let names = formats.map { ".\($0.rawValue)" }.joined(separator: ", ")
      throw PreferenceDataError(
        file: path, reason: "the name must end in \(names), or one of these followed by .gz")
    }
    var bytes: [UInt8]
    var rest: FileReader?
    do {
      if !isPacked, format == .jsonl || format == .txt {
        let reader = try FileReader(path: path, limit: Self.sizeLimit)
        (bytes, rest) = (try reader.next(), reader)
      } else {
        bytes = try FileSystem.readFile(path, limit: Self.sizeLimit)
      }
    } catch {
      throw PreferenceDataError(file: path, reason: error.reason)
    }
    if isPacked { bytes = try Gzip.unpack(bytes, source: path) }
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
      throw PreferenceDataError(file: path, reason: "the file is in UTF-16; save it as UTF-8")
    }
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
    (self.path, self.format, self.bytes, self.rest) = (path, format, bytes, rest)
  }

  /// Calls `body` with each line and its number from 1; once.
  ///
  /// A line ends at a line feed, with or without a carriage return before it, which belongs to neither line;
  /// what follows the last line feed is a line unless it is empty.
  func forEachLine(
    _ body: (ArraySlice<UInt8>, Int) throws(PreferenceDataError) -> Void
  ) throws(PreferenceDataError) {
    var (held, searched, number) = (bytes, 0, 1)
    while true {
      let more: [UInt8]
      do { more = try rest?.next() ?? [] } catch { throw self.error(number, error.reason) }
      var start = 0
      while start < held.count {
        let found = held[max(start, searched)...].firstIndex(of: UInt8(ascii: "\n"))
        if found == nil, !more.isEmpty { break }
        let end = found ?? held.count
        let line = held[start..<end]
        try body(line.last == UInt8(ascii: "\r") ? line.dropLast() : line, number)
        (start, number) = (end + 1, number + 1)
      }
      if more.isEmpty { return }
      // The beginning of a line, in which there is no line feed.
      held.removeFirst(min(start, held.count))
      searched = held.count
      held += more
    }
  }

  /// The text of bytes that must be UTF-8.
  func text(_ bytes: ArraySlice<UInt8>, line: Int) throws(PreferenceDataError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw error(line, "the text is not UTF-8; convert the file to UTF-8")
    }
    return text
  }

  /// An error at a line of this file.
  func error(_ line: Int?, _ reason: String) -> PreferenceDataError {
    PreferenceDataError(file: path, line: line, reason: reason)
  }
}
