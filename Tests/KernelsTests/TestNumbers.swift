import Kernels

/// Numbers for tests: the same on every run and machine.
struct TestNumbers {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  /// A number in [−1, 1).
  mutating func next() -> Float {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Float(Int32(truncatingIfNeeded: state >> 32)) * 0x1p-31
  }

  /// `count` numbers in [−scale, scale).
  static func floats(_ count: Int, seed: UInt64, scale: Float = 1) -> [Float] {
    var numbers = TestNumbers(seed: seed)
    return (0..<count).map { _ in numbers.next() * scale }
  }
}

/// The bf16 numbers nearest to `values`, as bits and widened again.
func roundedToBF16(_ values: [Float]) -> (bits: [UInt16], values: [Float]) {
  let bits = values.map { HalfPrecision.narrowToBF16($0) }
  return (bits, bits.map { HalfPrecision.widenBF16($0) })
}

/// max |a − b| / (1 + max |b|): absolute for small numbers, relative for large ones.
func largestError(_ a: [Float], _ b: [Double]) -> Double {
  guard a.count == b.count else { return .infinity }
  let largest = b.reduce(0) { max($0, abs($1)) }
  // A NaN is no small error, whatever `max` makes of it.
  return zip(a, b).reduce(0) { ($1.0.isNaN ? .infinity : max($0, abs(Double($1.0) - $1.1))) } / (1 + largest)
}
