internal import Storage

/// Preference pairs read from a file, in its order.
///
/// `.jsonl` (one object a line), `.json` (an array of objects), `.csv` and `.tsv` (RFC 4180, with a header),
/// each also as `.gz`. Parts of a pair are found under the names of `PreferenceColumns`: `prompt`, `chosen`
/// and `rejected`; or those of Lee et al.; or as told. In JSON a part can be a list of messages, `{"role",
/// "content"}`, which stays a list. A missing, empty or null prompt means that the sides are whole texts.
public struct PreferenceFile: Sendable {
  /// The pairs.
  public let pairs: [PreferencePair]
  /// Lines of the pairs whose sides are the same, byte for byte.
  ///
  /// They are among `pairs`: they say nothing about a preference, but they count in the mean of a side, and
  /// some data sets have them, ParaDetox for one. A caller should mention them.
  public let identicalPairLines: [Int]

  /// Reads the pairs of a file.
  ///
  /// Throws, naming file and line, when it cannot be read or unpacked; is not what its name says, or not
  /// UTF-8; lacks a column; has a part that is neither text nor messages; has a pair with a side that is
  /// empty or white space; has no pair; or has only pairs whose sides are the same.
  public init(path: String, columns: PreferenceColumns? = nil) throws(PreferenceDataError) {
    var pairs: [PreferencePair] = []
    identicalPairLines = try Self.forEachPair(in: path, columns: columns) { pairs.append($0) }
    self.pairs = pairs
  }

  /// Calls `body` with one pair of a file after the other, so that those of a large file need not be held together.
  ///
  /// - Returns: ``identicalPairLines``.
  /// - Throws: as ``init(path:columns:)`` does, where a side is empty or all pairs have two equal sides not before the whole
  ///   file is read; and what `body` throws.
  package static func forEachPair(
    in path: String, columns: PreferenceColumns? = nil,
    _ body: @escaping (PreferencePair) throws(PreferenceDataError) -> Void
  ) throws(PreferenceDataError) -> [Int] {
    let file = try DataFile(path: path, formats: [.jsonl, .json, .csv, .tsv])
    var reader = PairReader(file: file, columns: columns, body: body)
    switch file.format {
    case .csv: try reader.readDelimited(by: UInt8(ascii: ","))
    case .tsv: try reader.readDelimited(by: UInt8(ascii: "\t"))
    default:
      try JSONRecords(file).forEach { value, line throws(PreferenceDataError) in
        try reader.read(value, line: line)
      }
    }
    if let (line, side) = reader.blank.first {
      let others = reader.blank.count == 1 ? "" : "; \(reader.blank.count - 1) more pairs have an empty side"
      throw file.error(line, "the \(side.rawValue) side is empty; fill it in or remove the pair\(others)")
    }
    guard reader.count > 0 else { throw file.error(nil, "there are no pairs in the file") }
    guard reader.identical.count < reader.count else {
      throw file.error(nil, "the two sides of every pair are the same; check which columns hold them")
    }
    return reader.identical
  }
}

/// Reads the pairs of one file.
private struct PairReader {
  let file: DataFile
  let columns: PreferenceColumns?
  let body: (PreferencePair) throws(PreferenceDataError) -> Void
  var count = 0
  /// Lines of pairs whose sides are the same.
  var identical: [Int] = []
  var blank: [(line: Int, side: PreferenceSide)] = []

  mutating func readDelimited(by delimiter: UInt8) throws(PreferenceDataError) {
    var text = DelimitedText(file, delimiter: delimiter)
    guard let (header, headerLine) = try text.next() else { return }
    guard let names = PreferenceColumns.find(columns, among: header) else {
      throw file.error(headerLine, PreferenceColumns.missing(columns, among: header))
    }
    func index(_ name: String) throws(PreferenceDataError) -> Int {
      guard let first = header.firstIndex(of: name), first == header.lastIndex(of: name) else {
        throw file.error(headerLine, "the column “\(name)” occurs more than once; rename one of them")
      }
      return first
    }
    let (chosen, rejected) = (try index(names.chosen), try index(names.rejected))
    var prompt: Int?
    if let name = names.prompt { prompt = try index(name) }
    while let (fields, line) = try text.next() {
      guard fields.count <= header.count else {
        throw file.error(
          line,
          "expected \(header.count) fields as in the header, found \(fields.count); "
            + "fields that hold the delimiter must be quoted")
      }
      // Fields that are missing at the end of a record are empty ones.
      func passage(_ index: Int) -> Passage { .text(index < fields.count ? fields[index] : "") }
      try add(
        PreferencePair(
          prompt: prompt.map(passage), chosen: passage(chosen), rejected: passage(rejected), line: line))
    }
  }

  mutating func read(_ value: JSONValue, line: Int) throws(PreferenceDataError) {
    guard value.kind == .object else {
      throw file.error(line, "expected an object with the two sides of a pair, found \(value.describe)")
    }
    let keys = value.members.map(\.key)
    guard let names = PreferenceColumns.find(columns, among: keys) else {
      throw file.error(line, PreferenceColumns.missing(columns, among: keys))
    }
    func passage(_ name: String) throws(PreferenceDataError) -> Passage? {
      guard let value = value[name], !value.isNull else { return nil }
      return try Passage(value, named: name, in: file, line: line)
    }
    var prompt: Passage?
    if let name = names.prompt { prompt = try passage(name) }
    let (chosen, rejected) = (try passage(names.chosen), try passage(names.rejected))
    try add(
      PreferencePair(
        prompt: prompt, chosen: chosen ?? .text(""), rejected: rejected ?? .text(""), line: line))
  }

  /// Hands on a pair, its prompt left out if empty, or takes note that it has a blank side.
  private mutating func add(_ pair: PreferencePair) throws(PreferenceDataError) {
    if let side = PreferenceSide.allCases.first(where: { pair[$0].isBlank }) {
      blank.append((pair.line, side))
      return
    }
    count += 1
    if pair.chosen.isIdentical(to: pair.rejected) { identical.append(pair.line) }
    // A file that is refused for a blank side is read on for the number of such pairs alone.
    guard blank.isEmpty else { return }
    let hasPrompt = pair.prompt.map { $0 != .text("") && $0 != .messages([]) } ?? false
    try body(
      hasPrompt ? pair : PreferencePair(chosen: pair.chosen, rejected: pair.rejected, line: pair.line))
  }
}
