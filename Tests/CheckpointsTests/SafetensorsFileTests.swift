import Checkpoints
import Storage
import Testing

@Suite struct SafetensorsFileTests {
  @Test("A file of the safetensors package is read bit for bit: every type, a single number, an empty tensor")
  func golden() throws {
    let file = try SafetensorsFile(path: Fixtures.path("types.safetensors"))
    try Fixtures.check(file.tensors, against: "types.safetensors")
    let expected = try #require(try Fixtures.expectation("types.safetensors")["metadata"]).members
    #expect(file.metadata.map(\.key) == expected.map(\.key))
    #expect(file.metadata.map(\.value) == expected.map(\.value.string))
    let starts = file.tensors.entries.map(\.bytes.lowerBound)
    #expect(starts == starts.sorted() && starts.first == file.header.dataStart)
  }

  @Test("Metadata keeps its order, and tensors come in the order of their bytes, not of the header")
  func order() throws {
    let header = """
      {"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]},"__metadata__":{"z":"1","a":"2","m":""},\
      "a":{"dtype":"I8","shape":[3],"data_offsets":[0,3],"more":[]}}\u{20}\u{20}
      """
    let scratch = try Scratch()
    let file = try SafetensorsFile(path: scratch.write(safetensors(header, data: 5), "file"))
    #expect(file.tensors.entries.map(\.name) == ["a", "b"])
    #expect(file.metadata.map { "\($0.key)=\($0.value)" } == ["z=1", "a=2", "m="])
    #expect(try file.tensors.floats(try #require(file.tensors["b"])) == [3, 4])
    #expect(file.tensors["c"] == nil)
    #expect(file.header.text == Array(header.utf8))
  }

  @Test("A file without tensors is read")
  func noTensors() throws {
    let scratch = try Scratch()
    let file = try SafetensorsFile(path: scratch.write(safetensors("{}", data: 0), "file"))
    #expect(file.tensors.entries.isEmpty && file.metadata.isEmpty)
  }

  private static func one(_ shape: String, _ offsets: String, _ dtype: String = "\"U8\"") -> String {
    "{\"a\":{\"dtype\":\(dtype),\"shape\":\(shape),\"data_offsets\":\(offsets)}}"
  }

  private static let pair = "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":"

  @Test(
    "A malformed header is refused with the tensor and the reason",
    arguments: [
      ("[]", 0, "must be a JSON object, but is an array"),
      ("{", 0, "not valid JSON"),
      ("{} x", 0, "not valid JSON"),
      ("{\"a\":1}", 0, "tensor \"a\": at byte 13: expected an object with"),
      (
        "{\"__metadata__\":[]}", 0,
        "\"__metadata__\": at byte 24: expected an object of strings, found an array"
      ),
      ("{\"__metadata__\":{\"k\":1}}", 0, "expected a string for \"k\", found a number"),
      (one("[4]", "[0,4]", "\"F4\""), 4, "the type \"F4\" is not one that can be read"),
      (one("[4]", "[0,4]", "\"Q4_0\""), 4, "the type \"Q4_0\" is not one that can be read"),
      (one("[4]", "[0,4]", "3"), 4, "tensor \"a\""),
      (one("[4]", "[0]"), 4, "two integers"),
      (one("[4]", "[0,4,4]"), 4, "two integers"),
      (one("[4.5]", "[0,4]"), 4, "array of integers \"shape\""),
      (one("4", "[0,4]"), 4, "array of integers \"shape\""),
      (one("[5]", "[0,4]"), 4, "needs 5 bytes, but 4 are given"),
      (one("[1]", "[0,4]", "\"F64\""), 4, "needs 8 bytes, but 4 are given"),
      (one("[-4]", "[0,4]"), 4, "more elements than can be counted"),
      (one("[4294967296,4294967296]", "[0,0]"), 0, "more elements than can be counted"),
      (one("[4294967296,2147483647]", "[0,4]", "\"F64\""), 4, "uncountably many bytes"),
      (one("[4]", "[0,5]"), 4, "0 to 5 of the data, which has 4"),
      (one("[4]", "[4,0]"), 4, "4 to 0 of the data"),
      (one("[4]", "[-1,3]"), 4, "-1 to 3 of the data"),
      (one("[4]", "[0,9223372036854775807]"), 4, "of the data, which has 4"),
      (one("[4]", "[0,18446744073709551616]"), 4, "two integers"),
      (one("[4]", "[1,5]"), 5, "after a hole that begins"),
      (one("[4]", "[0,4]"), 5, "goes on to byte"),
      (
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\(pair)[3,7]}}", 7,
        "inside the tensor before it"
      ),
      ("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\(pair)[5,9]}}", 9, "after a hole"),
      ("{\(pair)[0,4]},\(pair)[4,8]}}", 8, "not valid JSON"),
    ])
  func malformed(header: String, data: Int, text: String) throws {
    let scratch = try Scratch()
    let path = try scratch.write(safetensors(header, data: data), "file.safetensors")
    let error = #expect(throws: CheckpointError.self) { try SafetensorsFile(path: path) }
    let description = try #require(error).description
    #expect(description.hasPrefix(path) && description.contains(text), "\(description)")
  }

  @Test("A name that is not UTF-8 is refused")
  func notUTF8() throws {
    let header = Self.one("[4]", "[0,4]")
    var bytes = safetensors(header, data: 4)
    bytes[10] = 0xFF
    let scratch = try Scratch()
    let path = try scratch.write(bytes, "file")
    let error = #expect(throws: CheckpointError.self) { try SafetensorsFile(path: path) }
    #expect(error?.offset == 10)
  }

  @Test(
    "A header's length beyond the file or the limit is refused",
    arguments: [3, 100_000_001, UInt64.max, 1 << 63])
  func length(length: UInt64) throws {
    let scratch = try Scratch()
    let path = try scratch.write(littleEndian(length) + [0x7B, 0x7D], "file")
    let error = #expect(throws: CheckpointError.self) { try SafetensorsFile(path: path) }
    #expect(error?.offset == 0)
  }
}
