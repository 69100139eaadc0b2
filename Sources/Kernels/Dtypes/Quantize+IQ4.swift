/// GGUF's two 4-bit types whose codes are indices into a table of unevenly spaced values; see `Dequantize+IQ4.swift`.
extension Quantize {
  /// `d · table[q]`, 18 bytes a block: sixteen blocks at a time, each a group whose scale is its own.
  static func iq4_nl(
    _ source: UnsafePointer<Float>, blocks: Int, to destination: UnsafeMutableRawPointer
  ) {
    var groups = QuantizedGroups(size: 32, groupsPerBlock: 1)
    for first in stride(from: 0, to: blocks, by: 16) {
      let present = unsafe groups.load(source, first: first, blocks: blocks)
      let scales = groups.fitOwnScales(ends: tableEnds, nearest: tableValue)
      for place in 0..<present {
        let bytes = unsafe destination + (first + place) * 18
        unsafe storeHalf(groups.sharedBits(scales, place: place), bytes, 0)
        unsafe storeIndices(groups.codeBytes(place: place, plus: 128)[...], bytes, 2)
      }
    }
  }

  /// `(d · (s − 32)) · table[q]`, 136 bytes a block.
  static func iq4_xs(
    _ source: UnsafePointer<Float>, blocks: Int, to destination: UnsafeMutableRawPointer
  ) {
    var groups = QuantizedGroups(size: 32, groupsPerBlock: 8)
    for first in stride(from: 0, to: blocks, by: 2) {
      let present = unsafe groups.load(source, first: first, blocks: blocks)
      let found = groups.fitScales(scaleLow: -32, ends: tableEnds, nearest: tableValue)
      let scales = codes(found.groups + 32)
      for place in 0..<present {
        let bytes = unsafe destination + (first + place) * 136
        unsafe storeHalf(groups.sharedBits(found.shared, place: place), bytes, 0)
        var (lows, highs) = (UInt32(0), UInt16(0))
        for group in 0..<8 {
          let s = scales[place * 8 + group]
          lows |= UInt32(s & 15) &<< UInt32(4 * group)
          highs |= UInt16(s &>> 4) &<< UInt16(2 * group)
        }
        unsafe storeHalf(highs, bytes, 2)
        unsafe bytes.storeBytes(of: lows.littleEndian, toByteOffset: 4, as: UInt32.self)
        let q = groups.codeBytes(place: place, plus: 128)
        for group in 0..<8 { unsafe storeIndices(q[group * 32..<group * 32 + 32], bytes, 8 + group * 16) }
      }
    }
  }

  private static let table: [Float] = [
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
  ]

  /// Table values around which a group's peak may come to lie, on either end.
  private static let tableEnds: [Float] = (-8...8).flatMap { (step: Int) -> [Float] in
    let shift = Float(step) * 1.5
    return [-127 + shift, 113 + shift]
  }

  /// The table's value nearest to each.
  @inline(__always)
  private static func tableValue(_ values: FloatLanes) -> FloatLanes {
    var nearest = FloatLanes(repeating: table[0])
    for index in 1..<16 {
      let middle = (table[index - 1] + table[index]) / 2
      nearest.replace(with: table[index], where: values .> middle)
    }
    return nearest
  }

  /// Stores 32 table values, 128 added, as indices: sixteen in low nibbles, then sixteen in high ones.
  private static func storeIndices(_ q: ArraySlice<UInt8>, _ bytes: UnsafeMutableRawPointer, _ offset: Int) {
    for index in 0..<16 {
      let (low, high) = (q[q.startIndex + index], q[q.startIndex + 16 + index])
      unsafe bytes.storeBytes(
        of: indexOfValue[Int(low)] | indexOfValue[Int(high)] &<< 4, toByteOffset: offset + index,
        as: UInt8.self)
    }
  }

  /// The index of each table value, by the value with 128 added.
  private static let indexOfValue: [UInt8] = {
    var indices = [UInt8](repeating: 0, count: 256)
    for (index, value) in table.enumerated() { indices[Int(value) + 128] = UInt8(index) }
    return indices
  }()
}
