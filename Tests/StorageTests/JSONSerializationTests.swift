import Storage
import Testing

@Suite("Writing JSON")
struct JSONSerializationTests {
  static let value: JSON = [
    "null": nil, "bool": true, "int": -42, "double": 0.5, "text": "a\"b\\c\n\u{1}é😀",
    "list": [1, [], [:]], "object": ["z": 1, "a": 2],
  ]

  @Test("One line without spaces")
  func compact() {
    let expected =
      #"{"null":null,"bool":true,"int":-42,"double":0.5,"text":"a\"b\\c\n\u0001é😀","list":[1,[],{}],"#
      + #""object":{"z":1,"a":2}}"#
    #expect(Self.value.serialized() == expected)
  }

  @Test("Indented by two spaces, one member or element a line")
  func pretty() {
    let value: JSON = ["a": [1, [:], []], "b": ["c": nil]]
    let expected = """
      {
        "a": [
          1,
          {},
          []
        ],
        "b": {
          "c": null
        }
      }
      """
    #expect(value.serialized(pretty: true) == expected)
  }

  @Test("What is written reads back as the same value", arguments: [false, true])
  func roundTrip(pretty: Bool) throws {
    let text = Self.value.serialized(pretty: pretty)
    #expect(JSON(try JSONDocument(parsing: text, source: "written").root) == Self.value)
  }

  @Test(
    "Doubles read back with the same bits",
    arguments: [
      0.1, -0.0, 1e-5, 1e-7, .leastNonzeroMagnitude, 1e21, 123456789012345680, .pi, .greatestFiniteMagnitude,
      .leastNormalMagnitude, .leastNormalMagnitude.nextDown,
    ] as [Double])
  func doubles(value: Double) throws {
    let text = JSON.double(value).serialized()
    let read = try JSONDocument(parsing: text, source: "written").root
    #expect(read.double?.bitPattern == value.bitPattern)
    #expect(JSON(read) == .double(value))
  }

  @Test("Numbers JSON cannot express are null", arguments: [Double.nan, .infinity, -.infinity])
  func nonFinite(value: Double) {
    #expect(JSON.double(value).serialized() == "null")
  }

  @Test(
    "Integers of any size keep their digits",
    arguments: ["0", "-0", "9223372036854775807", "-9223372036854775808", "1000000000000000019884624838656"])
  func integers(text: String) throws {
    #expect(JSON(try JSONDocument(parsing: text, source: "read").root).serialized() == text)
  }

  @Test("Members are set in place, appended and removed, and keep their order")
  func members() {
    var members = JSON.Members([(key: "b", value: 1), (key: "a", value: 2)])
    members["b"] = 3
    members["c"] = 4
    members["a"] = nil
    #expect(JSON.object(members).serialized() == #"{"b":3,"c":4}"#)
    #expect(members["a"] == nil)
    #expect(JSON.object(members)["c"] == 4)
  }
}
