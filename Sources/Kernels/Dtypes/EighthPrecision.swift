/// Widening of the two 8-bit float formats of the Open Compute Project (FP8, revision 1.0).
///
/// | format | exponent bits, bias | fraction bits | largest | special values |
/// |---|---|---|---|---|
/// | E4M3 | 4, 7 | 3 | 448 | no infinity; 0x7F and 0xFF are NaN |
/// | E5M2 | 5, 15 | 2 | 57344 | as IEEE: infinity and NaN |
package enum EighthPrecision {
  /// Widens `count` E4M3 values.
  package static func widenE4M3(
    _ source: UnsafeRawPointer, count: Int, to destination: UnsafeMutablePointer<Float>
  ) {
    for index in 0..<count {
      let bits = UInt32(unsafe source.load(fromByteOffset: index, as: UInt8.self))
      let finite = widen(bits, fractionBits: 3, bias: 7)
      unsafe destination[index] = Float(bitPattern: bits & 0x7F == 0x7F ? finite | 0x7FC0_0000 : finite)
    }
  }

  /// Widens `count` E5M2 values.
  package static func widenE5M2(
    _ source: UnsafeRawPointer, count: Int, to destination: UnsafeMutablePointer<Float>
  ) {
    for index in 0..<count {
      let bits = UInt32(unsafe source.load(fromByteOffset: index, as: UInt8.self))
      let finite = widen(bits, fractionBits: 2, bias: 15)
      unsafe destination[index] = Float(bitPattern: bits & 0x7F >= 0x7C ? finite | 0x7F80_0000 : finite)
    }
  }

  /// The pattern of the float equal to a finite value.
  ///
  /// The exponent and fraction are moved to where a float has them; the product with a power of two corrects
  /// the bias and normalises subnormals, exactly. The fraction of an infinity or NaN stays in its place.
  @inline(__always)
  private static func widen(_ bits: UInt32, fractionBits: UInt32, bias: UInt32) -> UInt32 {
    let scale = Float(bitPattern: (127 + 127 - bias) << 23)
    let magnitude = Float(bitPattern: (bits & 0x7F) << (23 - fractionBits)) * scale
    return magnitude.bitPattern | (bits & 0x80) << 24
  }
}
