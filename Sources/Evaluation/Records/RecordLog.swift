package import Kernels
package import Storage

/// The records of a long job, in one JSON file that is saved after every unit of work.
///
/// A run that was killed goes on where it stopped: what stands in the file is not computed again.
package final class RecordLog {
  private let path: String?
  private let format: Format
  private let settings: JSON
  private var units: JSON.Members
  // Two runs with one file would each save what the other has not.
  private let claim: OutputClaim?

  /// What a file of records holds.
  package struct Format: Sendable {
    /// Its name, as it stands in the file.
    package var name: String
    /// Its version, likewise.
    package var version: Int
    /// The job in a word, for messages, with its article.
    package var job: String

    /// A format of this name and version.
    package init(name: String, version: Int, job: String) {
      (self.name, self.version, self.job) = (name, version, job)
    }

    /// Records of `profs eval`.
    package static let evaluation = Format(name: "profs-evaluation", version: 1, job: "an evaluation")
  }

  private static let sizeLimit = 1 << 30

  /// Begins a log, or takes up the one at `path`.
  ///
  /// - Parameters:
  ///   - path: the file; kept in memory alone where `nil`.
  ///   - format: what the file holds.
  ///   - settings: all that the records depend on.
  ///   - ranks: the processes that make the records together. The first has the file, the others what it held.
  /// - Throws: ``EvaluationError`` where `path` holds the records of another job or of other settings, `StorageError`
  ///   where another run is at it or it cannot be written.
  package init(
    path: String?, _ format: Format = .evaluation, settings: JSON, ranks: Communicator = .alone
  ) throws {
    let path = ranks.isFirst ? path : nil
    (self.path, self.format) = (path, format)
    self.settings = settings
    units = JSON.Members()
    claim = try path.map { try OutputClaim($0) }
    if let path { units = try Self.units(in: path, format, settings) }
    guard ranks.size > 1 else { return }
    let text = ranks.broadcast(Array(JSON.object(units).serialized().utf8))
    if case .object(let known) = JSON(try JSONDocument(parsing: text, source: name).root) { units = known }
  }

  /// The units that the file at `path` holds, where there is one.
  private static func units(in path: String, _ format: Format, _ settings: JSON) throws -> JSON.Members {
    guard FileSystem.exists(path) else { return JSON.Members() }
    let document = try JSONDocument(
      parsing: try FileSystem.readFile(path, limit: sizeLimit), source: path)
    guard document.root["format"]?.string == format.name, document.root["version"]?.int == format.version
    else {
      throw EvaluationError(
        path, "is there already and holds no records of \(format.job); choose another file")
    }
    guard let found = document.root["settings"], JSON(found).serialized() == settings.serialized() else {
      throw EvaluationError(
        path, "holds \(format.job) of other models, data or settings; choose another file or remove it")
    }
    guard let found = document.root["units"], case .object(let members) = JSON(found) else {
      return JSON.Members()
    }
    return members
  }

  /// Units that the file held when the log was opened or that were computed since.
  package var count: Int { units.list.count }

  /// Whether a unit stands in the file, or was computed since.
  package func holds(_ name: String) -> Bool { units[name] != nil }

  /// The file, for messages.
  package var name: String { path ?? "records" }

  /// The record of a unit: from the file, or else computed and saved.
  package func unit(_ name: String, _ compute: () throws -> JSON) throws -> JSON {
    if let known = units[name] { return known }
    let record = try compute()
    units[name] = record
    try save(summary: nil)
    return record
  }

  /// A part of a record that this run or the file has.
  ///
  /// - Throws: ``EvaluationError`` where the file holds something else.
  package func read<Value>(_ record: JSON, _ decode: (JSON) -> Value?) throws -> Value {
    guard let value = decode(record) else {
      throw EvaluationError(
        name,
        "holds something other than a record of this version: \(record.serialized().prefix(80)); remove the file"
      )
    }
    return value
  }

  /// Adds what the records amount to.
  package func finish(summary: JSON) throws { try save(summary: summary) }

  /// The whole document.
  package func document(summary: JSON?) -> JSON {
    var members: [(key: String, value: JSON)] = [
      ("format", .string(format.name)), ("version", .int(format.version)), ("settings", settings),
    ]
    if let summary { members.append(("summary", summary)) }
    return .object(members + [("units", .object(units))])
  }

  private func save(summary: JSON?) throws {
    guard let path else { return }
    try AtomicFile.write(Array(document(summary: summary).serialized().utf8), to: path, replacing: true)
  }
}

extension JSON {
  /// A number, however it is written.
  package var number: Double? {
    switch self {
    case .int(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }

  /// The elements of an array; none for anything else.
  package var elements: [JSON] {
    if case .array(let elements) = self { elements } else { [] }
  }

  /// A string.
  package var text: String? {
    if case .string(let text) = self { text } else { nil }
  }
}
