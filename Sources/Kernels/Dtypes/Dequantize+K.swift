/// GGUF's 256-element "K" blocks: 16 or 32 elements share a small scale, and 256 share an f16 scale of
/// scales.
extension Dequantize {
  /// `(d · s) · q − (dmin · m)`, 84 bytes a block.
  ///
  /// Sixteen bytes of a scale `s` (low nibble) and a min `m` (high) for 16 elements each, 64 bytes of bit
  /// pairs, d, dmin. Each half of a block is 32 bytes of pairs: element 32·g + i of a half is bits 2g of byte
  /// i.
  package static func q2_k(
    _ source: UnsafeRawPointer, blocks: Int, to destination: UnsafeMutablePointer<Float>
  ) {
    for block in 0..<blocks {
      let bytes = unsafe source + block * 84
      let packed = unsafe lanes(bytes, 0)
      let scales = unsafe signed(packed & 15) * scale(bytes, 80)
      let offsets = unsafe signed(packed &>> 4) * scale(bytes, 82)
      for half in 0..<2 {
        for part in 0..<2 {
          var pairs = unsafe lanes(bytes, 16 + half * 32 + part * 16)
          for group in 0..<4 {
            let index = half * 8 + group * 2 + part
            unsafe store(
              signed(pairs & 3) * scales[index] - offsets[index], destination, block * 256 + index * 16)
            pairs = pairs &>> 2
          }
        }
      }
    }
  }

  /// `(d · (s − 32)) · (q − 4)`, 110 bytes a block.
  ///
  /// As `q2_k` with a third bit of `q`: 32 bytes whose bit h belongs to group h of the block's eight, 64 bytes
  /// of pairs, 12 bytes of sixteen 6-bit scales, d. Of those twelve bytes b, scales 0–7 have their low four
  /// bits in the low nibbles of b[0…7], scales 8–15 in the high nibbles; scale i has its high two in bits
  /// 2·(i / 4) of b[8 + i % 4].
  package static func q3_k(
    _ source: UnsafeRawPointer, blocks: Int, to destination: UnsafeMutablePointer<Float>
  ) {
    for block in 0..<blocks {
      let bytes = unsafe source + block * 110
      let low = unsafe bytes.loadUnaligned(fromByteOffset: 96, as: SIMD8<UInt8>.self)
      let high = unsafe bytes.loadUnaligned(fromByteOffset: 104, as: SIMD4<UInt8>.self)
      let tops = SIMD16(
        lowHalf: SIMD8(lowHalf: high & 3, highHalf: (high &>> 2) & 3),
        highHalf: SIMD8(lowHalf: (high &>> 4) & 3, highHalf: high &>> 6))
      let scales =
        unsafe signed(
          SIMD16(lowHalf: low & 15, highHalf: low &>> 4) | tops &<< 4, minus: 32) * scale(bytes, 108)
      for part in 0..<2 {
        var thirds = unsafe lanes(bytes, part * 16)
        for half in 0..<2 {
          var pairs = unsafe lanes(bytes, 32 + half * 32 + part * 16)
          for group in 0..<4 {
            let index = half * 8 + group * 2 + part
            let q = pairs & 3 | (thirds & 1) &<< 2
            unsafe store(signed(q, minus: 4) * scales[index], destination, block * 256 + index * 16)
            pairs = pairs &>> 2
            thirds = thirds &>> 1
          }
        }
      }
    }
  }

  /// `(d · s) · q − (dmin · m)`, 144 bytes a block: d, dmin, 12 bytes of 6-bit scales `s` and mins `m` for
  /// eight groups of 32, then nibbles: each 32 bytes hold two groups, low nibbles first.
  package static func q4_k(
    _ source: UnsafeRawPointer, blocks: Int, to destination: UnsafeMutablePointer<Float>
  ) {
    for block in 0..<blocks {
      let bytes = unsafe source + block * 144
      let (scales, offsets) = unsafe scalesAndMins(bytes)
      for pair in 0..<4 {
        let output = block * 256 + pair * 64
        for half in 0..<2 {
          let nibbles = unsafe lanes(bytes, 16 + pair * 32 + half * 16)
          unsafe store(
            signed(nibbles & 15) * scales[pair * 2] - offsets[pair * 2], destination, output + half * 16)
          unsafe store(
            signed(nibbles &>> 4) * scales[pair * 2 + 1] - offsets[pair * 2 + 1], destination,
            output + 32 + half * 16)
        }
      }
    }
  }

  /// As `q4_k` with a fifth bit, 176 bytes a block: bit g of the 32 bytes at 16 belongs to group g.
  package static func q5_k(
    _ source: UnsafeRawPointer, blocks: Int, to destination: UnsafeMutablePointer<Float>
  ) {
    for block in 0..<blocks {
      let bytes = unsafe source + block * 176
      let (scales, offsets) = unsafe scalesAndMins(bytes)
      for half in 0..<2 {
        var fifths = unsafe lanes(bytes, 16 + half * 16)
        for pair in 0..<4 {
          let output = block * 256 + pair * 64 + half * 16
          let nibbles = unsafe lanes(bytes, 48 + pair * 32 + half * 16)
          let low = nibbles & 15 | (fifths & 1) &<< 4
          let high = nibbles &>> 4 | (fifths & 2) &<< 3
          unsafe store(signed(low) * scales[pair * 2] - offsets[pair * 2], destination, output)
          unsafe store(
            signed(high) * scales[pair * 2 + 1] - offsets[pair * 2 + 1], destination, output + 32)
          fifths = fifths &>> 2
        }
      }
    }
  }

  /// `(d · s) · (q − 32)`, 210 bytes a block.
  ///
  /// Low nibbles (128 bytes), high bit pairs (64), sixteen signed scales `s` of 16 elements each, d. Each
  /// half of a block is 64 bytes of nibbles and 32 of pairs: element 32·g + i of a half has its pair in bits
  /// 2g of byte i, and its nibble in byte i (g = 0, 2: low and high) or 32 + i (g = 1, 3).
  package static func q6_k(
    _ source: UnsafeRawPointer, blocks: Int, to destination: UnsafeMutablePointer<Float>
  ) {
    for block in 0..<blocks {
      let bytes = unsafe source + block * 210
      let d = FloatLanes(repeating: unsafe scale(bytes, 208))
      let scales =
        d
        * FloatLanes(
          SIMD16<Int32>(
            truncatingIfNeeded: unsafe bytes.loadUnaligned(fromByteOffset: 192, as: SIMD16<Int8>.self)))
      for half in 0..<2 {
        for part in 0..<2 {
          let output = block * 256 + half * 128 + part * 16
          let first = half * 8 + part
          let even = unsafe lanes(bytes, half * 64 + part * 16)
          let odd = unsafe lanes(bytes, half * 64 + 32 + part * 16)
          let pairs = unsafe lanes(bytes, 128 + half * 32 + part * 16)
          let q0 = even & 15 | (pairs & 3) &<< 4
          let q1 = odd & 15 | ((pairs &>> 2) & 3) &<< 4
          let q2 = even &>> 4 | ((pairs &>> 4) & 3) &<< 4
          let q3 = odd &>> 4 | (pairs &>> 6) &<< 4
          unsafe store(signed(q0, minus: 32) * scales[first], destination, output)
          unsafe store(signed(q1, minus: 32) * scales[first + 2], destination, output + 32)
          unsafe store(signed(q2, minus: 32) * scales[first + 4], destination, output + 64)
          unsafe store(signed(q3, minus: 32) * scales[first + 6], destination, output + 96)
        }
      }
    }
  }

  /// `d · q`, 292 bytes a block: d in f32, 256 signed bytes, and sixteen sums for dot products.
  package static func q8_k(
    _ source: UnsafeRawPointer, blocks: Int, to destination: UnsafeMutablePointer<Float>
  ) {
    for block in 0..<blocks {
      let bytes = unsafe source + block * 292
      let d = Float(bitPattern: unsafe bytes.loadUnaligned(as: UInt32.self))
      for part in 0..<16 {
        let q = unsafe bytes.loadUnaligned(fromByteOffset: 4 + part * 16, as: SIMD16<Int8>.self)
        unsafe store(
          FloatLanes(SIMD16<Int32>(truncatingIfNeeded: q)) * d, destination, block * 256 + part * 16)
      }
    }
  }

  /// The eight scales and offsets of a q4_k or q5_k block, each already multiplied by d or dmin.
  ///
  /// Of the twelve bytes b at 4, groups 0–3 have their six bits in b[g] (scale) and b[4+g] (min); groups 4–7
  /// have the low four in the nibbles of b[4+g] and the high two on top of b[g−4] and b[g].
  @inline(__always)
  private static func scalesAndMins(_ bytes: UnsafeRawPointer) -> (SIMD8<Float>, SIMD8<Float>) {
    let b0 = unsafe bytes.loadUnaligned(fromByteOffset: 4, as: SIMD4<UInt8>.self)
    let b4 = unsafe bytes.loadUnaligned(fromByteOffset: 8, as: SIMD4<UInt8>.self)
    let b8 = unsafe bytes.loadUnaligned(fromByteOffset: 12, as: SIMD4<UInt8>.self)
    let scales = SIMD8(lowHalf: b0 & 63, highHalf: b8 & 15 | (b0 &>> 6) &<< 4)
    let mins = SIMD8(lowHalf: b4 & 63, highHalf: b8 &>> 4 | (b4 &>> 6) &<< 4)
    return unsafe (
      scale(bytes, 0) * SIMD8<Float>(SIMD8<Int32>(truncatingIfNeeded: scales)),
      scale(bytes, 2) * SIMD8<Float>(SIMD8<Int32>(truncatingIfNeeded: mins))
    )
  }
}
