/// Dequantisation of GGUF's 32-element blocks, sixteen lanes at a time; the K types are in
/// `Dequantize+K.swift`.
///
/// Every element is `scale · q` or `scale · q + offset`, each step rounded to f32 in that order: the
/// arithmetic of ggml's reference, so results equal gguf-py's bit for bit. Sources may be unaligned.
package enum Dequantize {
  /// `d · (q − 8)`, 18 bytes a block.
  package static func q4_0(
    _ source: UnsafeRawPointer, blocks: Int, to destination: UnsafeMutablePointer<Float>
  ) {
    for block in 0..<blocks {
      let bytes = unsafe source + block * 18
      let d = FloatLanes(repeating: unsafe scale(bytes, 0))
      let nibbles = unsafe lanes(bytes, 2)
      unsafe store(signed(nibbles & 15, minus: 8) * d, destination, block * 32)
      unsafe store(signed(nibbles &>> 4, minus: 8) * d, destination, block * 32 + 16)
    }
  }

  /// `d · q + m`, 20 bytes a block.
  package static func q4_1(
    _ source: UnsafeRawPointer, blocks: Int, to destination: UnsafeMutablePointer<Float>
  ) {
    for block in 0..<blocks {
      let bytes = unsafe source + block * 20
      let d = FloatLanes(repeating: unsafe scale(bytes, 0))
      let m = FloatLanes(repeating: unsafe scale(bytes, 2))
      let nibbles = unsafe lanes(bytes, 4)
      unsafe store(signed(nibbles & 15) * d + m, destination, block * 32)
      unsafe store(signed(nibbles &>> 4) * d + m, destination, block * 32 + 16)
    }
  }

  /// `d · (q − 16)`, 22 bytes a block.
  package static func q5_0(
    _ source: UnsafeRawPointer, blocks: Int, to destination: UnsafeMutablePointer<Float>
  ) {
    for block in 0..<blocks {
      let bytes = unsafe source + block * 22
      let d = FloatLanes(repeating: unsafe scale(bytes, 0))
      let (low, high) = unsafe fiveBits(bytes, fifths: 2, nibbles: 6)
      unsafe store(signed(low, minus: 16) * d, destination, block * 32)
      unsafe store(signed(high, minus: 16) * d, destination, block * 32 + 16)
    }
  }

  /// `d · q + m`, 24 bytes a block.
  package static func q5_1(
    _ source: UnsafeRawPointer, blocks: Int, to destination: UnsafeMutablePointer<Float>
  ) {
    for block in 0..<blocks {
      let bytes = unsafe source + block * 24
      let d = FloatLanes(repeating: unsafe scale(bytes, 0))
      let m = FloatLanes(repeating: unsafe scale(bytes, 2))
      let (low, high) = unsafe fiveBits(bytes, fifths: 4, nibbles: 8)
      unsafe store(signed(low) * d + m, destination, block * 32)
      unsafe store(signed(high) * d + m, destination, block * 32 + 16)
    }
  }

  /// `d · q`, 34 bytes a block.
  package static func q8_0(
    _ source: UnsafeRawPointer, blocks: Int, to destination: UnsafeMutablePointer<Float>
  ) {
    for block in 0..<blocks {
      let bytes = unsafe source + block * 34
      let d = FloatLanes(repeating: unsafe scale(bytes, 0))
      for half in 0..<2 {
        let q = unsafe bytes.loadUnaligned(fromByteOffset: 2 + half * 16, as: SIMD16<Int8>.self)
        unsafe store(
          FloatLanes(SIMD16<Int32>(truncatingIfNeeded: q)) * d, destination, block * 32 + half * 16)
      }
    }
  }

  // MARK: Lanes

  /// Sixteen floats: half a block.
  typealias FloatLanes = SIMD16<Float>

  /// The f16 value at `offset`.
  @inline(__always)
  static func scale(_ bytes: UnsafeRawPointer, _ offset: Int) -> Float {
    HalfPrecision.widenF16(unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }

  /// Sixteen bytes at `offset`.
  @inline(__always)
  static func lanes(_ bytes: UnsafeRawPointer, _ offset: Int) -> SIMD16<UInt8> {
    unsafe bytes.loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self)
  }

  /// Small unsigned values, less `bias`, as floats.
  ///
  /// Through signed words, which convert in one instruction on every machine.
  @inline(__always)
  static func signed(_ values: SIMD16<UInt8>, minus bias: Int32 = 0) -> FloatLanes {
    FloatLanes(SIMD16<Int32>(truncatingIfNeeded: values) &- bias)
  }

  /// Stores sixteen elements, the first at `index`.
  @inline(__always)
  static func store(_ values: FloatLanes, _ destination: UnsafeMutablePointer<Float>, _ index: Int) {
    unsafe UnsafeMutableRawPointer(destination).storeBytes(
      of: values, toByteOffset: index * 4, as: FloatLanes.self)
  }

  /// Low nibbles with bits 0–15 of the fifth-bit word above them, and high nibbles with bits 16–31.
  @inline(__always)
  private static func fiveBits(
    _ bytes: UnsafeRawPointer, fifths: Int, nibbles: Int
  ) -> (low: SIMD16<UInt8>, high: SIMD16<UInt8>) {
    let bit = SIMD16<UInt8>(1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128)
    let word = unsafe bytes.loadUnaligned(fromByteOffset: fifths, as: SIMD4<UInt8>.self)
    let nibbles = unsafe lanes(bytes, nibbles)
    func fifth(_ first: UInt8, _ second: UInt8) -> SIMD16<UInt8> {
      let spread = SIMD16(lowHalf: SIMD8<UInt8>(repeating: first), highHalf: SIMD8<UInt8>(repeating: second))
      // A byte that is not 0 carries into its top bit, which moves down to 16. A comparison and a choice of
      // bytes would be twenty times slower.
      return (((spread & bit) &+ 127) & 128) &>> 3
    }
    return (nibbles & 15 | fifth(word[0], word[1]), nibbles &>> 4 | fifth(word[2], word[3]))
  }
}
