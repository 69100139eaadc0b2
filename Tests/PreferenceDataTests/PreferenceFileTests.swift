import Foundation
import PreferenceData
import Testing

@Suite("Reading preference pairs")
struct PreferenceFileTests {
  @Test("real data sets give the pairs that Python reads from them", arguments: Goldens.shared.real.pairs)
  func realData(golden: Goldens.Pairs) throws {
    guard let path = sharedFile(golden.path) else { return }
    let columns = try golden.columns.map { try PreferenceColumns(parsing: $0) }
    let file = try PreferenceFile(path: path, columns: columns)
    #expect(file.pairs.count == golden.count)
    #expect(file.identicalPairLines.count == golden.identical)
    #expect(file.pairs.allSatisfy { $0.prompt == nil })
    let texts = file.pairs.flatMap { [$0.text(of: .chosen) ?? "", $0.text(of: .rejected) ?? ""] }
    #expect(fingerprint(texts) == golden.fingerprint)
  }

  @Test(
    "quoting, line ends and column order are read as Python's csv reads them",
    arguments: Goldens.shared.dialect)
  func dialect(golden: Goldens.Dialect) throws {
    let file = try withFile("pairs.\(golden.format)", golden.text.utf8) { try PreferenceFile(path: $0) }
    #expect(file.pairs.map { [$0.chosen.text ?? "", $0.rejected.text ?? ""] } == golden.pairs)
  }

  @Test("lines are counted through quoted line breaks, blank lines and every kind of line end")
  func lineNumbers() throws {
    let text = "\nchosen,rejected\r\n\"a\nb\r\nc\",d\r\n\r\ne,f\rg,h\n"
    let file = try withFile("pairs.csv", text.utf8) { try PreferenceFile(path: $0) }
    #expect(file.pairs.map(\.line) == [3, 7, 8])
    let list = "[{\"chosen\": \"a\",\n\"rejected\": \"b\"},\n\n {\"chosen\": \"c\", \"rejected\": \"d\"}]"
    #expect(
      try withFile("pairs.json", list.utf8) { try PreferenceFile(path: $0).pairs.map(\.line) } == [1, 4])
    let lines = "\n{\"chosen\": \"a\", \"rejected\": \"b\"}\r\n  \t\n{\"chosen\": \"c\", \"rejected\": \"d\"}"
    #expect(
      try withFile("pairs.jsonl", lines.utf8) { try PreferenceFile(path: $0).pairs.map(\.line) } == [2, 4])
  }

  @Test("prompts are kept apart and put in front without anything between; empty ones are none")
  func prompts() throws {
    let lines = """
      {"prompt": "He said", "chosen": " hello", "rejected": " bye"}
      {"prompt": "", "chosen": "x", "rejected": "y"}
      {"prompt": null, "chosen": "x", "rejected": "y"}
      {"rejected": "y", "more": [1], "chosen": "x"}
      {"prompt_text": "The", "unpert_gen_text": " good", "pert_gen_text": " bad", "unpert_gen_toks": [1]}
      """
    let pairs = try withFile("pairs.jsonl", lines.utf8) { try PreferenceFile(path: $0).pairs }
    #expect(pairs.map { $0.text(of: .chosen) } == ["He said hello", "x", "x", "x", "The good"])
    #expect(pairs.map { $0.text(of: .rejected) } == ["He said bye", "y", "y", "y", "The bad"])
    #expect(pairs.map { $0.prompt?.text } == ["He said", nil, nil, nil, "The"])
  }

  @Test("conversations stay lists of messages, and are no text before a chat template made them one")
  func conversations() throws {
    let lines = """
      {"chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!", "id": 3}], \
      "rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Go away."}]}
      {"prompt": [{"role": "user", "content": "Hi"}], "chosen": "Hello!", "rejected": "Go away."}
      """
    let pairs = try withFile("chat.jsonl", lines.utf8) { try PreferenceFile(path: $0).pairs }
    let question = ChatMessage(role: "user", content: "Hi")
    #expect(pairs[0].chosen == .messages([question, ChatMessage(role: "assistant", content: "Hello!")]))
    #expect(pairs[0].prompt == nil && pairs[0].text(of: .chosen) == nil)
    #expect(pairs[1].prompt == .messages([question]) && pairs[1].rejected.text == "Go away.")
    #expect(pairs[1].text(of: .rejected) == nil)
  }

  @Test("prompt and side make one conversation where either is one, the prompt never twice")
  func joinedConversations() {
    func user(_ text: String) -> ChatMessage { ChatMessage(role: "user", content: text) }
    func assistant(_ text: String) -> ChatMessage { ChatMessage(role: "assistant", content: text) }
    let system = ChatMessage(role: "system", content: "Be kind.")
    let whole: Passage = .messages([user("Hi"), assistant("Hello!")])
    let cases: [(prompt: Passage?, side: Passage, joined: Passage)] = [
      (nil, .text("Hello!"), .text("Hello!")), (nil, whole, whole),
      (.text("Hi"), .text("Hello!"), .text("HiHello!")),
      (.messages([user("Hi")]), .text("Hello!"), whole),
      (.messages([user("Hi")]), .messages([assistant("Hello!")]), whole),
      (.messages([user("Hi")]), whole, whole),
      (.text("Hi"), .messages([assistant("Hello!")]), whole),
      (.text("Hi"), whole, whole),
      (
        .text("Hi"), .messages([system, user("Hi"), assistant("Hello!")]),
        .messages([system, user("Hi"), assistant("Hello!")])
      ),
      (
        .messages([system, user("Hi")]), .messages([user("Hi"), assistant("Hello!")]),
        .messages([system, user("Hi"), user("Hi"), assistant("Hello!")])
      ),
    ]
    for (prompt, side, joined) in cases {
      let pair = PreferencePair(prompt: prompt, chosen: side, rejected: .text("Go away."))
      #expect(pair.passage(of: .chosen) == joined)
      #expect(pair.text(of: .chosen) == joined.text)
    }
  }

  @Test("columns are read under the names given")
  func namedColumns() throws {
    let columns = try PreferenceColumns(parsing: "rejected=toxic,prompt=context,chosen=neutral1")
    #expect(columns == PreferenceColumns(prompt: "context", chosen: "neutral1", rejected: "toxic"))
    #expect(try PreferenceColumns(parsing: columns.description) == columns)
    let text = "toxic\tneutral1\tneutral2\tcontext\nb\ta\t\tof \nd\tc\n"
    let pairs = try withFile("pairs.tsv", text.utf8) { try PreferenceFile(path: $0, columns: columns).pairs }
    #expect(pairs.map { $0.text(of: .chosen) } == ["of a", "c"])
    #expect(pairs.map { $0.text(of: .rejected) } == ["of b", "d"])
  }

  @Test(
    "column settings that cannot be meant are refused",
    arguments: [
      "", "chosen", "chosen=a", "rejected=a", "chosen=a,rejected=", "chosen=a,rejected=a",
      "chosen=a,chosen=b,rejected=c",
      "chosen=a,rejected=b,side=c", "chosen=a,,rejected=b", "prompt=a,chosen=a,rejected=b",
    ])
  func badColumns(text: String) {
    #expect(throws: PreferenceDataError.self) { try PreferenceColumns(parsing: text) }
  }

  @Test("a missing column names the columns there are and the option that helps")
  func missingColumn() throws {
    let table = try pairError("pairs.tsv", "\ntoxic\tneutral1\nb\ta\n")
    #expect(table.line == 2 && table.file.hasSuffix("pairs.tsv"))
    #expect(table.reason.contains("“toxic”, “neutral1”") && table.reason.contains("--columns"))
    let object = try pairError(
      "pairs.jsonl", "{\"chosen\":\"a\",\"rejected\":\"b\"}\n{\"chosen\":\"a\",\"worse\":\"b\"}")
    #expect(object.line == 2 && object.reason.contains("“chosen”, “worse”"))
    let told = try pairError(
      "pairs.csv", "chosen,rejected\na,b\n", columns: PreferenceColumns(chosen: "chosen", rejected: "bad"))
    #expect(told.reason.contains("chosen=chosen,rejected=bad"))
    #expect(try pairError("pairs.csv", "chosen,rejected,chosen\na,b,c\n").reason.contains("more than once"))
  }

  @Test("an empty side is refused with its line and the number of others")
  func emptySides() throws {
    let table = try pairError("pairs.csv", "chosen,rejected\na,b\n\" \n\",d\n,\ne\n")
    #expect(table.line == 3 && table.reason.contains("chosen side is empty"))
    #expect(table.reason.contains("2 more"))
    for blank in ["\"\"", "\" \\u00a0\\n\"", "null", "[]", "[{\"role\":\"assistant\",\"content\":\"\"}]"] {
      let error = try pairError("pairs.jsonl", "{\"chosen\":\"a\",\"rejected\":\(blank)}")
      #expect(error.line == 1 && error.reason.contains("rejected side is empty"), "\(blank)")
    }
  }

  @Test(
    "pairs with equal sides are kept and reported; equality is by bytes; nothing but such pairs is refused")
  func equalSides() throws {
    let text = "chosen,rejected\na,a\na,b\né,e\u{301}\n"
    let file = try withFile("pairs.csv", text.utf8) { try PreferenceFile(path: $0) }
    #expect(file.pairs.count == 3 && file.identicalPairLines == [2])
    #expect(try pairError("pairs.csv", "chosen,rejected\na,a\nb,b\n").reason.contains("every pair"))
  }

  @Test(
    "what is not the format its name says is refused, with the line",
    arguments: [
      ("pairs.jsonl", "{\"chosen\":\"a\",\"rejected\":\"b\"}\n{\"chosen\":\"a\",\n\"rejected\":\"b\"}", 2),
      ("pairs.jsonl", "\n[1]", 2), ("pairs.jsonl", "3", 1),
      ("pairs.json", "[\n{\"chosen\":\"a\",\n\"rejected\" \"b\"}]", 3),
      ("pairs.json", "{\"chosen\":\"a\"}", 1),
      ("pairs.json", "[\n{\"chosen\":\"a\",\"rejected\":3}]", 2), ("pairs.json", "[\n\n7]", 3),
      ("pairs.jsonl", "{\"chosen\":[\"a\"],\"rejected\":\"b\"}", 1),
      ("pairs.jsonl", "{\"chosen\":[{\"role\":\"user\",\"content\":[]}],\"rejected\":\"b\"}", 1),
      ("pairs.csv", "chosen,rejected\na,b\nc,d,e\n", 3), ("pairs.csv", "chosen,rejected\n\"a\"b,c\n", 2),
      ("pairs.csv", "chosen,rejected\na,b\nc,\"d\n\n\n", 3), ("pairs.csv", "chosen,rejected\na,\"", 2),
      ("pairs.csv", "chosen,rejected\n\"a\n\"b,c\n", 3),
    ])
  func malformed(name: String, content: String, line: Int) throws {
    let error = try pairError(name, content)
    #expect(error.line == line && error.file.hasSuffix(name))
  }

  @Test(
    "empty files, unknown names, missing files and foreign encodings are refused",
    arguments: ["pairs.csv", "pairs.tsv", "pairs.jsonl", "pairs.json"])
  func unusable(name: String) throws {
    for empty in name.hasSuffix(".json") ? ["[]", " [ ] "] : ["", "\n", "\r\n\n"] {
      #expect(try pairError(name, empty).reason.contains("no pairs"))
    }
    if name == "pairs.csv" { #expect(try pairError(name, "chosen,rejected\n").reason.contains("no pairs")) }
    #expect(throws: PreferenceDataError.self) { try PreferenceFile(path: "/nonexistent/\(name)") }
    #expect(throws: PreferenceDataError.self) { try PreferenceFile(path: name + ".txt") }
    for bytes: [UInt8] in [[0xFF, 0xFE, 0x41, 0], [0xFE, 0xFF, 0, 0x41]] {
      let error = #expect(throws: PreferenceDataError.self) {
        try withFile(name, bytes) { _ = try PreferenceFile(path: $0) }
      }
      #expect(error?.reason.contains("UTF-16") == true)
    }
    let latin = Array("chosen,rejected\n".utf8) + [0x63, 0xE9, 0x2C, 0x61]
    let error = #expect(throws: PreferenceDataError.self) {
      try withFile("pairs.csv", latin) { _ = try PreferenceFile(path: $0) }
    }
    #expect(error?.line == 2 && error?.reason.contains("UTF-8") == true)
  }

  @Test("no file cut short anywhere or with any byte changed does worse than throw")
  func damaged() throws {
    let samples = [
      ("pairs.csv", "chosen,rejected\n\"a \"\"q\"\"\nb\",c\r\né,\"\"\"\"\n"),
      (
        "pairs.json",
        "[{\"prompt\":\"p\",\"chosen\":[{\"role\":\"u\",\"content\":\"\\u00e9\"}],\"rejected\":\"b\"}]"
      ),
      ("pairs.jsonl", "{\"chosen\":\"a\",\"rejected\":\"\\ud83d\"}\n{\"chosen\":\"a\",\"rejected\":\"b\"}\n"),
    ]
    for (name, text) in samples {
      let bytes = Array(text.utf8)
      for position in bytes.indices {
        for damaged in [Array(bytes[..<position])]
          + [UInt8]([0x00, 0x0A, 0x22, 0x2C, 0x5B, 0xFF]).map({ byte in
            var copy = bytes
            copy[position] = byte
            return copy
          })
        {
          do {
            let file = try withFile(name, damaged) { try PreferenceFile(path: $0) }
            #expect(!file.pairs.isEmpty)
          } catch let error as PreferenceDataError {
            #expect(error.file.hasSuffix(name) && error.line.map { $0 > 0 } ?? true)
          }
        }
      }
    }
  }
}
