package import Storage

/// A file that a command of profs wrote, recognised by what is in it.
package struct Record: Sendable {
  /// What a record holds.
  enum Content: Sendable {
    case evaluation(EvaluationRecord)
    case tuning(TuningRecord)
    case study(StudyRecord)
    case explanation(ExplanationRecord)
    case receipt(ReceiptRecord)
    case run(RunRecord)
  }

  /// The file's name, without its folder.
  let name: String
  /// What it holds.
  let content: Content

  /// Larger files are not read.
  private static let sizeLimit = 1 << 30

  /// Reads the record at `path`.
  ///
  /// - Throws: ``RecordError`` where it is none of those that a report shows; `StorageError` and `JSONError` where it cannot
  ///   be read at all.
  package init(path: String) throws {
    try self.init(
      JSONDocument(parsing: try FileSystem.readFile(path, limit: Self.sizeLimit), source: path).root,
      name: FileSystem.lastComponent(of: path))
  }

  /// The record that `root` is, called `name`.
  package init(_ root: JSONValue, name: String) throws {
    self.name = name
    let field = Field(root: root)
    guard root.kind == .object else { throw field.error(expected: "an object") }
    let keys = Set(try field.members.map(\.key))
    if let format = root["format"] {
      content = try Self.content(of: field, format: format.string ?? format.describe)
    } else if root["candidates"] != nil, root["front"] != nil {
      content = .tuning(try TuningRecord(field))
    } else if Self.isExplanation(root) {
      content = .explanation(try ExplanationRecord(field))
    } else if StudyRecord.isTraining(keys) {
      content = .study(try StudyRecord(training: field))
    } else if StudyRecord.isGradients(keys) {
      content = .study(try StudyRecord(gradients: field))
    } else if let run = try RunRecord(recognising: field) {
      content = .run(run)
    } else {
      throw RecordError(root.source, "holds no record that a report can show; " + Self.known)
    }
  }

  private static let known =
    "give files of profs eval --out, tune --out or study, a receipt profs.json, or what edit, apply, fit, dpo, gradients, "
    + "explain, perplexity, tasks, generate or verify print with --json"

  private static func content(of field: Field, format: String) throws -> Content {
    let source = field.source
    guard
      ["profs-evaluation", "profs-tuning", "profs-study", "profs-receipt", "profs-training"].contains(format)
    else {
      throw RecordError(
        source, "is of the format \"\(format.prefix(40))\", which a report does not show; " + known)
    }
    let version = try field.member("version").count
    guard version == 1 else {
      throw RecordError(
        source, "is of version \(version) of \(format), this profs reads version 1; use a newer profs")
    }
    switch format {
    case "profs-evaluation": return .evaluation(try EvaluationRecord(field))
    case "profs-tuning": return .tuning(try TuningRecord(field))
    case "profs-study": return .study(try StudyRecord(field))
    case "profs-training": return .run(try RunRecord(trainingReceipt: field))
    default: return .receipt(try ReceiptRecord(field))
    }
  }

  /// Blocks with directions, and nothing of a fit beside them.
  private static func isExplanation(_ root: JSONValue) -> Bool {
    root["blocks"]?.elements.first?["directions"] != nil
  }
}
