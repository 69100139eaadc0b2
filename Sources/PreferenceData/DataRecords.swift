package import Storage

/// Records of a data file of any columns or keys, for tools that know them.
package enum DataRecords {
  /// The records of a `.csv` or `.tsv` file (also `.gz`), each as its fields by column.
  ///
  /// Fields that are missing at the end of a record are empty ones.
  /// Throws, naming file and line, when the file cannot be read, or has no header.
  package static func delimited(_ path: String) throws(PreferenceDataError) -> [[String: String]] {
    let file = try DataFile(path: path, formats: [.csv, .tsv])
    var text = DelimitedText(file, delimiter: UInt8(ascii: file.format == .csv ? "," : "\t"))
    guard let header = try text.next()?.fields else {
      throw file.error(nil, "expected a header line, found an empty file")
    }
    var records: [[String: String]] = []
    while let fields = try text.next()?.fields {
      var record: [String: String] = [:]
      for (index, column) in header.enumerated() {
        record[column] = index < fields.count ? fields[index] : ""
      }
      records.append(record)
    }
    return records
  }

  /// Calls `body` with each record of a `.jsonl` or `.json` file (also `.gz`) and the line it starts on.
  package static func json(
    _ path: String, _ body: (JSONValue, Int) throws(PreferenceDataError) -> Void
  ) throws(PreferenceDataError) {
    try JSONRecords(DataFile(path: path, formats: [.jsonl, .json])).forEach(body)
  }
}
