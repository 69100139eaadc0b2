import Foundation
import Storage
import Testing
import Tokenization

/// Files the tests read.
enum Fixture {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

  static let smolLM2 = Result { try Tokenizer(tokenizerJSON: try json("smollm2-tokenizer.json")) }
  static let texts = cases("texts.json") { $0 }
  /// A small tokenizer that, unlike SmolLM2's, has a token for every byte.
  static let everyByte = Result { () throws -> Tokenizer in
    let file = try pipelines.get()
    let model: JSON = ["type": "BPE", "vocab": JSON(file["vocab"]), "merges": JSON(file["merges"])]
    return try makeTokenizer(TokenizationErrorTests.valid.setting("model", model).setting("added_tokens", []))
  }
  static let pipelines = Result { try json("pipelines.json").root }

  /// A fixture by its name.
  static func json(_ name: String) throws -> JSONDocument {
    try json(at: folder.appending(path: name))
  }

  static func json(at file: URL) throws -> JSONDocument {
    try JSONDocument(parsing: Array(try Data(contentsOf: file)), source: file.lastPathComponent)
  }

  /// The elements of a fixture, or of an array in it, as arguments of a test; none, and a failure, if it cannot be read.
  static func cases(_ name: String, _ list: (JSONValue) -> JSONValue?) -> [Case] {
    guard let values = try? list(json(name).root)?.elements, !values.isEmpty else {
      Issue.record("the fixture \(name) cannot be read")
      return []
    }
    return values.map(Case.init)
  }

  /// A file of `../shared/data`, or nil with a line that says so.
  static func shared(_ path: String) -> URL? {
    let file = folder.appending(path: "../../../../shared/data/\(path)").standardizedFileURL
    if FileManager.default.fileExists(atPath: file.path) { return file }
    print("skipped: ../shared/data/\(path) is not here")
    return nil
  }
}

/// One entry of a fixture.
struct Case: Sendable, CustomTestStringConvertible {
  var value: JSONValue

  var name: String { value["text"]?.string ?? "" }
  var testDescription: String { String(name.debugDescription.prefix(40)) }

  subscript(key: String) -> JSONValue? { value[key] }
}

extension JSON {
  /// A copy of `value`, or null.
  init(_ value: JSONValue?) { self = value.map { JSON($0) } ?? .null }
}

extension JSONValue {
  /// The numbers of an array.
  var ids: [Int32] { elements.compactMap { $0.int.map(Int32.init) } }
}

/// The tokenizer of a `tokenizer.json` given as a value.
func makeTokenizer(_ json: JSON, config: JSON? = nil) throws -> Tokenizer {
  func document(_ json: JSON, _ source: String) throws -> JSONDocument {
    try JSONDocument(parsing: json.serialized(), source: source)
  }
  return try Tokenizer(
    tokenizerJSON: document(json, "tokenizer.json"),
    configJSON: config.map { try document($0, "tokenizer_config.json") })
}

extension JSON {
  /// The object with one member set, or removed with nil.
  func setting(_ key: String, _ value: JSON?) -> JSON {
    guard case .object(var members) = self else { return self }
    members[key] = value
    return .object(members)
  }
}

/// Expects that the first ids of each text, asked for by themselves, are the first of all of its ids.
func expectBeginnings(_ texts: [String], _ ids: [[Int32]], _ tokenizer: Tokenizer) throws {
  for (text, ids) in zip(texts, ids) {
    for count in 0...ids.count + 1 {
      #expect(
        try tokenizer.encode(Array(text.utf8), first: count) == Array(ids.prefix(count)),
        "\(text.debugDescription)")
    }
  }
}
