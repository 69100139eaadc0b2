import Checkpoints
import Kernels
import Testing

@Suite struct GGUFFileTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  @Test(
    "A file of the gguf package is read bit for bit: every tensor type, in versions 2 and 3",
    arguments: [2, 3])
  func tensors(version: Int) throws {
    var bytes = try Fixtures.bytes("types.gguf")
    bytes[4] = UInt8(version)  // The two versions differ in nothing else.
    let file = try GGUFFile(path: scratch.write(bytes, "file.gguf"))
    #expect(file.version == version && file.alignment == 64 && file.dataStart % 64 == 0)
    try Fixtures.check(file.tensors, against: "types.gguf")
    #expect(file.tensors.entries.allSatisfy { $0.bytes.lowerBound % 64 == 0 })
  }

  @Test("Every type of metadata value is read, in order")
  func metadata() throws {
    let file = try GGUFFile(path: Fixtures.path("types.gguf"))
    #expect(
      file.metadata.map(\.key) == [
        "general.architecture", "value.uint8", "value.int8", "value.uint16", "value.int16", "value.uint32",
        "value.int32", "value.float32", "value.uint64", "value.int64", "value.float64", "value.bool",
        "value.string",
        "array.strings", "array.int32", "array.float32", "array.bool", "array.nested", "general.alignment",
      ])
    let integers = [
      "uint8": 200, "int8": -100, "uint16": 60000, "int16": -30000, "uint32": 4_000_000_000,
      "int32": -2_000_000_000,
      "int64": -(1 << 62),
    ]
    for (name, value) in integers {
      #expect(file["value.\(name)"]?.int == value && file["value.\(name)"]?.double == Double(value))
    }
    #expect(file["value.uint64"]?.int == nil && file["value.uint64"]?.double == 0x1p63)
    #expect(file["value.float32"]?.double == -0.15625 && file["value.float32"]?.int == nil)
    #expect(file["value.float64"]?.double == 1e300)
    #expect(file["value.bool"]?.bool == true && file["value.bool"]?.int == nil)
    #expect(file["value.string"]?.string == "grüße\n" && file["value.string"]?.double == nil)
    #expect(file["absent"] == nil)
  }

  @Test("Arrays of every kind are read, nested ones too")
  func arrays() throws {
    let file = try GGUFFile(path: Fixtures.path("types.gguf"))
    let strings = try #require(file["array.strings"]?.array)
    #expect(strings.elementType == .string && strings.count == 4 && strings.ints == nil)
    #expect(
      strings.strings?.map { String(decoding: $0, as: UTF8.self) } == ["a", "", "naïve", "\u{2581}the"])
    #expect(file["array.int32"]?.array?.ints == [-3, 0, 7])
    #expect(file["array.int32"]?.array?.doubles == [-3, 0, 7])
    #expect(file["array.int32"]?.array?.strings == nil)
    #expect(file["array.float32"]?.array?.doubles == [0.5, -2])
    #expect(file["array.float32"]?.array?.ints == nil)
    #expect(file["array.bool"]?.array?.bools == [true, false, true])
    #expect(file["array.nested"]?.array?.arrays?.map(\.ints) == [[1, 2, 3], [4]])
  }

  @Test("Integer arrays of every width are read")
  func integerArrays() throws {
    let kinds: [(UInt32, [UInt8], [Int]?)] = [
      (0, [1, 255], [1, 255]), (1, [1, 255], [1, -1]),
      (2, littleEndian(UInt16(1)) + littleEndian(UInt16.max), [1, 65535]),
      (3, littleEndian(Int16(1)) + littleEndian(Int16.min), [1, -32768]),
      (4, littleEndian(UInt32(1)) + littleEndian(UInt32.max), [1, 4_294_967_295]),
      (5, littleEndian(Int32(1)) + littleEndian(Int32.min), [1, -2_147_483_648]),
      (10, littleEndian(UInt64(1)) + littleEndian(UInt64(Int.max)), [1, .max]),
      (10, littleEndian(UInt64(1)) + littleEndian(UInt64.max), nil),
      (11, littleEndian(Int64(1)) + littleEndian(Int64.min), [1, .min]),
    ]
    for (type, elements, expected) in kinds {
      let array = littleEndian(type) + littleEndian(UInt64(2)) + elements
      let file = try GGUFFile(
        path: scratch.write(GGUFBytes(values: [GGUFBytes.value("k", 9, array)]).bytes, "file"))
      #expect(file["k"]?.array?.ints == expected, "type \(type)")
    }
  }

  @Test("A file with only a vocabulary, ending anywhere, is read")
  func vocabularyOnly() throws {
    let array = littleEndian(UInt32(8)) + littleEndian(UInt64(0))
    let file = try GGUFFile(
      path: scratch.write(GGUFBytes(values: [GGUFBytes.value("tokens", 9, array)]).bytes, "file"))
    #expect(file.tensors.entries.isEmpty && file.version == 3 && file.alignment == 32)
    #expect(file["tokens"]?.array?.strings == [])
  }

  private typealias B = GGUFBytes

  /// Files that are wrong in one place, and what the error must say.
  private static let brokenFiles: [(GGUFBytes, String)] = {
    let huge = UInt64.max
    func array(_ type: UInt32, _ count: UInt64, _ rest: [UInt8] = []) -> [UInt8] {
      littleEndian(type) + littleEndian(count) + rest
    }
    let deep = (0..<20).reduce(array(0, 0)) { inner, _ in array(9, 1, inner) }
    let alignment = { (value: UInt32) in B.value("general.alignment", 4, littleEndian(value)) }
    return [
      (B(version: 0), "version is 0"),
      (B(version: 1), "version is 1, but 2 and 3"),
      (B(version: 4), "version is 4"),
      (B(version: 0x0300_0000), "big-endian"),
      (B(tensorCount: huge), "the number of tensors is 18446744073709551615"),
      (B(tensorCount: 1000), "the number of tensors is 1000"),
      (B(valueCount: 1 << 62), "the number of metadata values is"),
      (B(values: [B.value("k", 13, [0])]), "key \"k\": at byte 33: the value's type is 13"),
      (B(values: [B.value("k", 7, [2])]), "expected 0 or 1 for a boolean, found 2"),
      (B(values: [B.value("k", 8, littleEndian(huge))]), "a string's length is 18446744073709551615"),
      (B(values: [B.value("k", 8, littleEndian(UInt64(99)))]), "a string needs 99 bytes"),
      (B(values: [B.value("k", 9, array(4, huge))]), "key \"k\": at byte 41: an array's count is"),
      (B(values: [B.value("k", 9, array(8, 1 << 40))]), "an array's count is"),
      (B(values: [B.value("k", 9, array(9, 1 << 40))]), "an array's count is"),
      (B(values: [B.value("k", 9, array(77, 1))]), "the value's type is 77"),
      (B(values: [B.value("k", 9, deep)]), "nested more than 8 deep"),
      (
        B(values: [B.value("k", 0, [1]), B.value("k", 0, [1])]),
        "key \"k\": at byte 52: this key occurs twice"
      ),
      (
        B(values: [littleEndian(UInt64(2)) + [0xC3, 0x28] + littleEndian(UInt32(0)) + [1]]),
        "the key is not UTF-8"
      ),
      (B(values: [alignment(0)]), "general.alignment"),
      (B(values: [alignment(48)]), "expected a power of two"),
      (B(values: [B.value("general.alignment", 8, B.string("32".utf8))]), "expected a power of two"),
      (B(values: [B.value("split.count", 2, littleEndian(UInt16(3)))]), "this is one of 3 parts"),
      (B(tensors: [B.tensor([0xFF, 0x41], [2], 0, at: 0)]), "the name is not UTF-8"),
      (B(tensors: [B.tensor("t", [1, 1, 1, 1, 1], 0, at: 0)]), "5 dimensions, but at most 4"),
      (B(tensors: [B.tensor("t", [256], 16, at: 0)]), "its type is IQ2_XXS (16)"),
      (B(tensors: [B.tensor("t", [32], 39, at: 0)]), "its type is MXFP4 (39)"),
      (B(tensors: [B.tensor("t", [2], 4, at: 0)]), "its type is number 4, which is unknown"),
      (B(tensors: [B.tensor("t", [2], 9999, at: 0)]), "number 9999"),
      (B(tensors: [B.tensor("t", [1 << 32, 1 << 32], 0, at: 0)]), "more elements than can be counted"),
      (B(tensors: [B.tensor("t", [huge], 0, at: 0)]), "a dimension is 18446744073709551615"),
      (B(tensors: [B.tensor("t", [1 << 61], 0, at: 0)]), "tensor \"t\""),
      (B(tensors: [B.tensor("t", [17], 0, at: 0)]), "68 bytes at offset 0"),
      (B(tensors: [B.tensor("t", [2], 0, at: 16)]), "not a multiple of the alignment 32"),
      (B(tensors: [B.tensor("t", [2], 0, at: 64)]), "beyond the end of the file"),
      (B(tensors: [B.tensor("t", [2], 0, at: 1 << 62)]), "beyond the end of the file"),
      (B(tensors: [B.tensor("t", [2], 0, at: huge - 31)]), "the offset is"),
      (B(tensors: [B.tensor("t", [33], 8, at: 0)]), "not whole blocks of the 32 elements of Q8_0"),
      (B(tensors: [B.tensor("t", [16, 2], 8, at: 0)]), "not a multiple of the 32 elements of a Q8_0 block"),
      (B(tensors: [B.tensor("t", [2], 0, at: 0), B.tensor("t", [2], 0, at: 32)]), "already used"),
      (
        B(tensors: [B.tensor("t", [12], 0, at: 0), B.tensor("u", [2], 0, at: 32)]),
        "begin inside those of tensor \"t\""
      ),
    ]
  }()

  @Test("A malformed file is refused with the place and the reason", arguments: brokenFiles.indices)
  func malformed(index: Int) throws {
    let (file, text) = Self.brokenFiles[index]
    let path = try scratch.write(file.bytes, "file.gguf")
    let error = #expect(throws: CheckpointError.self) { try GGUFFile(path: path) }
    let description = try #require(error).description
    #expect(description.hasPrefix(path) && description.contains(text), "\(description)")
  }

  @Test("Something else than GGUF is refused by its first bytes")
  func magic() throws {
    let path = try scratch.write(Array("PK\u{3}\u{4} and so on".utf8), "file.gguf")
    let error = #expect(throws: CheckpointError.self) { try GGUFFile(path: path) }
    #expect(error?.reason.contains("begin with \"GGUF\", found the bytes [80, 75, 3, 4]") == true)
  }
}
