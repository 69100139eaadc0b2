import Foundation
import Storage
import Testing

/// A run of the built `profs` command.
struct Transcript {
  var status: Int32
  var output: String
  var errors: String

  /// The command's own executable, which is built beside the tests.
  static let executable: URL = {
    let main = Bundle.main.executableURL ?? URL(filePath: CommandLine.arguments[0])
    let folders =
      [main.deletingLastPathComponent()] + Bundle.allBundles.map { $0.bundleURL.deletingLastPathComponent() }
    let found = folders.map { $0.appending(path: "profs") }.first {
      FileManager.default.isExecutableFile(atPath: $0.path)
    }
    return found ?? main
  }()

  /// Runs `profs` in `folder`.
  ///
  /// - Parameter addressSpace: the most that it may take, in KiB; no limit where it is `nil`.
  init(
    _ arguments: [String], in folder: TemporaryFolder, environment: [String: String] = [:],
    addressSpace: Int? = nil
  ) throws {
    let process = try Self.launch(arguments, in: folder, environment: environment, addressSpace: addressSpace)
    process.waitUntilExit()
    try self.init(process, folder)
  }

  /// What an ended process has left in `folder`.
  init(_ process: Process, _ folder: TemporaryFolder) throws {
    status = process.terminationStatus
    output = String(decoding: try Data(contentsOf: folder.url("stdout", log: true)), as: UTF8.self)
    errors = String(decoding: try Data(contentsOf: folder.url("stderr", log: true)), as: UTF8.self)
  }

  /// Starts `profs`, its output going to files, which unlike pipes never fill up.
  ///
  /// - Parameter environment: variables beside those of the tests.
  static func launch(
    _ arguments: [String], in folder: TemporaryFolder, input: FileHandle? = nil,
    environment: [String: String] = [:], addressSpace: Int? = nil
  ) throws -> Process {
    let process = Process()
    if let input { process.standardInput = input }
    process.executableURL = executable
    process.arguments = arguments
    if let addressSpace {
      process.executableURL = URL(filePath: "/bin/sh")
      process.arguments =
        ["-c", "ulimit -v \(addressSpace); exec \"$0\" \"$@\"", executable.path] + arguments
    }
    process.currentDirectoryURL = URL(filePath: folder.path)
    process.environment = ProcessInfo.processInfo.environment.merging(["COLUMNS": "100"]) { $1 }
      .merging(environment) { $1 }
    for (name, stream) in [("stdout", \Process.standardOutput), ("stderr", \Process.standardError)] {
      let url = folder.url(name, log: true)
      try Data().write(to: url)
      process[keyPath: stream] = try FileHandle(forWritingTo: url)
    }
    try process.run()
    return process
  }

  /// Whether it is one line on standard error that holds all of `parts`, nothing on standard output, and exit code 1.
  func isOneSentence(_ parts: [String] = []) -> Bool {
    status == 1 && output.isEmpty && errors.hasPrefix("profs: error: ") && errors.hasSuffix("\n")
      && errors.count(where: \.isNewline) == 1 && parts.allSatisfy(errors.contains)
  }

  /// The JSON document that went to standard output.
  func json() throws -> JSONValue { try JSONDocument(parsing: Array(output.utf8), source: "stdout").root }
}

/// The sanitizer that the tests were built with, as `Scripts/test-sanitizers.sh` says.
enum Sanitizer {
  static let current = ProcessInfo.processInfo.environment["PROFS_SANITIZER"]
  /// Why a test skips that limits the address space.
  static let addressSpace: Comment = "a sanitizer takes terabytes of address space"
}

/// Fixtures of other targets.
enum Fixture {
  private static let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  static let help = tests.appending(path: "ProFSCommandsTests/Fixtures/help").path
  /// One of the tiny checkpoints: `llama-tied`, `llama-untied` (sharded), `llama-biases`.
  static func model(_ name: String) -> String {
    tests.appending(path: "TransformerTests/Fixtures/\(name)").path
  }
  /// A folder of task files, each with one small task.
  static let tasks = tests.appending(path: "EvaluationTests/Fixtures/tasks/files/hub").path
  /// What lm-evaluation-harness makes of them.
  static let taskScores = tests.appending(path: "EvaluationTests/Fixtures/tasks/tiny-scores.json").path
  /// Neutral texts for the recipe `protected`.
  static let neutral = tests.appending(path: "EditingTests/Fixtures/protected/neutral.jsonl").path
  static let pairs = tests.appending(path: "EditingTests/Fixtures/paper/pairs.jsonl").path
  /// Texts and embeddings of the sentence encoder.
  static let sentences = tests.appending(path: "ProFSCommandsTests/Fixtures/minilm").path
  /// The package's folder.
  static let root = tests.deletingLastPathComponent().path
}

/// A new empty folder for a command to run in, removed with its logs when the last reference goes.
final class TemporaryFolder: Sendable {
  private let root: String
  /// Where commands run.
  let path: String

  init() throws {
    root = FileManager.default.temporaryDirectory.appending(path: "profs-\(UUID().uuidString)").path
    path = root + "/work"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: root) }

  /// A file in the folder, or of the logs beside it.
  func url(_ name: String, log: Bool = false) -> URL {
    URL(filePath: log ? root : path).appending(path: name)
  }

  /// Every name in the folder, at any depth, hidden ones too.
  func contents() throws -> [String] { try FileManager.default.subpathsOfDirectory(atPath: path).sorted() }

  /// The bytes of every file below `name`, by path.
  func files(below name: String) throws -> [String: [UInt8]] {
    var found: [String: [UInt8]] = [:]
    for file in try FileManager.default.subpathsOfDirectory(atPath: url(name).path)
    where FileSystem.kind(of: url(name + "/" + file).path) == .file {
      found[file] = try read(name + "/" + file)
    }
    return found
  }

  /// Removes what is called `name`, where it is there.
  func remove(_ name: String) throws { try FileSystem.remove(url(name).path) }

  func read(_ name: String) throws -> [UInt8] { try [UInt8](Data(contentsOf: url(name))) }
  func write(_ bytes: [UInt8], _ name: String) throws { try Data(bytes).write(to: url(name)) }
  func write(_ text: String, _ name: String) throws { try write(Array(text.utf8), name) }

  /// Copies a tiny checkpoint as `name`.
  func copyModel(_ fixture: String, as name: String) throws {
    try FileManager.default.copyItem(atPath: Fixture.model(fixture), toPath: url(name).path)
  }
}
