/// GGUF's two 4-bit types whose nibbles are indices into a table of unevenly spaced values.
extension Dequantize {
  /// `d · table[q]`, 18 bytes a block: d and 16 bytes of nibbles.
  package static func iq4_nl(
    _ source: UnsafeRawPointer, blocks: Int, to destination: UnsafeMutablePointer<Float>
  ) {
    for block in 0..<blocks {
      let bytes = unsafe source + block * 18
      unsafe storeIndexed(bytes, 2, times: scale(bytes, 0), destination, block * 32)
    }
  }

  /// `(d · (s − 32)) · table[q]`, 136 bytes a block.
  ///
  /// d, 16 bits of the high two bits of eight 6-bit scales `s`, 4 bytes of their low nibbles, and for each scale
  /// 16 bytes of nibbles.
  package static func iq4_xs(
    _ source: UnsafeRawPointer, blocks: Int, to destination: UnsafeMutablePointer<Float>
  ) {
    for block in 0..<blocks {
      let bytes = unsafe source + block * 136
      let d = unsafe scale(bytes, 0)
      let highs = UInt32(UInt16(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
      let lows = UInt32(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
      for group in 0..<8 {
        let s = (lows &>> UInt32(4 * group)) & 15 | ((highs &>> UInt32(2 * group)) & 3) << 4
        unsafe storeIndexed(
          bytes, 8 + group * 16, times: d * Float(Int32(s) - 32), destination, block * 256 + group * 32)
      }
    }
  }

  /// Stores 32 elements: the low nibbles of sixteen bytes, then the high ones.
  @inline(__always)
  private static func storeIndexed(
    _ bytes: UnsafeRawPointer, _ offset: Int, times d: Float, _ destination: UnsafeMutablePointer<Float>,
    _ index: Int
  ) {
    let nibbles = unsafe lanes(bytes, offset)
    unsafe store(indexed(nibbles & 15) * d, destination, index)
    unsafe store(indexed(nibbles &>> 4) * d, destination, index + 16)
  }

  /// The table's values at sixteen indices; ggml defines it as -127, -104, -83, -65, -49, -35, -22, -10, 1, 13,
  /// 25, 38, 53, 69, 89, 113.
  ///
  /// Each bit of the indices halves what is left of the table, here 128 higher, in all lanes at once: faster than
  /// sixteen look-ups.
  @inline(__always)
  private static func indexed(_ indices: SIMD16<UInt8>) -> FloatLanes {
    typealias Bytes = SIMD16<UInt8>
    @inline(__always) func mask(_ bit: UInt8) -> Bytes { Bytes.zero &- ((indices &>> bit) & 1) }
    @inline(__always) func choose(_ clear: Bytes, _ set: Bytes, _ mask: Bytes) -> Bytes {
      clear ^ ((clear ^ set) & mask)
    }
    let (mask0, mask1, mask2) = (mask(0), mask(1), mask(2))
    @inline(__always) func four(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) -> Bytes {
      choose(
        choose(Bytes(repeating: a), Bytes(repeating: b), mask0),
        choose(Bytes(repeating: c), Bytes(repeating: d), mask0), mask1)
    }
    let low = choose(four(1, 24, 45, 63), four(79, 93, 106, 118), mask2)
    let high = choose(four(129, 141, 153, 166), four(181, 197, 217, 241), mask2)
    return signed(choose(low, high, mask(3)), minus: 128)
  }
}
