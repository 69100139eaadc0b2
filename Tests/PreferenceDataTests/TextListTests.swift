import Foundation
import PreferenceData
import Testing

@Suite("Reading texts")
struct TextListTests {
  @Test("real prompt lists give the texts that Python reads from them", arguments: Goldens.shared.real.texts)
  func realData(golden: Goldens.Texts) throws {
    guard let path = sharedFile(golden.path) else { return }
    let texts = try TextList(path: path).texts
    #expect(texts.count == golden.count && fingerprint(texts) == golden.fingerprint)
  }

  @Test(
    "the n-th text is the n-th line, empty ones included",
    arguments: [
      ("a\nb\n", ["a", "b"]), ("a\nb", ["a", "b"]), ("a\r\nb\r\n", ["a", "b"]), ("\n", [""]),
      ("\na", ["", "a"]),
      ("a\n\n\nb\n\n", ["a", "", "", "b", ""]), (" a \t\n", [" a \t"]), ("\u{FEFF}a\n", ["a"]),
      ("a\rb\n", ["a\rb"]), ("a\u{2028}b\u{85}c\n", ["a\u{2028}b\u{85}c"]), ("\"a\",b\n", ["\"a\",b"]),
    ])
  func lines(content: String, texts: [String]) throws {
    #expect(try withFile("texts.txt", content.utf8) { try TextList(path: $0).texts } == texts)
    let first = try withFile("texts.txt", content.utf8) { try TextList(path: $0, limit: 2).texts }
    #expect(first == Array(texts.prefix(2)))
  }

  @Test(
    "a file that is read in pieces has the lines that it has as a whole, wherever the pieces end",
    arguments: ["\n", "\r\n"], ["texts.txt", "texts.jsonl"])
  func pieces(ending: String, name: String) throws {
    // Lines of every length around a piece of 1 MiB, one over three pieces, and one without an end.
    let piece = 1 << 20
    let lengths = [piece - 2, 0, 3, piece, piece - 1, 1, 3 * piece + 5, 7, piece - 9, 12]
    let texts = lengths.enumerated().map { index, length in
      String(repeating: ["a", "b", "c"][index % 3], count: length)
    }
    let isText = name.hasSuffix("txt")
    let lines = texts.map { isText ? $0 : "\"\($0)\"" }
    for content in [lines.joined(separator: ending), lines.map { $0 + ending }.joined()] {
      let found = try withFile(name, content.utf8) { try TextList(path: $0).texts }
      #expect(found.map(\.utf8.count) == lengths && found == texts)
    }
    // Errors still name their line.
    let damaged = Array((lines.joined(separator: ending) + ending).utf8) + [0xFF, 0x0A]
    #expect { try withFile(name, damaged) { try TextList(path: $0) } } throws: {
      "\($0)".contains(name) && ($0 as? PreferenceDataError)?.line == lengths.count + 1
    }
  }

  @Test("records give their text, or their prompt, nested as in RealToxicityPrompts or not")
  func records() throws {
    let lines = """
      {"text": "one", "prompt": "not this"}
      {"prompt": "two"}

      {"filename": "x", "prompt": {"text": "three\\n", "toxicity": 0.9}, "continuation": {"text": "no"}}
      "four"
      {"text": ""}
      """
    let expected = ["one", "two", "three\n", "four", ""]
    #expect(try withFile("texts.jsonl", lines.utf8) { try TextList(path: $0).texts } == expected)
    let array = "[" + lines.split(separator: "\n").joined(separator: ",\n") + "]"
    #expect(try withFile("texts.json", array.utf8) { try TextList(path: $0).texts } == expected)
  }

  @Test("records can be conversations, where these are asked for")
  func conversations() throws {
    let lines = #"""
      {"messages": [{"role": "user", "content": "Hi"}]}
      {"prompt": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
      {"text": "one", "messages": []}
      """#
    let question = ChatMessage(role: "user", content: "Hi")
    let expected: [Passage] = [
      .messages([question]), .messages([question, ChatMessage(role: "assistant", content: "Hello!")]),
      .text("one"),
    ]
    #expect(try withFile("texts.jsonl", lines.utf8) { try TextList.passages(path: $0) } == expected)
    let error = #expect(throws: PreferenceDataError.self) {
      try withFile("texts.jsonl", lines.utf8) { try TextList(path: $0) }
    }
    #expect(error?.line == 1 && error?.reason.contains("conversation") == true)
    #expect(throws: PreferenceDataError.self) {
      try withFile("texts.jsonl", #"{"messages": [{"role": "user"}]}"#.utf8) {
        try TextList.passages(path: $0)
      }
    }
  }

  @Test(
    "records without a text, empty files and other names are refused, with the line",
    arguments: [
      ("texts.jsonl", "{\"text\":\"a\"}\n{\"body\":\"b\"}", 2), ("texts.jsonl", "{\"text\":3}", 1),
      ("texts.jsonl", "{\"prompt\":{\"body\":\"b\"}}", 1), ("texts.jsonl", "{\"text\":", 1),
      ("texts.jsonl", "\n", nil),
      ("texts.json", "[\"a\",\n3]", 2), ("texts.txt", "", nil), ("texts.md", "a", nil), ("texts", "a", nil),
      (".gz", "a", nil),
    ] as [(String, String, Int?)])
  func refused(name: String, content: String, line: Int?) throws {
    let error = #expect(throws: PreferenceDataError.self) {
      try withFile(name, content.utf8) { _ = try TextList(path: $0) }
    }
    #expect(error?.line == line)
  }

  @Test("a line that is not UTF-8 is named")
  func encoding() throws {
    let error = #expect(throws: PreferenceDataError.self) {
      try withFile("texts.txt", Array("a\nb\n".utf8) + [0xC3, 0x28]) { _ = try TextList(path: $0) }
    }
    #expect(error?.line == 3)
  }

  @Test("packed files are read as Python's gzip reads them", arguments: Goldens.shared.packed)
  func packed(golden: Goldens.Packed) throws {
    let plain = try withFile("texts.txt", golden.text.utf8) { try TextList(path: $0) }
    #expect(try withFile("texts.txt.gz", golden.data) { try TextList(path: $0) } == plain)
    #expect(try withFile("TEXTS.TXT.GZ", golden.data) { try TextList(path: $0) } == plain)
  }

  @Test("packed files cut short or damaged anywhere, or not packed at all, are refused")
  func damagedPacking() throws {
    let golden = try #require(Goldens.shared.packed.first)
    for end in 0..<golden.data.count {
      #expect(throws: PreferenceDataError.self, "cut at \(end)") {
        try withFile("texts.txt.gz", golden.data.prefix(end)) { _ = try TextList(path: $0) }
      }
    }
    // Behind the ten bytes of header everything is covered by a checksum, but for the padding of the last
    // byte of packed data.
    let plain = try withFile("texts.txt.gz", golden.data) { try TextList(path: $0) }
    var refused = 0
    for position in 10..<golden.data.count {
      var damaged = Array(golden.data)
      damaged[position] ^= 0x10
      do {
        #expect(try withFile("texts.txt.gz", damaged) { try TextList(path: $0) } == plain)
      } catch is PreferenceDataError {
        refused += 1
      }
    }
    #expect(refused >= golden.data.count - 11)
    for content in [Array("plain text\n".utf8), Array(golden.data) + Array("rest".utf8)] {
      #expect(throws: PreferenceDataError.self) {
        try withFile("texts.txt.gz", content) { _ = try TextList(path: $0) }
      }
    }
  }

  @Test("a small file that unpacks to a huge one is refused before it does")
  func bomb() throws {
    let path = Goldens.folder.appending(path: "bomb.txt.gz").path(percentEncoded: false)
    let error = #expect(throws: PreferenceDataError.self) { try TextList(path: path) }
    #expect(error?.reason.contains("unpacks to more than") == true)
  }
}
