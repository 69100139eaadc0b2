import Storage
import Testing

@Suite("Reading JSON")
struct JSONDocumentTests {
  private func root(_ text: String) throws -> JSONValue {
    try JSONDocument(parsing: text, source: "test.json").root
  }

  static let sample = #"""
    {"name": "caf\u00e9 \ud83d\ude00", "empty": [], "none": {}, "list": [1, -2.5e3, true, false, null],
     "nested": {"a": {"b": ["x", {"c": 0}]}}, "e\"scaped\\": "\/\b\f\n\r\t"}
    """#

  @Test("Every kind of value is read, in order, at any depth")
  func kinds() throws {
    let value = try root(Self.sample)
    #expect(value.members.map(\.key) == ["name", "empty", "none", "list", "nested", "e\"scaped\\"])
    #expect(value.members.map(\.value.kind) == [.string, .array, .object, .array, .object, .string])
    #expect(value["name"]?.string == "café 😀")
    #expect(value["empty"]?.elements.isEmpty == true)
    #expect(value["none"]?.count == 0)
    let list = try #require(value["list"])
    #expect(list.elements.map(\.kind) == [.number, .number, .bool, .bool, .null])
    #expect(list.elements.map(\.double) == [1, -2500, nil, nil, nil])
    #expect(list.elements.map(\.bool) == [nil, nil, true, false, nil])
    #expect(value["nested"]?["a"]?["b"]?.elements[1]["c"]?.int == 0)
    #expect(value["e\"scaped\\"]?.utf8 == [0x2F, 0x08, 0x0C, 0x0A, 0x0D, 0x09])
    #expect(value["absent"] == nil)
    #expect(list["name"] == nil)
  }

  @Test("Offsets point at the first byte of a value")
  func offsets() throws {
    let value = try root(#"{"a": "x", "b":[ 7 ]}"#)
    #expect(value["a"]?.offset == 6)
    #expect(value["b"]?.offset == 15)
    #expect(value["b"]?.elements.first?.offset == 17)
  }

  @Test(
    "Integers are exact or nil",
    arguments: [
      ("0", 0), ("-0", 0), ("-12", -12), ("9223372036854775807", Int.max), ("9223372036854775808", nil),
      ("-9223372036854775808", Int.min), ("2.0", 2), ("1e3", 1000), ("2.5", nil), ("9007199254740993.0", nil),
      ("1e999", nil), ("\"1\"", nil), ("true", nil),
    ] as [(String, Int?)])
  func integers(text: String, expected: Int?) throws {
    #expect(try root(text).int == expected)
  }

  @Test(
    "Doubles are the nearest to their digits, or nil beyond the finite ones",
    arguments: [
      ("0.1", 0.1), ("-0", -0.0), ("1E-7", 1e-7), ("5e-324", .leastNonzeroMagnitude),
      ("2.2250738585072011e-308", .leastNormalMagnitude.nextDown),
      ("9007199254740993", 9007199254740992), ("1.7976931348623157e308", .greatestFiniteMagnitude),
      ("1e999", nil), ("-1e999", nil), ("null", nil),
    ] as [(String, Double?)])
  func doubles(text: String, expected: Double?) throws {
    #expect(try root(text).double?.bitPattern == expected?.bitPattern)
  }

  @Test(
    "Unpaired surrogate escapes become U+FFFD, pairs one scalar",
    arguments: [
      (#""\ud800""#, "\u{FFFD}"), (#""a\udc00b""#, "a\u{FFFD}b"),
      (#""\ud800\ud800\udc00""#, "\u{FFFD}\u{10000}"),
      (#""\ud83d\n""#, "\u{FFFD}\n"), (#""\udbff\udfff""#, "\u{10FFFF}"), (#""\u0000""#, "\0"),
      (#""\uD83D\u0041""#, "\u{FFFD}A"),
    ])
  func surrogates(text: String, expected: String) throws {
    #expect(try root(text).string?.unicodeScalars.elementsEqual(expected.unicodeScalars) == true)
  }

  @Test("A text cut at any byte is an error")
  func truncation() throws {
    let bytes = Array(Self.sample.utf8)
    _ = try JSONDocument(parsing: bytes, source: "whole")
    for count in 0..<bytes.count {
      #expect(throws: JSONError.self, "first \(count) bytes") {
        try JSONDocument(parsing: Array(bytes[..<count]), source: "cut")
      }
    }
  }

  @Test("Any byte replaced by any of these is read or refused, never a crash")
  func corruption() {
    let bytes = Array(Self.sample.utf8)
    for index in bytes.indices {
      for byte in [0x00, 0x22, 0x2C, 0x3A, 0x5B, 0x5C, 0x5D, 0x7B, 0x7D, 0x80, 0xE2, 0xFF] as [UInt8] {
        var damaged = bytes
        damaged[index] = byte
        if let value = try? JSONDocument(parsing: damaged, source: "damaged").root {
          #expect(!JSON(value).serialized().isEmpty)
        }
      }
    }
  }

  @Test(
    "What JSON does not allow is refused where it stands",
    arguments: [
      ("", 0, "a value"), ("  ", 2, "a value"), ("[1,]", 3, "a value"), ("[,1]", 1, "a value"),
      ("[1 2]", 3, "',' or ']'"), ("{\"a\" 1}", 5, "':'"), ("{\"a\":1,}", 7, "a key"), ("{a:1}", 1, "a key"),
      ("{\"a\":1]", 6, "',' or '}'"), ("[1}", 2, "',' or ']'"), ("1 2", 2, "the end of the text"),
      ("01", 1, "leading zeros"), ("-", 1, "a digit"), ("-a", 1, "a digit"), ("1.", 2, "a digit"),
      (".5", 0, "a value"), ("1e", 2, "a digit"), ("1e+", 3, "a digit"), ("+1", 0, "a value"),
      ("NaN", 0, "a value"), ("Infinity", 0, "a value"), ("nul", 3, "null"), ("truE", 3, "true"),
      ("'a'", 0, "a value"), ("\"a", 2, "end of a string"), ("\"\u{1}\"", 1, "control characters"),
      ("\"a\nb\"", 2, "control characters"), (#""\x""#, 2, "after '\\'"), (#""\u12g4""#, 5, "hexadecimal"),
      ("\u{FEFF}1", 0, "a value"), ("// c\n1", 0, "a value"), ("{\"a\":1,\"a\":2}", 7, "\"a\" again"),
      (#"{"a":1,"b":2,"\u0061":3}"#, 13, "\"a\" again"),
    ])
  func malformed(text: String, offset: Int, reason: String) {
    do {
      _ = try JSONDocument(parsing: text, source: "bad.json")
      Issue.record("\(text) was read")
    } catch {
      #expect(error.offset == offset)
      #expect(error.reason.contains(reason))
      #expect(error.description.hasPrefix("bad.json: line "))
    }
  }

  @Test(
    "Ill-formed UTF-8 in a string is refused",
    arguments: [
      [0x80], [0xC0, 0xAF], [0xC1, 0xBF], [0xC3], [0xC3, 0x28], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
      [0xE2, 0x82], [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF],
    ] as [[UInt8]])
  func illFormedUTF8(bytes: [UInt8]) {
    #expect(throws: JSONError.self) {
      try JSONDocument(parsing: [0x22] + bytes + [0x22], source: "bad.json")
    }
  }

  @Test("Well-formed UTF-8 of every length is kept")
  func wellFormedUTF8() throws {
    let text = "\u{80}\u{7FF}\u{800}\u{D7FF}\u{E000}\u{FFFF}\u{10000}\u{10FFFF}"
    #expect(try root("\"\(text)\"").utf8 == Array(text.utf8))
  }

  @Test("Nesting is read to the limit and refused beyond it", arguments: ["[]", "{}"])
  func depth(brackets: String) throws {
    let (open, close) = (brackets == "[]" ? "[" : "{\"k\":", String(brackets.suffix(1)))
    func nested(_ levels: Int) -> String {
      String(repeating: open, count: levels - 1) + brackets + String(repeating: close, count: levels - 1)
    }
    let limit = JSONDocument.depthLimit
    #expect(try root(nested(limit)).count == (limit > 1 ? 1 : 0))
    #expect(throws: JSONError.self) { try root(nested(limit + 1)) }
    #expect(throws: JSONError.self) { try root(String(repeating: "[", count: 1_000_000)) }
  }

  @Test("Errors name line and column")
  func position() {
    do {
      _ = try JSONDocument(parsing: "{\n  \"a\": 1,\n  \"b\": x\n}", source: "config.json")
      Issue.record("read")
    } catch {
      #expect(error.description == "config.json: line 3, column 8 (byte 19): expected a value, found 'x'")
    }
  }

  @Test("Keys that differ as bytes are different keys, though they are canonically equivalent")
  func canonicalEquivalence() throws {
    let value = try root("{\"\u{E9}\": 1, \"e\u{301}\": 2}")
    #expect(value["\u{E9}"]?.int == 1)
    #expect(value["e\u{301}"]?.int == 2)
  }

  @Test("An object of 100,000 keys is checked for duplicates and read")
  func largeObject() throws {
    let members = (0..<100_000).map { "\"k\($0)\":\($0)" }.joined(separator: ",")
    var sum = 0
    try root("{\(members)}").forEachMember { _, value in sum += value.int ?? 0 }
    #expect(sum == 100_000 * 99_999 / 2)
    #expect(throws: JSONError.self) { try root("{\(members),\"k7\":0}") }
  }
}
