import Checkpoints
import Foundation
import Kernels
import Storage
import Testing

/// Files written by `Scripts/fixtures/checkpoint_files.py`, with what is in them.
enum Fixtures {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
    "Fixtures")

  static func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  static func bytes(_ name: String) throws -> [UInt8] {
    try [UInt8](Data(contentsOf: folder.appendingPathComponent(name)))
  }

  static func expectation(_ name: String) throws -> JSONValue {
    try JSONDocument(parsing: bytes(name + ".json"), source: name).root
  }

  /// Compares every tensor of `store` with the expectation: names, types, shapes, and values bit for bit; all
  /// NaN are the same.
  static func check(_ store: TensorStore, against name: String) throws {
    let expected = try #require(try expectation(name)["tensors"])
    #expect(Set(store.entries.map(\.name)) == Set(expected.members.map(\.key)))
    for (name, value) in expected.members {
      let entry = try #require(store[name])
      #expect(entry.type.name == value["type"]?.string, "\(name)")
      #expect(entry.shape == value["shape"]?.elements.compactMap(\.int), "\(name)")
      let bits = try #require(value["bits"]).elements.compactMap(\.int)
      #expect(entry.elementCount == bits.count && entry.rowCount * entry.rowElements == bits.count)
      let found = try store.floats(entry)
      let wrong = zip(found, bits).filter { value, bits in
        value.isNaN ? !Float(bitPattern: UInt32(bits)).isNaN : Int(value.bitPattern) != bits
      }
      #expect(found.count == bits.count && wrong.isEmpty, "\(name)")
      try checkRows(of: entry, in: store)
    }
  }

  /// Any rows widened alone are those rows of the whole, and rows outside are refused.
  private static func checkRows(of entry: TensorEntry, in store: TensorStore) throws {
    let all = try store.floats(entry)
    for first in 0...entry.rowCount {
      for last in first...entry.rowCount {
        let elements = first * entry.rowElements..<last * entry.rowElements
        let rows = try [Float](unsafeUninitializedCapacity: elements.count + 1) { buffer, count in
          let base = try #require(buffer.baseAddress)
          try store.widen(entry, rows: first..<last, to: base)
          count = elements.count
        }
        #expect(rows.map(\.bitPattern) == all[elements].map(\.bitPattern), "\(entry.name) \(first)..<\(last)")
      }
    }
    for rows in [-1..<0, 0..<entry.rowCount + 1, entry.rowCount + 1..<entry.rowCount + 1] {
      #expect(throws: CheckpointError.self) { try store.withBytes(of: entry, rows: rows) { _ in } }
    }
  }
}

/// A new empty folder, removed when the last reference goes.
final class Scratch {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent(
      "checkpoints-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  @discardableResult
  func write(_ bytes: [UInt8], _ name: String) throws -> String {
    let file = path + "/" + name
    // Not `Data.write`, which forces each file onto the disk: the tests of damaged files write thousands. A new
    // file each time, because ext4 does the same with one that is emptied and written again.
    try FileSystem.remove(file)
    let stream = try #require(fopen(file, "w"))
    defer { fclose(stream) }
    try #require(fwrite(bytes, 1, bytes.count, stream) == bytes.count)
    return file
  }

  func read(_ name: String) throws -> [UInt8] {
    try [UInt8](Data(contentsOf: URL(fileURLWithPath: path).appendingPathComponent(name)))
  }
}

/// The bytes of an integer, little-endian.
func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

/// A safetensors file with this header and `count` bytes of data.
func safetensors(_ header: String, data count: Int) -> [UInt8] {
  littleEndian(UInt64(header.utf8.count)) + header.utf8 + (0..<count).map { UInt8(truncatingIfNeeded: $0) }
}

/// Puts a GGUF file together, sound or not.
struct GGUFBytes {
  var version: UInt32 = 3
  var tensorCount: UInt64?
  var valueCount: UInt64?
  var values: [[UInt8]] = []
  var tensors: [[UInt8]] = []
  var dataByteCount = 64

  static func string(_ bytes: some Collection<UInt8>) -> [UInt8] { littleEndian(UInt64(bytes.count)) + bytes }

  static func value(_ key: String, _ type: UInt32, _ bytes: [UInt8]) -> [UInt8] {
    string(key.utf8) + littleEndian(type) + bytes
  }

  static func tensor(_ name: [UInt8], _ dimensions: [UInt64], _ type: UInt32, at offset: UInt64) -> [UInt8] {
    string(name) + littleEndian(UInt32(dimensions.count)) + dimensions.flatMap { littleEndian($0) }
      + littleEndian(type) + littleEndian(offset)
  }

  static func tensor(_ name: String, _ dimensions: [UInt64], _ type: UInt32, at offset: UInt64) -> [UInt8] {
    tensor(Array(name.utf8), dimensions, type, at: offset)
  }

  var bytes: [UInt8] {
    var bytes = Array("GGUF".utf8) + littleEndian(version)
    bytes +=
      littleEndian(tensorCount ?? UInt64(tensors.count)) + littleEndian(valueCount ?? UInt64(values.count))
    bytes += values.flatMap { $0 } + tensors.flatMap { $0 }
    if !tensors.isEmpty { bytes += Array(repeating: 0, count: (32 - bytes.count % 32) % 32) }
    return bytes + Array(repeating: 1, count: tensors.isEmpty ? 0 : dataByteCount)
  }
}
