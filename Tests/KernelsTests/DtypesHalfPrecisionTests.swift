import Kernels
import Testing

@Suite struct DtypesHalfPrecisionTests {
  /// Floats around everything where rounding can go wrong, and a million random patterns.
  private static let trickyFloats: [Float] = {
    var floats: [Float] = [
      0, .infinity, .leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude,
    ]
    // Every f16 value, the midpoints above it, and their neighbours.
    for bits in UInt16(0)..<0x7C00 {
      let low = Float(Float16(bitPattern: bits))
      let high = bits == 0x7BFF ? 65536 : Float(Float16(bitPattern: bits + 1))
      let middle = (low + high) / 2
      floats += [low, middle.nextDown, middle, middle.nextUp]
    }
    // The same for every bf16 value.
    for bits in UInt32(0)..<0x7F80 {
      let middle = Float(bitPattern: bits << 16 | 0x8000)
      floats += [middle.nextDown, middle, middle.nextUp]
    }
    var state: UInt64 = 3
    for _ in 0..<1_000_000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      floats.append(Float(bitPattern: UInt32(truncatingIfNeeded: state >> 33)))
    }
    return floats.filter { !$0.isNaN }.flatMap { [$0, -$0] }
  }()

  @Test("Each of the 65536 f16 patterns widens to the value that Float16 has")
  func widenF16() {
    for bits in UInt16.min ... .max {
      let expected = Float(Float16(bitPattern: bits))
      let found = HalfPrecision.widenF16(bits)
      if expected.isNaN {
        guard found.isNaN, found.sign == expected.sign else { #expect(Bool(false), "NaN \(bits)"); return }
      } else if found.bitPattern != expected.bitPattern {
        #expect(found.bitPattern == expected.bitPattern, "\(bits)")
        return
      }
    }
  }

  @Test(
    "Each of the 65536 bf16 patterns widens to a float with the same upper half, and narrows back to itself")
  func bf16RoundTrip() {
    var wrong: [UInt16] = []
    for bits in UInt16.min ... .max {
      let float = HalfPrecision.widenBF16(bits)
      let back = HalfPrecision.narrowToBF16(float)
      // A signalling NaN becomes quiet.
      let expected = float.isNaN ? bits | 0x40 : bits
      if float.bitPattern != UInt32(bits) << 16 || back != expected { wrong.append(bits) }
    }
    #expect(wrong == [])
  }

  @Test("Each f16 pattern survives widening and narrowing")
  func f16RoundTrip() {
    var wrong: [UInt16] = []
    for bits in UInt16.min ... .max {
      let float = HalfPrecision.widenF16(bits)
      let expected = float.isNaN ? bits | 0x200 : bits
      if HalfPrecision.narrowToF16(float) != expected { wrong.append(bits) }
    }
    #expect(wrong == [])
  }

  @Test("Narrowing to f16 rounds as Float16 does, at every midpoint and its neighbours")
  func narrowF16() {
    let wrong = Self.trickyFloats.first { HalfPrecision.narrowToF16($0) != Float16($0).bitPattern }
    #expect(wrong == nil)
  }

  @Test("Narrowing to bf16 gives the nearer neighbour, and the even one at a midpoint")
  func narrowBF16() {
    /// The two candidates, compared as exact doubles; beyond the largest value the next is 2^128.
    func naive(_ value: Float) -> UInt16 {
      let bits = UInt16(value.bitPattern >> 16)
      func magnitude(_ bits: UInt16) -> Double {
        bits & 0x7FFF == 0x7F80 ? 0x1p128 : Double(Float(bitPattern: UInt32(bits) << 16).magnitude)
      }
      if value.isInfinite { return bits }
      let (below, above) = (
        Double(value.magnitude) - magnitude(bits), magnitude(bits + 1) - Double(value.magnitude)
      )
      return below < above || (below == above && bits % 2 == 0) ? bits : bits + 1
    }
    let wrong = Self.trickyFloats.first { HalfPrecision.narrowToBF16($0) != naive($0) }
    #expect(wrong == nil)
  }

  @Test(
    "A NaN stays a quiet NaN of its sign", arguments: [0x7F80_0001, 0x7FC0_0000, 0x7FFF_FFFF] as [UInt32])
  func nan(pattern: UInt32) {
    for sign: UInt32 in [0, 0x8000_0000] {
      let nan = Float(bitPattern: pattern | sign)
      let (brain, half) = (HalfPrecision.narrowToBF16(nan), HalfPrecision.narrowToF16(nan))
      #expect(brain & 0x7FC0 == 0x7FC0 && UInt32(brain >> 15) == sign >> 31)
      #expect(half & 0x7E00 == 0x7E00 && UInt32(half >> 15) == sign >> 31)
    }
  }

  @Test("Arrays of any length at any address convert as single values do", arguments: 0...19, [0, 1])
  func arrays(count: Int, misalignment: Int) {
    let floats = (0..<count).map { Float($0 * $0) * -1.37e-3 + 0.1 }
    let conversions: [(Bool, (Float) -> UInt16, (UInt16) -> Float)] = [
      (true, { HalfPrecision.narrowToBF16($0) }, { HalfPrecision.widenBF16($0) }),
      (false, { HalfPrecision.narrowToF16($0) }, { HalfPrecision.widenF16($0) }),
    ]
    for (isBrain, narrow, widen) in conversions {
      let expected = floats.map(narrow)
      var bytes = [UInt8](repeating: 0xAA, count: count * 2 + misalignment + 1)
      floats.withUnsafeBufferPointer { floats in
        bytes.withUnsafeMutableBytes { bytes in
          guard let source = floats.baseAddress, let base = bytes.baseAddress else { return }
          if isBrain {
            HalfPrecision.narrowToBF16(source, count: count, to: base + misalignment)
          } else {
            HalfPrecision.narrowToF16(source, count: count, to: base + misalignment)
          }
        }
      }
      let narrowed = (0..<count).map {
        UInt16(bytes[misalignment + 2 * $0]) | UInt16(bytes[misalignment + 2 * $0 + 1]) << 8
      }
      #expect(narrowed == expected)
      #expect(bytes.last == 0xAA, "nothing is written behind the last value")
      let wide = widened(
        isBrain ? .bf16 : .f16, Array(bytes.dropFirst(misalignment).dropLast()), count: count)
      #expect(wide == expected.map(widen))
    }
  }
}
