/// GGUF's 256-element "K" blocks, whose layouts stand in `Dequantize+K.swift`; ``QuantizedGroups`` finds their scales.
extension Quantize {
  /// `(d · s) · q − (dmin · m)` with codes of two bits, 84 bytes a block.
  static func q2_k(
    _ source: UnsafePointer<Float>, blocks: Int, to destination: UnsafeMutableRawPointer
  ) {
    var groups = QuantizedGroups(size: 16, groupsPerBlock: 16)
    for block in 0..<blocks {
      _ = unsafe groups.load(source, first: block, blocks: blocks)
      let found = groups.fitRanges(codeLimit: 3, scaleLimit: 15)
      let bytes = unsafe destination + block * 84
      let scales = codes(found.scales.groups) | codes(found.minimums.groups) &<< 4
      unsafe bytes.storeBytes(of: scales, as: SIMD16<UInt8>.self)
      unsafe storePairs(groups.codeBytes(place: 0), bytes, 16)
      unsafe storeHalf(groups.sharedBits(found.scales.shared, place: 0), bytes, 80)
      unsafe storeHalf(groups.sharedBits(found.minimums.shared, place: 0), bytes, 82)
    }
  }

  /// `(d · (s − 32)) · (q − 4)` with codes of three bits, 110 bytes a block.
  static func q3_k(
    _ source: UnsafePointer<Float>, blocks: Int, to destination: UnsafeMutableRawPointer
  ) {
    var groups = QuantizedGroups(size: 16, groupsPerBlock: 16)
    let ends = candidates(around: 4, within: 1.2)
    for block in 0..<blocks {
      _ = unsafe groups.load(source, first: block, blocks: blocks)
      let found = groups.fitScales(scaleLow: -32, ends: ends) {
        QuantizedGroups.clamped(nearest($0), -4, 3)
      }
      let bytes = unsafe destination + block * 110
      let q = groups.codeBytes(place: 0, plus: 4)
      for index in 0..<32 {
        let thirds = (0..<8).reduce(UInt8(0)) { $0 | (q[$1 * 32 + index] &>> 2) &<< UInt8($1) }
        unsafe bytes.storeBytes(of: thirds, toByteOffset: index, as: UInt8.self)
      }
      unsafe storePairs(q, bytes, 32)
      let s = codes(found.groups + 32)
      for index in 0..<8 {
        unsafe bytes.storeBytes(
          of: s[index] & 15 | s[index + 8] &<< 4, toByteOffset: 96 + index, as: UInt8.self)
      }
      for index in 0..<4 {
        let tops = (0..<4).reduce(UInt8(0)) { $0 | (s[$1 * 4 + index] &>> 4) &<< UInt8(2 * $1) }
        unsafe bytes.storeBytes(of: tops, toByteOffset: 104 + index, as: UInt8.self)
      }
      unsafe storeHalf(groups.sharedBits(found.shared, place: 0), bytes, 108)
    }
  }

  /// `(d · s) · q − (dmin · m)` with codes of four bits, 144 bytes a block.
  static func q4_k(
    _ source: UnsafePointer<Float>, blocks: Int, to destination: UnsafeMutableRawPointer
  ) {
    unsafe rangesOf32(source, blocks, codeLimit: 15, to: destination, blockBytes: 144) { q, bytes in
      unsafe storeNibbles(q, bytes, 16)
    }
  }

  /// As `q4_k` with codes of five bits, 176 bytes a block.
  static func q5_k(
    _ source: UnsafePointer<Float>, blocks: Int, to destination: UnsafeMutableRawPointer
  ) {
    unsafe rangesOf32(source, blocks, codeLimit: 31, to: destination, blockBytes: 176) { q, bytes in
      for index in 0..<32 {
        let fifths = (0..<8).reduce(UInt8(0)) { $0 | (q[$1 * 32 + index] &>> 4) &<< UInt8($1) }
        unsafe bytes.storeBytes(of: fifths, toByteOffset: 16 + index, as: UInt8.self)
      }
      unsafe storeNibbles(q, bytes, 48)
    }
  }

  /// `(d · s) · (q − 32)` with codes of six bits, 210 bytes a block.
  static func q6_k(
    _ source: UnsafePointer<Float>, blocks: Int, to destination: UnsafeMutableRawPointer
  ) {
    var groups = QuantizedGroups(size: 16, groupsPerBlock: 16)
    let ends = candidates(around: 32, within: 1)
    for block in 0..<blocks {
      _ = unsafe groups.load(source, first: block, blocks: blocks)
      let found = groups.fitScales(scaleLow: -128, ends: ends) {
        QuantizedGroups.clamped(nearest($0), -32, 31)
      }
      let bytes = unsafe destination + block * 210
      let q = groups.codeBytes(place: 0, plus: 32)
      for half in 0..<2 {
        for index in 0..<32 {
          let group = (0..<4).map { q[half * 128 + $0 * 32 + index] }
          let at = half * 64 + index
          unsafe bytes.storeBytes(of: group[0] & 15 | group[2] &<< 4, toByteOffset: at, as: UInt8.self)
          unsafe bytes.storeBytes(of: group[1] & 15 | group[3] &<< 4, toByteOffset: at + 32, as: UInt8.self)
          let pairs = (0..<4).reduce(UInt8(0)) { $0 | (group[$1] &>> 4) &<< UInt8(2 * $1) }
          unsafe bytes.storeBytes(of: pairs, toByteOffset: 128 + half * 32 + index, as: UInt8.self)
        }
      }
      unsafe bytes.storeBytes(of: codes(found.groups + 256), toByteOffset: 192, as: SIMD16<UInt8>.self)
      unsafe storeHalf(groups.sharedBits(found.shared, place: 0), bytes, 208)
    }
  }

  // MARK: Parts

  /// Codes that a group's peak may get, on either end of the range: `end` and what is within `distance` of it.
  static func candidates(around end: Float, within distance: Float) -> [Float] {
    (-10...10).flatMap { step in
      let candidate = end + Float(step) * distance / 10
      return [-candidate, candidate]
    }
  }

  /// Blocks of eight groups of 32 elements with scale and minimum, but for the codes, which `store` packs.
  @inline(__always)
  private static func rangesOf32(
    _ source: UnsafePointer<Float>, _ blocks: Int, codeLimit: Float,
    to destination: UnsafeMutableRawPointer, blockBytes: Int,
    _ store: (_ codes: [UInt8], _ bytes: UnsafeMutableRawPointer) -> Void
  ) {
    var groups = QuantizedGroups(size: 32, groupsPerBlock: 8)
    for first in stride(from: 0, to: blocks, by: 2) {
      let present = unsafe groups.load(source, first: first, blocks: blocks)
      let found = groups.fitRanges(codeLimit: codeLimit, scaleLimit: 63)
      let (scales, minimums) = (codes(found.scales.groups), codes(found.minimums.groups))
      for place in 0..<present {
        let bytes = unsafe destination + (first + place) * blockBytes
        unsafe storeHalf(groups.sharedBits(found.scales.shared, place: place), bytes, 0)
        unsafe storeHalf(groups.sharedBits(found.minimums.shared, place: place), bytes, 2)
        let s = place == 0 ? scales.lowHalf : scales.highHalf
        let m = place == 0 ? minimums.lowHalf : minimums.highHalf
        unsafe bytes.storeBytes(
          of: s.lowHalf | (s.highHalf &>> 4) &<< 6, toByteOffset: 4, as: SIMD4<UInt8>.self)
        unsafe bytes.storeBytes(
          of: m.lowHalf | (m.highHalf &>> 4) &<< 6, toByteOffset: 8, as: SIMD4<UInt8>.self)
        unsafe bytes.storeBytes(
          of: s.highHalf & 15 | m.highHalf &<< 4, toByteOffset: 12, as: SIMD4<UInt8>.self)
        unsafe store(groups.codeBytes(place: place), bytes)
      }
    }
  }

  /// Stores the low four bits of 256 codes: each 32 bytes hold two groups of 32, the first in the low nibbles.
  private static func storeNibbles(_ q: [UInt8], _ bytes: UnsafeMutableRawPointer, _ offset: Int) {
    for pair in 0..<4 {
      for index in 0..<32 {
        let nibbles = q[pair * 64 + index] & 15 | q[pair * 64 + 32 + index] &<< 4
        unsafe bytes.storeBytes(of: nibbles, toByteOffset: offset + pair * 32 + index, as: UInt8.self)
      }
    }
  }

  /// Stores the low two bits of 256 codes: each half of a block is 32 bytes with a code of each of its four groups.
  private static func storePairs(_ q: [UInt8], _ bytes: UnsafeMutableRawPointer, _ offset: Int) {
    for half in 0..<2 {
      for index in 0..<32 {
        let pairs = (0..<4).reduce(UInt8(0)) { $0 | (q[half * 128 + $1 * 32 + index] & 3) &<< UInt8(2 * $1) }
        unsafe bytes.storeBytes(of: pairs, toByteOffset: offset + half * 32 + index, as: UInt8.self)
      }
    }
  }

  /// Stores an f16's bits.
  static func storeHalf(_ bits: UInt16, _ bytes: UnsafeMutableRawPointer, _ offset: Int) {
    unsafe bytes.storeBytes(of: bits.littleEndian, toByteOffset: offset, as: UInt16.self)
  }
}
