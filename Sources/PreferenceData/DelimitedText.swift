/// A reader of comma- or tab-separated values (RFC 4180).
///
/// A field that starts with a quotation mark ends with one, and may hold delimiters, line breaks, and doubled
/// quotation marks for one. Elsewhere a quotation mark is a character like any other. Records end at a line
/// feed, a carriage return, or both; lines with nothing on them are no records. Spaces belong to the fields.
struct DelimitedText {
  private let file: DataFile
  private let delimiter: UInt8
  private var position = 0
  private var line = 1

  /// Reads `file` from its beginning.
  init(_ file: DataFile, delimiter: UInt8) {
    (self.file, self.delimiter) = (file, delimiter)
  }

  /// The next record and the line it starts on; nil at the end.
  ///
  /// Throws when a quoted field does not end, is followed by anything but a delimiter, or is not UTF-8.
  mutating func next() throws(PreferenceDataError) -> (fields: [String], line: Int)? {
    while position < file.bytes.count, isLineBreak(file.bytes[position]) { skipLineBreak() }
    guard position < file.bytes.count else { return nil }
    let start = line
    var fields: [String] = []
    while true {
      fields.append(try field())
      guard position < file.bytes.count else { break }
      if isLineBreak(file.bytes[position]) {
        skipLineBreak()
        break
      }
      position += 1  // the delimiter
    }
    return (fields, start)
  }

  private func isLineBreak(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
  }

  private mutating func skipLineBreak() {
    let isPair =
      file.bytes[position] == UInt8(ascii: "\r") && position + 1 < file.bytes.count
      && file.bytes[position + 1] == UInt8(ascii: "\n")
    position += isPair ? 2 : 1
    line += 1
  }

  /// One field; leaves the position at the delimiter or line break behind it, or at the end.
  private mutating func field() throws(PreferenceDataError) -> String {
    if position < file.bytes.count, file.bytes[position] == UInt8(ascii: "\"") { return try quotedField() }
    let bytes = file.bytes[position...]
    let end = bytes.firstIndex { $0 == delimiter || isLineBreak($0) } ?? bytes.endIndex
    position = end
    return try file.text(bytes[..<end], line: line)
  }

  private mutating func quotedField() throws(PreferenceDataError) -> String {
    let start = line
    var content: [UInt8] = []
    position += 1
    while position < file.bytes.count {
      let rest = file.bytes[position...]
      let quote = rest.firstIndex(of: UInt8(ascii: "\"")) ?? rest.endIndex
      content += rest[..<quote]
      line += lineBreaks(in: rest[..<quote])
      position = quote + 1
      guard position <= file.bytes.count else { break }
      guard position < file.bytes.count, file.bytes[position] == UInt8(ascii: "\"") else {
        if position == file.bytes.count || file.bytes[position] == delimiter
          || isLineBreak(file.bytes[position])
        {
          return try file.text(content[...], line: start)
        }
        throw file.error(
          line,
          "expected a delimiter after the closing quotation mark of a field; "
            + "double the quotation marks inside quoted fields")
      }
      content.append(UInt8(ascii: "\""))
      position += 1
    }
    throw file.error(start, "a quotation mark opens a field here and none closes it")
  }

  /// Number of line breaks, a carriage return with its line feed counting once.
  private func lineBreaks(in bytes: ArraySlice<UInt8>) -> Int {
    var (count, afterReturn) = (0, false)
    for byte in bytes {
      if byte == UInt8(ascii: "\r") || (byte == UInt8(ascii: "\n") && !afterReturn) { count += 1 }
      afterReturn = byte == UInt8(ascii: "\r")
    }
    return count
  }
}
