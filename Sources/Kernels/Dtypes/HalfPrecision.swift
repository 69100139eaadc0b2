/// Conversion between 32-bit floats and the two 16-bit formats, by bit arithmetic on SIMD lanes.
///
/// | format | sign | exponent | fraction | largest | smallest normal |
/// |---|---|---|---|---|---|
/// | bf16 | 1 | 8 | 7 | 3.39e38 | 1.18e-38 |
/// | f16 | 1 | 5 | 10 | 65504 | 6.10e-5 |
///
/// Widening is exact. Narrowing rounds to the nearest value, ties to the even fraction, keeps subnormals,
/// overflows to infinity, and turns every NaN into a quiet NaN of the same sign.
/// `Float(Float16)` is a library call on baseline x86-64 and an order of magnitude slower.
package enum HalfPrecision {
  private typealias Words = SIMD8<UInt32>
  private typealias Halves = SIMD8<UInt16>

  // MARK: Arrays

  /// Widens `count` bf16 values, which may be unaligned.
  package static func widenBF16(
    _ source: UnsafeRawPointer, count: Int, to destination: UnsafeMutablePointer<Float>
  ) {
    let output = UnsafeMutableRawPointer(destination)
    var index = 0
    while index + 8 <= count {
      let halves = unsafe source.loadUnaligned(fromByteOffset: index * 2, as: Halves.self)
      unsafe output.storeBytes(of: widenBF16(halves), toByteOffset: index * 4, as: Words.self)
      index += 8
    }
    while index < count {
      unsafe destination[index] = widenBF16(source.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self))
      index += 1
    }
  }

  /// Widens `count` f16 values, which may be unaligned.
  package static func widenF16(
    _ source: UnsafeRawPointer, count: Int, to destination: UnsafeMutablePointer<Float>
  ) {
    let output = UnsafeMutableRawPointer(destination)
    var index = 0
    while index + 8 <= count {
      let halves = unsafe source.loadUnaligned(fromByteOffset: index * 2, as: Halves.self)
      unsafe output.storeBytes(of: widenF16(halves), toByteOffset: index * 4, as: Words.self)
      index += 8
    }
    while index < count {
      unsafe destination[index] = widenF16(source.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self))
      index += 1
    }
  }

  /// Narrows `count` floats to bf16 at `destination`, which may be unaligned.
  package static func narrowToBF16(
    _ source: UnsafePointer<Float>, count: Int, to destination: UnsafeMutableRawPointer
  ) {
    let input = unsafe UnsafeRawPointer(source)
    var index = 0
    while index + 8 <= count {
      let words = unsafe input.loadUnaligned(fromByteOffset: index * 4, as: Words.self)
      unsafe destination.storeBytes(of: narrowToBF16(words), toByteOffset: index * 2, as: Halves.self)
      index += 8
    }
    while index < count {
      unsafe destination.storeBytes(of: narrowToBF16(source[index]), toByteOffset: index * 2, as: UInt16.self)
      index += 1
    }
  }

  /// Narrows `count` floats to f16 at `destination`, which may be unaligned.
  package static func narrowToF16(
    _ source: UnsafePointer<Float>, count: Int, to destination: UnsafeMutableRawPointer
  ) {
    let input = unsafe UnsafeRawPointer(source)
    var index = 0
    while index + 8 <= count {
      let words = unsafe input.loadUnaligned(fromByteOffset: index * 4, as: Words.self)
      unsafe destination.storeBytes(of: narrowToF16(words), toByteOffset: index * 2, as: Halves.self)
      index += 8
    }
    while index < count {
      unsafe destination.storeBytes(of: narrowToF16(source[index]), toByteOffset: index * 2, as: UInt16.self)
      index += 1
    }
  }

  // MARK: One value

  /// The float with the bits of a bf16 value.
  package static func widenBF16(_ bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

  /// The float equal to the f16 value with these bits.
  package static func widenF16(_ bits: UInt16) -> Float {
    Float(bitPattern: widenF16(Halves(repeating: bits))[0])
  }

  /// The bits of the bf16 value nearest to `value`.
  package static func narrowToBF16(_ value: Float) -> UInt16 {
    narrowToBF16(Words(repeating: value.bitPattern))[0]
  }

  /// The bits of the f16 value nearest to `value`.
  package static func narrowToF16(_ value: Float) -> UInt16 {
    narrowToF16(Words(repeating: value.bitPattern))[0]
  }

  // MARK: Eight lanes of bits

  @inline(__always)
  private static func widenBF16(_ halves: Halves) -> Words { Words(truncatingIfNeeded: halves) &<< 16 }

  @inline(__always)
  private static func widenF16(_ halves: Halves) -> Words {
    let words = Words(truncatingIfNeeded: halves)
    let sign = (words & 0x8000) &<< 16
    let magnitude = (words & 0x7FFF) &<< 13
    // Read as a float, `magnitude` has the f16 exponent in an f32 field, so it is 2^112 too small; the
    // multiplication also normalises subnormals, exactly. Infinity and NaN keep an exponent of all ones.
    let scale = SIMD8<Float>(repeating: Float(bitPattern: (127 + 112) << 23))
    let scaled = unsafe unsafeBitCast(unsafeBitCast(magnitude, to: SIMD8<Float>.self) * scale, to: Words.self)
    let special = magnitude .>= Words(repeating: 0x7C00 << 13)
    return sign | scaled.replacing(with: magnitude | 0x7F80_0000, where: special)
  }

  @inline(__always)
  private static func narrowToBF16(_ words: Words) -> Halves {
    // Adding just under half a unit, plus one when the kept fraction is odd, carries exactly when the
    // nearest even value lies above; a carry out of the fraction correctly enters the exponent.
    let rounded = (words &+ 0x7FFF &+ ((words &>> 16) & 1)) &>> 16
    let isNaN = (words & 0x7FFF_FFFF) .> Words(repeating: 0x7F80_0000)
    return Halves(truncatingIfNeeded: rounded.replacing(with: (words &>> 16) | 0x40, where: isNaN))
  }

  @inline(__always)
  private static func narrowToF16(_ words: Words) -> Halves {
    let sign = (words &>> 16) & 0x8000
    let magnitude = words & 0x7FFF_FFFF
    // Normal results: move the exponent's bias from 127 to 15, then round as for bf16, 13 bits down.
    let rebased = magnitude &- ((127 - 15) << 23)
    let normal = (rebased &+ 0xFFF &+ ((rebased &>> 13) & 1)) &>> 13
    // Subnormal results: adding 1/2 makes the addition itself round to units of 2⁻²⁴, the spacing of
    // subnormals, in the machine's round-to-nearest-even; the count of units is left in the low bits.
    let half = SIMD8<Float>(repeating: 0.5)
    let sum = unsafe unsafeBitCast(unsafeBitCast(magnitude, to: SIMD8<Float>.self) + half, to: Words.self)
    let subnormal = sum &- Float(0.5).bitPattern
    var result = normal.replacing(with: subnormal, where: magnitude .< Words(repeating: (127 - 14) << 23))
    // 65520 is halfway between the largest value and the next power of two.
    let overflow = magnitude .>= Words(repeating: Float(65520).bitPattern)
    result = result.replacing(with: Words(repeating: 0x7C00), where: overflow)
    let isNaN = magnitude .> Words(repeating: 0x7F80_0000)
    result = result.replacing(with: 0x7E00 | ((magnitude &>> 13) & 0x3FF), where: isNaN)
    return Halves(truncatingIfNeeded: result | sign)
  }
}
