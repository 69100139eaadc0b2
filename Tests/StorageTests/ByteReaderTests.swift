import Storage
import Testing

@Suite struct ByteReaderTests {
  private func read<R>(_ bytes: [UInt8], _ body: (inout ByteReader) throws -> R) throws -> R {
    try bytes.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes, path: "file")
      return try body(&reader)
    }
  }

  @Test("Integers are little-endian and may lie anywhere")
  func integers() throws {
    try read([9, 0x34, 0x12, 0xFE, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4, 5, 6, 7, 8, 42]) { reader in
      let first = try reader.read("a byte", as: UInt8.self)
      #expect(first == 9)
      #expect(try reader.read("a word", as: UInt16.self) == 0x1234)
      #expect(try reader.read("a word", as: Int32.self) == -2)
      #expect(try reader.read("a word", as: UInt64.self) == 0x0807_0605_0403_0201)
      #expect(reader.offset == 15 && reader.remaining == 1)
      #expect(try reader.readBytes(1, "the last") == [42])
      #expect(reader.remaining == 0)
    }
  }

  @Test("A read beyond the end is refused, and moves nothing", arguments: [-1, 4, Int.max, Int.min])
  func beyond(count: Int) throws {
    try read([1, 2, 3, 4]) { reader in
      _ = try reader.read("a byte", as: UInt8.self)
      let error = #expect(throws: StorageError.self) { _ = try reader.readRange(count, "the name") }
      #expect(error?.offset == 1 && error?.reason.contains("the name needs \(count) bytes") == true)
      #expect(throws: StorageError.self) { _ = try reader.read("a word", as: UInt32.self) }
      #expect(reader.offset == 1)
      #expect(try reader.readRange(3, "the rest") == 1..<4)
    }
  }

  @Test(
    "A count beyond its limit is refused with both numbers",
    arguments: [
      ([0, 0, 0, 0, 0, 0, 0, 0x80], 100, false), ([5, 0, 0, 0, 0, 0, 0, 0], 4, false),
      ([4, 0, 0, 0, 0, 0, 0, 0], 4, true),
    ]
      as [([UInt8], Int, Bool)])
  func counts(bytes: [UInt8], limit: Int, allowed: Bool) throws {
    try read(bytes) { reader in
      if allowed {
        let count = try reader.readCount(limit: limit, "the count")
        #expect(count == limit)
      } else {
        let error = #expect(throws: StorageError.self) { _ = try reader.readCount(limit: limit, "the count") }
        #expect(error?.offset == 0 && error?.reason.contains("at most \(limit)") == true)
      }
    }
  }
}
