import Foundation
import PreferenceData
import Testing

/// What `Scripts/fixtures/preference_goldens.py` found with Python's csv, json and gzip.
struct Goldens: Decodable {
  struct Pairs: Decodable, Sendable, CustomTestStringConvertible {
    var path: String
    var columns: String?
    var count: Int
    var identical: Int
    var fingerprint: String
    var testDescription: String { path }
  }
  struct Texts: Decodable, Sendable, CustomTestStringConvertible {
    var path: String
    var count: Int
    var fingerprint: String
    var testDescription: String { path }
  }
  struct Real: Decodable {
    var pairs: [Pairs]
    var texts: [Texts]
  }
  struct Dialect: Decodable, Sendable, CustomTestStringConvertible {
    var name: String
    var format: String
    var text: String
    var pairs: [[String]]
    var testDescription: String { "\(name) (\(format))" }
  }
  struct Packed: Decodable, Sendable, CustomTestStringConvertible {
    var name: String
    var data: Data
    var text: String
    var testDescription: String { name }
  }

  var real: Real
  var dialect: [Dialect]
  var packed: [Packed]

  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

  static let shared: Goldens = {
    do {
      return try JSONDecoder().decode(
        Goldens.self, from: Data(contentsOf: folder.appending(path: "preference-goldens.json")))
    } catch {
      fatalError("the fixture cannot be read: \(error)")
    }
  }()
}

/// A file of ../shared/data, or nil with a line saying that the test is skipped.
func sharedFile(_ path: String) -> String? {
  let file = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../shared/data/\(path)").standardizedFileURL.path(percentEncoded: false)
  if FileManager.default.fileExists(atPath: file) { return file }
  print("skipped: ../shared/data/\(path) is not here")
  return nil
}

/// FNV-1a over the texts, each ended by a byte that UTF-8 does not use.
func fingerprint(_ texts: some Sequence<String>) -> String {
  var value: UInt64 = 0xCBF2_9CE4_8422_2325
  for text in texts {
    for byte in Array(text.utf8) + [0xFF] { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
  }
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: 16 - digits.count) + digits
}

/// Runs `body` with the path of a temporary file of that content and name.
func withFile<R>(_ name: String, _ content: some Sequence<UInt8>, _ body: (String) throws -> R) throws -> R {
  let folder = FileManager.default.temporaryDirectory.appending(path: "profs-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  let file = folder.appending(path: name)
  try Data(content).write(to: file)
  return try body(file.path(percentEncoded: false))
}

/// The error that reading pairs of such a file ends with.
func pairError(_ name: String, _ content: String, columns: PreferenceColumns? = nil) throws
  -> PreferenceDataError
{
  try #require(
    throws: PreferenceDataError.self,
    performing: { try withFile(name, content.utf8) { _ = try PreferenceFile(path: $0, columns: columns) } })
}
