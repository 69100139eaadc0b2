import Foundation
import Kernels
import Testing

/// Goldens: `Scripts/fixtures/checkpoint_dequantize.py`.
@Suite struct DequantizeTests {
  static let types: [ElementType] = [
    .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q2_k, .q3_k, .q4_k, .q5_k, .q6_k, .q8_k, .iq4_nl, .iq4_xs,
  ]

  @Test("Every block type has a golden")
  func complete() { #expect(Set(Self.types) == Set(ElementType.allCases.filter(\.isQuantized))) }

  private static func floats(_ data: Data) -> [Float] {
    data.withUnsafeBytes { bytes in
      (0..<bytes.count / 4).map {
        Float(bitPattern: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self))
      }
    }
  }

  @Test("Blocks widen bit for bit as gguf-py dequantises them", arguments: types)
  func goldens(type: ElementType) throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
      "Fixtures/Dequantize")
    let name = type.name.lowercased()
    let blocks = try Data(contentsOf: folder.appendingPathComponent("\(name).blocks"))
    let expected = Self.floats(try Data(contentsOf: folder.appendingPathComponent("\(name).f32")))
    try #require(expected.count == 2048 && type.byteCount(elements: 2048) == blocks.count)
    let found = widened(type, [UInt8](blocks), count: expected.count)
    let wrong = expected.indices.first { found[$0].bitPattern != expected[$0].bitPattern }
    #expect(wrong == nil, "element \(wrong ?? 0)")
  }

  private static let sharedGoldens = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../../shared/data/models/ggml-quant-goldens")

  /// Values in [-1, 1] that ggml itself quantised, and the largest error that the type's step allows there.
  @Test(
    "What ggml quantised widens to within the type's step of what it was",
    .enabled(if: FileManager.default.fileExists(atPath: sharedGoldens.path), "../shared/data is absent"),
    arguments: [
      (.q4_0, 0.126), (.q4_1, 0.068), (.q5_0, 0.063), (.q5_1, 0.034), (.q8_0, 0.0045), (.q4_k, 0.12),
      (.q5_k, 0.05), (.q6_k, 0.04), (.q2_k, 0.53), (.q3_k, 0.25), (.iq4_nl, 0.1),
    ] as [(ElementType, Float)], ["im", "noim"])
  func shared(step: (type: ElementType, error: Float), variant: String) throws {
    let count = step.type.blockElements == 32 ? 64 : 512
    let stem = "\(step.type.name.lowercased())_\(count)_\(variant)"
    let input = Self.floats(
      try Data(contentsOf: Self.sharedGoldens.appendingPathComponent("\(stem)_input.bin")))
    let blocks = try Data(contentsOf: Self.sharedGoldens.appendingPathComponent("\(stem)_expected.bin"))
    try #require(input.count == 2 * count && blocks.count == step.type.byteCount(elements: input.count))
    let found = widened(step.type, [UInt8](blocks), count: input.count)
    let worst = zip(input, found).map { abs($0 - $1) }.max() ?? .infinity
    #expect(worst <= step.error)
    // And not by being far below it: the type has no more precision than that.
    #expect(worst >= step.error / 4)
  }
}
