import Foundation
import Reporting
import Storage

/// The committed records, which `Scripts/fixtures/report_records.sh` writes.
enum Fixture {
  /// Their names without ending, in the order a person would give them.
  static let names = [
    "eval", "tune", "study", "explain", "generate", "tasks", "receipt", "verify", "fit", "edit", "perplexity",
    "dpo", "gradients", "trained",
  ]

  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

  static func path(_ name: String) -> String { folder.appending(path: name + ".json").path }

  static func text(_ name: String) throws -> String {
    String(decoding: try FileSystem.readFile(path(name), limit: 1 << 20), as: UTF8.self)
  }

  static func json(_ name: String) throws -> JSON {
    JSON(try JSONDocument(parsing: Array(text(name).utf8), source: name).root)
  }
}

extension Record {
  /// The record that `json` is.
  init(_ json: JSON, name: String = "record.json") throws {
    try self.init(text: json.serialized(), name: name)
  }

  /// The record in `text`.
  init(text: String, name: String = "record.json") throws {
    try self.init(JSONDocument(parsing: Array(text.utf8), source: name).root, name: name)
  }
}

/// The page made of `records`, with the words "damn" and "shit" masked.
func page(_ records: [Record]) throws -> String {
  try Report(records) {
    $0.replacingOccurrences(of: "damn", with: "d***").replacingOccurrences(of: "shit", with: "s***")
  }
  .html
}

extension JSON {
  /// The value with every string in it changed, but for those under the keys in `kept`.
  func mapStrings(keeping kept: Set<String>, _ change: (String) -> String) -> JSON {
    switch self {
    case .string(let text): .string(change(text))
    case .array(let elements): .array(elements.map { $0.mapStrings(keeping: kept, change) })
    case .object(let members):
      .object(
        members.list.map { member in
          (
            member.key,
            kept.contains(member.key) ? member.value : member.value.mapStrings(keeping: kept, change)
          )
        })
    default: self
    }
  }

  /// How many values there are in it, itself included.
  var size: Int {
    switch self {
    case .array(let elements): elements.reduce(1) { $0 + $1.size }
    case .object(let members): members.list.reduce(1) { $0 + $1.value.size }
    default: 1
    }
  }

  /// A copy in which the value of this number, counted from the outside, is `other`.
  func replacing(_ number: Int, with other: JSON) -> JSON {
    var visited = 0
    return replacing(number, with: other, &visited)
  }

  private func replacing(_ number: Int, with other: JSON, _ visited: inout Int) -> JSON {
    visited += 1
    if visited - 1 == number { return other }
    switch self {
    case .array(let elements): return .array(elements.map { $0.replacing(number, with: other, &visited) })
    case .object(let members):
      return .object(members.list.map { ($0.key, $0.value.replacing(number, with: other, &visited)) })
    default: return self
    }
  }
}
