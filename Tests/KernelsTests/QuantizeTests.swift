import Foundation
import Kernels
import Testing

/// Goldens: `Scripts/fixtures/checkpoint_quantize.py`.
@Suite struct QuantizeTests {
  static let types = ElementType.allCases.filter { $0.isQuantized && $0.isNarrowable }
  /// The types whose bytes are a formula's, not a search's.
  static let formulas: [ElementType] = [.q4_0, .q4_1, .q5_0, .q5_1, .q8_0]

  private static func golden(_ name: String) throws -> Data {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/Quantize")
    return try Data(contentsOf: folder.appendingPathComponent(name))
  }

  private static func goldenValues() throws -> [Float] {
    try golden("input.f32").withUnsafeBytes { bytes in
      (0..<bytes.count / 4).map {
        Float(bitPattern: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self))
      }
    }
  }

  /// What `narrow` writes, at an odd address, with nothing written behind it.
  private func narrowed(_ type: ElementType, _ values: [Float]) throws -> [UInt8] {
    let count = try #require(type.byteCount(elements: values.count))
    var bytes = [UInt8](repeating: 0xA5, count: count + 2)
    try bytes.withUnsafeMutableBytes { bytes in
      try values.withUnsafeBufferPointer { values in
        guard let target = bytes.baseAddress, let source = values.baseAddress else { return }
        try narrow(type, from: source, count: values.count, to: target + 1)
      }
    }
    #expect(bytes.first == 0xA5 && bytes.last == 0xA5)
    return Array(bytes.dropFirst().dropLast())
  }

  private func squaredError(_ a: [Float], _ b: [Float]) -> Double {
    zip(a, b).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
  }

  @Test("Every block type but the one for activations can be written")
  func complete() {
    #expect(Set(Self.types) == Set(ElementType.allCases.filter(\.isQuantized)).subtracting([.q8_k]))
  }

  @Test("Blocks of a formula are gguf-py's byte for byte", arguments: formulas)
  func formula(type: ElementType) throws {
    let expected = try Self.golden("\(type.name.lowercased()).blocks")
    #expect(try narrowed(type, try Self.goldenValues()) == [UInt8](expected))
  }

  @Test(
    "Blocks that are searched for are at least as near as ggml's",
    arguments: types.filter { !formulas.contains($0) })
  func search(type: ElementType) throws {
    let values = try Self.goldenValues()
    let theirs = widened(
      type, [UInt8](try Self.golden("\(type.name.lowercased()).blocks")), count: values.count)
    let ours = widened(type, try narrowed(type, values), count: values.count)
    #expect(squaredError(ours, values) <= squaredError(theirs, values))
  }

  /// Largest relative errors in the Frobenius norm, of normally distributed numbers.
  @Test(
    "The error is that of the type's precision",
    arguments: [
      (.q2_k, 0.30), (.q3_k, 0.16), (.q4_0, 0.10), (.q4_1, 0.09), (.iq4_nl, 0.08), (.iq4_xs, 0.08),
      (.q4_k, 0.08), (.q5_0, 0.05), (.q5_1, 0.045), (.q5_k, 0.04), (.q6_k, 0.021), (.q8_0, 0.0065),
    ] as [(ElementType, Double)])
  func precision(of type: ElementType, bound: Double) throws {
    var numbers = TestNumbers(seed: 8)
    // The sum of twelve uniform numbers is near enough to normal.
    let values = (0..<4096).map { _ in (0..<12).reduce(Float(0)) { sum, _ in sum + numbers.next() } }
    let written = widened(type, try narrowed(type, values), count: values.count)
    let error = (squaredError(written, values) / values.reduce(0) { $0 + Double($1) * Double($1) })
      .squareRoot()
    #expect(error < bound)
    #expect(error > bound / 2, "no type is better than its precision")
  }

  @Test("What blocks hold is written as what it is", arguments: types)
  func idempotent(type: ElementType) throws {
    let values = widened(type, try narrowed(type, TestNumbers.floats(8192, seed: 5)), count: 8192)
    let again = widened(type, try narrowed(type, values), count: values.count)
    let change = (squaredError(again, values) / values.reduce(0) { $0 + Double($1) * Double($1) })
      .squareRoot()
    #expect(change <= (Self.formulas.contains(type) ? 0 : 0.03))
  }

  @Test("Blocks do not depend on those beside them", arguments: types, [1, 3, 17])
  func alone(type: ElementType, blocks: Int) throws {
    let values = TestNumbers.floats(blocks * type.blockElements, seed: 6)
    let separate = try (0..<blocks).flatMap {
      try narrowed(type, Array(values[$0 * type.blockElements..<($0 + 1) * type.blockElements]))
    }
    #expect(try narrowed(type, values) == separate)
  }

  @Test("Blocks of zeros, of one value and of the smallest numbers are written", arguments: types)
  func degenerate(type: ElementType) throws {
    let count = type.blockElements
    let zeros = [Float](repeating: 0, count: count)
    #expect(widened(type, try narrowed(type, zeros), count: count).allSatisfy { $0 == 0 })
    for value: Float in [3, -3, 65504, -65504] {
      let found = widened(type, try narrowed(type, Array(repeating: value, count: count)), count: count)
      #expect(found.allSatisfy { abs($0 - value) <= 0.002 * abs(value) }, "\(value)")
    }
    for value: Float in [.leastNonzeroMagnitude, 1e-30, 1e-9] {
      let found = widened(type, try narrowed(type, Array(repeating: value, count: count)), count: count)
      #expect(found.allSatisfy { abs($0) < 1e-6 }, "\(value)")
    }
  }

  @Test(
    "What no block can hold is an error that says where", arguments: types,
    [.nan, .infinity, -65536] as [Float])
  func refuses(type: ElementType, value: Float) throws {
    var values = TestNumbers.floats(2 * type.blockElements, seed: 7)
    values[type.blockElements + 5] = value
    let error = try #require(throws: QuantizationError.self) { try narrowed(type, values) }
    #expect(error.index == type.blockElements + 5 && error.value.bitPattern == value.bitPattern)
  }

  @Test("Plain types are rounded, and keep infinities")
  func plain() throws {
    let values: [Float] = [1, -2.5, 0x1.0018p0, 1e6, .infinity]
    #expect(widened(.f32, try narrowed(.f32, values), count: 5) == values)
    #expect(widened(.f16, try narrowed(.f16, values), count: 5) == [1, -2.5, 1, .infinity, .infinity])
    #expect(widened(.bf16, try narrowed(.bf16, values), count: 5) == [1, -2.5, 1, 999_424, .infinity])
  }
}
