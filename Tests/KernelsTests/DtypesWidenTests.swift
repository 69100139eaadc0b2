import Kernels
import Testing

/// `widen` from bytes at an odd address, with a guard behind the last float.
func widened(_ type: ElementType, _ bytes: [UInt8], count: Int) -> [Float] {
  let shifted = [0] + bytes
  var floats = [Float](repeating: -12345, count: count + 1)
  shifted.withUnsafeBytes { bytes in
    floats.withUnsafeMutableBufferPointer { floats in
      guard let source = bytes.baseAddress, let destination = floats.baseAddress else { return }
      widen(type, from: source + 1, count: count, to: destination)
    }
  }
  #expect(floats.removeLast() == -12345, "nothing is written behind the last element")
  return floats
}

/// The bytes of `values` in memory order.
private func bytes<T: BitwiseCopyable>(_ values: [T]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }

@Suite struct DtypesWidenTests {
  private func check<T: FixedWidthInteger & BitwiseCopyable>(_ type: ElementType, _: T.Type) {
    var values: [T] = [0, 1, .max, .min, .max / 3, .min / 7]
    var state: UInt64 = 11
    for _ in 0..<50 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      values.append(T(truncatingIfNeeded: state >> 16))
    }
    #expect(widened(type, bytes(values), count: values.count) == values.map { Float($0) }, "\(type)")
  }

  @Test("Integers of every width widen to the nearest float")
  func integers() {
    check(.i8, Int8.self)
    check(.i16, Int16.self)
    check(.i32, Int32.self)
    check(.i64, Int64.self)
    check(.u8, UInt8.self)
    check(.u16, UInt16.self)
    check(.u32, UInt32.self)
    check(.u64, UInt64.self)
  }

  @Test("Floats and doubles widen by copying and rounding, booleans to 0 and 1")
  func others() {
    let floats: [Float] = [0, -0.0, 1.5, -.infinity, .leastNonzeroMagnitude, 3e38, 7]
    #expect(widened(.f32, bytes(floats), count: 7).map(\.bitPattern) == floats.map(\.bitPattern))
    let doubles: [Double] = [0, 0.1, -1e300, 1e-300, 1 + 0x1p-24, 16_777_217, .infinity]
    #expect(widened(.f64, bytes(doubles), count: 7) == doubles.map { Float($0) })
    #expect(widened(.bool, [0, 1, 255, 0, 2], count: 5) == [0, 1, 1, 0, 1])
  }

  @Test("Each of the 256 E4M3 patterns has the value of its definition")
  func e4m3() {
    let found = widened(.f8e4m3, Array(0...255), count: 256)
    for bits in 0..<256 {
      let (exponent, fraction) = (bits >> 3 & 15, Float(bits & 7))
      let magnitude: Float =
        exponent == 0
        ? fraction * 0x1p-9 : (1 + fraction / 8) * Float(sign: .plus, exponent: exponent - 7, significand: 1)
      if bits & 0x7F == 0x7F {
        #expect(found[bits].isNaN)
      } else {
        #expect(found[bits].bitPattern == (bits < 128 ? magnitude : -magnitude).bitPattern, "\(bits)")
      }
    }
  }

  @Test("Each of the 256 E5M2 patterns has the value of the f16 number that begins with it")
  func e5m2() {
    let found = widened(.f8e5m2, Array(0...255), count: 256)
    for bits in 0..<256 {
      let expected = Float(Float16(bitPattern: UInt16(bits) << 8))
      if expected.isNaN {
        #expect(found[bits].isNaN)
      } else {
        #expect(found[bits].bitPattern == expected.bitPattern, "\(bits)")
      }
    }
  }

  @Test("No elements are widened to nothing", arguments: ElementType.allCases)
  func empty(type: ElementType) { #expect(widened(type, [], count: 0) == []) }
}
