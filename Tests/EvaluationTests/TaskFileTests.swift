import Crypto
import Evaluation
import Foundation
import Storage
import Testing

/// Files and folders of the task tests.
enum TaskFixture {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/tasks")
  static let shared = folder.appending(path: "../../../../../shared/data/zeroshot").standardizedFileURL.path
  static let hasShared = FileManager.default.fileExists(atPath: shared)

  static func json(_ name: String) throws -> JSONValue {
    try JSONDocument(
      parsing: try FileSystem.readFile(folder.appending(path: name).path, limit: 1 << 20), source: name
    ).root
  }

  static func file(_ name: String) -> String { folder.appending(path: "files/" + name).path }

  /// The questions of one file, whose task must be recognised.
  static func questions(_ name: String) throws -> TaskSet {
    let sets = try TaskFolder(path: file(name)).questions()
    return try #require(sets.count == 1 ? sets.first : nil)
  }

  /// Calls `body` with a new folder, which is removed afterwards.
  static func withFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "profs-tasks-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }
}

/// What is read from task files, against what lm-evaluation-harness makes of the same questions.
@Suite("Task files")
struct TaskFileTests {
  static func files() throws -> [String] {
    try TaskFixture.json("prompts.json").elements.compactMap { $0["file"]?.string }
  }

  @Test("every format gives the harness's contexts and continuations, byte for byte", arguments: try files())
  func prompts(_ name: String) throws {
    let golden = try #require(
      try TaskFixture.json("prompts.json").elements.first { $0["file"]?.string == name })
    let set = try TaskFixture.questions(name)
    #expect(set.task.rawValue == golden["task"]?.string)
    let questions = golden["questions"]?.elements ?? []
    #expect(set.items.count == questions.count && !questions.isEmpty)
    for (item, question) in zip(set.items, questions) {
      let requests = question["requests"]?.elements.map { $0.elements.compactMap(\.utf8) } ?? []
      #expect(item.candidates.map { [Array($0.context.utf8), Array($0.continuation.utf8)] } == requests)
      #expect(item.candidates.map(\.byteLength) == question["bytes"]?.elements.compactMap(\.int))
      #expect(item.gold == question["gold"]?.int)
    }
  }

  @Test(
    "the shared files give the harness's texts, all of them",
    .enabled(if: TaskFixture.hasShared, "../shared/data/zeroshot is absent"),
    arguments: try TaskFixture.json("shared-prompts.json").members.map(\.key))
  func sharedPrompts(_ name: String) throws {
    let golden = try #require(try TaskFixture.json("shared-prompts.json")[name])
    let task = try #require(ZeroShotTask(rawValue: name))
    let set = try #require(try TaskFolder(path: TaskFixture.shared).questions(of: [task]).first)
    #expect(set.path.hasSuffix(try #require(golden["file"]?.string)))
    #expect(set.items.count == golden["questions"]?.int)
    let blocks = golden["blocks"]?.elements.compactMap(\.string) ?? []
    for (block, expected) in blocks.enumerated() {
      var hash = SHA256()
      for item in set.items.dropFirst(block * 50).prefix(50) {
        for candidate in item.candidates {
          hash.update(data: Data((candidate.context + "\0" + candidate.continuation + "\0").utf8))
        }
        let numbers = [item.gold] + item.candidates.map(\.byteLength)
        hash.update(data: Data(numbers.map(String.init).joined(separator: " ").utf8))
      }
      let digest = hash.finalize().prefix(8).map { String(format: "%02x", $0) }.joined()
      #expect(digest == expected, "questions from \(block * 50 + 1)")
    }
    #expect(blocks.count == (set.items.count + 49) / 50)
  }

  @Test("a limit takes the first questions")
  func limit() throws {
    let all = try TaskFixture.questions("lambada/lambada_test.jsonl")
    for limit in 1...7 {
      let some = try TaskFolder(path: TaskFixture.file("lambada")).questions(limit: limit)
      #expect(some.map(\.items) == [Array(all.items.prefix(limit))])
    }
  }

  @Test("of several files the split that the harness scores is taken, and none of a training split")
  func splits() throws {
    try TaskFixture.withFolder { folder in
      let boolQ = try Data(contentsOf: URL(filePath: TaskFixture.file("BoolQ/dev.jsonl")))
      let arc = try Data(contentsOf: URL(filePath: TaskFixture.file("hub/arc_easy.jsonl")))
      func found() throws -> [String] {
        try TaskFolder(path: folder.path).questions().map { URL(filePath: $0.path).lastPathComponent }
      }
      try boolQ.write(to: folder.appending(path: "boolq-train.jsonl"))
      #expect(throws: EvaluationError.self) { try found() }
      for (name, best) in [("test", "test"), ("x", "x"), ("dev", "dev")] {
        try boolQ.write(to: folder.appending(path: "boolq-\(name).jsonl"))
        #expect(try found() == ["boolq-\(best).jsonl"])
      }
      for (name, best) in [("dev", "dev"), ("x", "x"), ("test", "test")] {
        try arc.write(to: folder.appending(path: "ARC-Easy.\(name).jsonl"))
        #expect(try found() == ["boolq-dev.jsonl", "ARC-Easy.\(best).jsonl"])
      }
      try boolQ.write(to: folder.appending(path: "boolq-val.jsonl"))
      let error = try #require(throws: EvaluationError.self) { try found() }
      #expect(error.description.contains("boolq-dev.jsonl") && error.description.contains("boolq-val.jsonl"))
      // One that is given by itself is meant.
      let alone = try TaskFolder(path: folder.appending(path: "boolq-train.jsonl").path).questions()
      #expect(alone.map(\.task) == [.boolq])
    }
  }

  @Test("a form that several tasks share needs the task's name, anywhere in the path; others do not")
  func recognition() throws {
    try TaskFixture.withFolder { folder in
      func found(_ source: String, _ name: String) throws -> [ZeroShotTask] {
        let file = folder.appending(path: name)
        try FileManager.default.createDirectory(
          at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try FileManager.default.copyItem(at: URL(filePath: TaskFixture.file(source)), to: file)
        defer {
          try? FileManager.default.removeItem(at: folder.appending(path: name.split(separator: "/")[0]))
        }
        return try TaskFolder(path: folder.path).questions().map(\.task)
      }
      for (source, name, task) in [
        ("foundry/arc_challenge.jsonl", "a/arc-challenge/b/c.jsonl", ZeroShotTask.arcChallenge),
        ("foundry/arc_challenge.jsonl", "arc_easy/ARC Challenge.jsonl", .arcChallenge),
        ("winogrande_1.1/dev.jsonl", "a.jsonl", .winogrande), ("glue/RTE/dev.tsv", "a.tsv", .rte),
        ("hellaswag/hellaswag_val_full.txt", "a.txt", .hellaswag),
      ] {
        let tasks = try found(source, name)
        #expect(tasks == [task], "\(name)")
      }
      for (source, name) in [
        ("foundry/arc_challenge.jsonl", "a.jsonl"), ("foundry/lambada_openai.jsonl", "a.jsonl"),
        ("foundry/boolq.jsonl", "winogrande.jsonl"), ("hub/piqa.jsonl", "a.json"),
        ("glue/RTE/dev.tsv", "winogrande/a.tsv"), ("hub/piqa.jsonl", ".piqa.jsonl"),
        ("hub/piqa.jsonl", "1/2/3/4/piqa.jsonl"),
      ] {
        #expect(throws: EvaluationError.self, "\(name)") { try found(source, name) }
      }
    }
  }

  struct Fault: CustomTestStringConvertible, Sendable {
    var name: String
    var text: String
    var says: [String]
    var testDescription: String { name + ": " + says.joined(separator: ", ") }
  }

  static let faults = [
    Fault(
      name: "arc_easy.jsonl",
      text: #"{"query": "q", "choices": ["a", "b"], "gold": 0}"# + "\n\n"
        + #"{"query": "q", "choices": ["a", "b"], "gold": 2}"#, says: ["line 3", "index 2", "2 answers"]),
    Fault(
      name: "arc_easy.jsonl", text: #"{"query": "q", "choices": ["a", "b"], "gold": -1}"#,
      says: ["line 1", "index -1"]),
    Fault(
      name: "arc_easy.jsonl", text: #"{"query": "q", "choices": ["a", ""], "gold": 0}"#,
      says: ["line 1", "empty"]),
    Fault(
      name: "arc_easy.jsonl", text: #"{"query": "q", "choices": [], "gold": 0}"#,
      says: ["line 1", "0 answers"]),
    Fault(
      name: "piqa.jsonl", text: #"{"query": "q", "choices": ["a", 1], "gold": 0}"#,
      says: ["array of strings", "\"choices\""]),
    Fault(
      name: "piqa.jsonl", text: #"{"goal": "q", "sol1": "a", "sol2": "b"}"#, says: ["\"label\"", "no such"]),
    Fault(
      name: "boolq.jsonl", text: #"{"query": "q", "choices": ["no", "yes"], "gold": 0}"#,
      says: ["Passage: ", "\"query\""]),
    Fault(
      name: "boolq.jsonl", text: #"{"passage": "p", "question": "q", "label": 2}"#,
      says: ["0 or 1", "\"label\""]),
    Fault(
      name: "rte.jsonl", text: #"{"premise": "p", "hypothesis": "q", "label": "contradiction"}"#,
      says: ["\"label\"", "a string"]),
    Fault(name: "rte.tsv", text: "sentence1\tsentence2\tlabel\na\tb\t2\n", says: ["line 2", "found \"2\""]),
    Fault(name: "rte.tsv", text: "sentence1\tsentence2\tlabel\na\tb\n", says: ["line 2", "fields"]),
    Fault(name: "rte.tsv", text: "sentence1\tsentence2\tlabel\n\"a\tb\t1\n", says: ["line 2", "fields"]),
    Fault(name: "rte.tsv", text: "sentence1\tsentence2\tlabel\n", says: ["no questions"]),
    Fault(
      name: "w.jsonl", text: #"{"sentence": "s", "option1": "a", "option2": "b", "answer": "1"}"#,
      says: ["gap", "\"sentence\""]),
    Fault(
      name: "w.jsonl", text: #"{"sentence": "_", "option1": "a", "option2": "b", "answer": ""}"#,
      says: ["an integer", "\"answer\""]),
    Fault(
      name: "w.jsonl",
      text: #"{"sentence": "_ x", "option1": "a", "option2": "b", "answer": "9223372036854775808"}"#,
      says: ["an integer", "\"answer\""]),
    Fault(
      name: "w.jsonl",
      text: #"{"sentence": "_ x", "option1": "a", "option2": "b", "answer": "-9223372036854775808"}"#,
      says: ["line 1", "1 or 2"]),
    Fault(
      name: "arc_easy.jsonl",
      text: #"{"question": "q", "choices": {"text": ["a"], "label": ["A"]}, "answerKey": "B"}"#,
      says: ["\"answerKey\"", "\"A\""]),
    Fault(
      name: "arc_easy.jsonl", text: #"{"question": "q", "choices": {"text": ["a"]}, "answerKey": "B"}"#,
      says: ["\"choices\""]),
    Fault(name: "hellaswag.txt", text: "a: b\n0\nc\nd\ne\n", says: ["line 1", "six lines"]),
    Fault(
      name: "arc_easy.jsonl", text: #"{"query": "q", "choices": ["a"], "gold": 0}"# + "\n{", says: ["line 2"]),
  ]

  @Test("what is wrong in a file is said, with its place", arguments: faults)
  func refuses(_ fault: Fault) throws {
    try TaskFixture.withFolder { folder in
      try Data(fault.text.utf8).write(to: folder.appending(path: fault.name))
      let error = try #require(throws: EvaluationError.self) {
        try TaskFolder(path: folder.path).questions()
      }
      for part in [fault.name] + fault.says { #expect(error.description.contains(part), "\(error)") }
    }
  }

  @Test("files cut anywhere, and files with a byte changed, are read or refused", arguments: try files())
  func damaged(_ name: String) throws {
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: TaskFixture.file(name))))
    var seed = SystemRandomNumberGenerator()
    try TaskFixture.withFolder { folder in
      let copy = folder.appending(path: name.replacing("/", with: "-"))
      for place in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 100)) {
        var changed = bytes
        changed[place] = UInt8.random(in: .min ... .max, using: &seed)
        for variant in [Array(bytes[..<place]), changed] {
          try Data(variant).write(to: copy)
          do { _ = try TaskFolder(path: copy.path).questions() } catch is EvaluationError {}
        }
      }
    }
  }

  @Test("a folder that leads to itself ends the search")
  func endless() throws {
    try TaskFixture.withFolder { folder in
      for name in 0..<12 {
        try FileManager.default.createSymbolicLink(
          at: folder.appending(path: "\(name)"), withDestinationURL: folder)
      }
      let error = try #require(throws: EvaluationError.self) { try TaskFolder(path: folder.path) }
      #expect(error.description.contains("10000"))
    }
  }

  @Test("what is not there is said")
  func absent() throws {
    #expect(throws: EvaluationError.self) { try TaskFolder(path: "/no/such/folder") }
    let error = try #require(throws: EvaluationError.self) {
      try TaskFolder(path: TaskFixture.file("hub")).questions(of: [.rte])
    }
    #expect(error.description.contains("rte") && error.description.contains("arc_easy, openbookqa, piqa"))
  }
}
