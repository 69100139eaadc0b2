/// Quantisation into GGUF's 32-element blocks; the K types are in `Quantize+K.swift`.
///
/// The scale takes a block's extreme element to the end of the range, and elements are divided by it before it is
/// rounded to f16: the arithmetic of ggml's reference, so bytes equal gguf-py's. Where the scale is too small for f16
/// the block is all zeros. ``narrow(_:from:count:to:)`` keeps out what is not finite. Destinations may be unaligned.
enum Quantize {
  /// Sixteen floats: half a block here, an element of each of sixteen groups in the K types.
  typealias FloatLanes = SIMD16<Float>

  /// `d = peak / −8`, the peak being the element of largest magnitude; `q = x / d + 8`.
  static func q4_0(
    _ source: UnsafePointer<Float>, blocks: Int, to destination: UnsafeMutableRawPointer
  ) {
    for block in 0..<blocks {
      let (low, high) = unsafe halves(source, block)
      let bytes = unsafe destination + block * 18
      let inverse = unsafe storeScale(peak(low, high) / -8, bytes, 0)
      let nibbles =
        codes(truncated(low * inverse + 8.5, most: 15))
        | codes(truncated(high * inverse + 8.5, most: 15)) &<< 4
      unsafe bytes.storeBytes(of: nibbles, toByteOffset: 2, as: SIMD16<UInt8>.self)
    }
  }

  /// `d = (largest − smallest) / 15`, `m` the smallest; `q = (x − m) / d`.
  static func q4_1(
    _ source: UnsafePointer<Float>, blocks: Int, to destination: UnsafeMutableRawPointer
  ) {
    for block in 0..<blocks {
      let (low, high) = unsafe halves(source, block)
      let bytes = unsafe destination + block * 20
      let (m, inverse) = unsafe storeRange(low, high, steps: 15, bytes)
      let nibbles =
        codes(truncated((low - m) * inverse + 0.5, most: 15))
        | codes(truncated((high - m) * inverse + 0.5, most: 15)) &<< 4
      unsafe bytes.storeBytes(of: nibbles, toByteOffset: 4, as: SIMD16<UInt8>.self)
    }
  }

  /// `d = peak / −16`; `q = x / d + 16`.
  static func q5_0(
    _ source: UnsafePointer<Float>, blocks: Int, to destination: UnsafeMutableRawPointer
  ) {
    for block in 0..<blocks {
      let (low, high) = unsafe halves(source, block)
      let bytes = unsafe destination + block * 22
      let inverse = unsafe storeScale(peak(low, high) / -16, bytes, 0)
      unsafe storeFiveBits(
        codes(truncated(low * inverse + 16.5, most: 31)),
        codes(truncated(high * inverse + 16.5, most: 31)), bytes, 2)
    }
  }

  /// `d = (largest − smallest) / 31`, `m` the smallest; `q = (x − m) / d`.
  static func q5_1(
    _ source: UnsafePointer<Float>, blocks: Int, to destination: UnsafeMutableRawPointer
  ) {
    for block in 0..<blocks {
      let (low, high) = unsafe halves(source, block)
      let bytes = unsafe destination + block * 24
      let (m, inverse) = unsafe storeRange(low, high, steps: 31, bytes)
      unsafe storeFiveBits(
        codes(truncated((low - m) * inverse + 0.5, most: 31)),
        codes(truncated((high - m) * inverse + 0.5, most: 31)), bytes, 4)
    }
  }

  /// `d = |peak| / 127`; `q = x / d`, halves away from zero.
  static func q8_0(
    _ source: UnsafePointer<Float>, blocks: Int, to destination: UnsafeMutableRawPointer
  ) {
    for block in 0..<blocks {
      let (low, high) = unsafe halves(source, block)
      let bytes = unsafe destination + block * 34
      let inverse = unsafe storeScale(abs(peak(low, high)) / 127, bytes, 0)
      for (half, values) in [low, high].enumerated() {
        let scaled = values * inverse
        let size = magnitude(scaled)
        let whole = truncated(size, most: 127)
        let rounded = whole + FloatLanes.zero.replacing(with: 1, where: size - whole .>= 0.5)
        let signed = rounded.replacing(with: -rounded, where: scaled .< 0)
        unsafe bytes.storeBytes(of: codes(signed + 256), toByteOffset: 2 + half * 16, as: SIMD16<UInt8>.self)
      }
    }
  }

  /// Throws where one of `count` floats, whole blocks, cannot be in a block.
  static func check(_ source: UnsafePointer<Float>, count: Int) throws(QuantizationError) {
    for first in stride(from: 0, to: count, by: 16) {
      let outside = magnitude(unsafe load(source, first)) .<= FloatLanes(repeating: 65504)
      guard outside != SIMDMask(repeating: true) else { continue }
      for index in first..<first + 16 where unsafe !(abs(source[index]) <= 65504) {
        throw unsafe QuantizationError(index: index, value: source[index])
      }
    }
  }

  // MARK: Lanes

  /// Sixteen floats from `index` on.
  @inline(__always)
  static func load(_ source: UnsafePointer<Float>, _ index: Int) -> FloatLanes {
    unsafe UnsafeRawPointer(source).loadUnaligned(fromByteOffset: index * 4, as: FloatLanes.self)
  }

  /// The absolute values.
  @inline(__always)
  static func magnitude(_ values: FloatLanes) -> FloatLanes {
    values.replacing(with: -values, where: values .< 0)
  }

  /// The whole numbers nearest to values within ±2²², ties to even.
  @inline(__always)
  static func nearest(_ values: FloatLanes) -> FloatLanes {
    // Beyond 2²³ a float has no fraction, so the addition rounds.
    let shift = FloatLanes(repeating: 0x1.8p23)
    return (values + shift) - shift
  }

  /// The whole numbers, from 0 to 255 or modulo 256, as bytes.
  @inline(__always)
  static func codes(_ values: FloatLanes) -> SIMD16<UInt8> {
    let words = unsafe unsafeBitCast(values + 0x1p23, to: SIMD16<UInt32>.self)
    return SIMD16<UInt8>(truncatingIfNeeded: words)
  }

  /// Rounds `scale` to f16, stores it at `offset`, and answers what divides by it; 0 where f16 makes it 0.
  @inline(__always)
  static func storeScale(_ scale: Float, _ bytes: UnsafeMutableRawPointer, _ offset: Int) -> Float {
    let bits = HalfPrecision.narrowToF16(scale)
    unsafe bytes.storeBytes(of: bits.littleEndian, toByteOffset: offset, as: UInt16.self)
    return bits & 0x7FFF == 0 ? 0 : 1 / scale
  }

  @inline(__always)
  private static func halves(_ source: UnsafePointer<Float>, _ block: Int) -> (FloatLanes, FloatLanes) {
    unsafe (load(source, block * 32), load(source, block * 32 + 16))
  }

  /// The element of largest magnitude, the first of those where there are several.
  private static func peak(_ low: FloatLanes, _ high: FloatLanes) -> Float {
    let (smallest, largest) = (min(low.min(), high.min()), max(low.max(), high.max()))
    if largest != -smallest { return largest > -smallest ? largest : smallest }
    for values in [low, high] {
      for lane in 0..<16 where values[lane] == largest || values[lane] == smallest { return values[lane] }
    }
    return 0
  }

  /// Stores scale and smallest element as f16, and answers the smallest and what divides by the scale.
  @inline(__always)
  private static func storeRange(
    _ low: FloatLanes, _ high: FloatLanes, steps: Float, _ bytes: UnsafeMutableRawPointer
  ) -> (smallest: Float, inverse: Float) {
    let (smallest, largest) = (min(low.min(), high.min()), max(low.max(), high.max()))
    let inverse = unsafe storeScale((largest - smallest) / steps, bytes, 0)
    _ = unsafe storeScale(smallest, bytes, 2)
    return (smallest, inverse)
  }

  /// Values from 0 on without their fractions, at most `most`.
  @inline(__always)
  private static func truncated(_ values: FloatLanes, most: Float) -> FloatLanes {
    let rounded = nearest(values)
    let whole = rounded - FloatLanes.zero.replacing(with: 1, where: rounded .> values)
    return whole.replacing(with: most, where: whole .> most)
  }

  /// Stores the fifth bits of 32 values as a word at `offset`, and their low nibbles after it.
  private static func storeFiveBits(
    _ low: SIMD16<UInt8>, _ high: SIMD16<UInt8>, _ bytes: UnsafeMutableRawPointer, _ offset: Int
  ) {
    var word: UInt32 = 0
    for lane in 0..<16 {
      word |= UInt32(low[lane] &>> 4) &<< UInt32(lane) | UInt32(high[lane] &>> 4) &<< UInt32(lane + 16)
    }
    unsafe bytes.storeBytes(of: word.littleEndian, toByteOffset: offset, as: UInt32.self)
    unsafe bytes.storeBytes(
      of: low & 15 | high &<< 4, toByteOffset: offset + 4, as: SIMD16<UInt8>.self)
  }
}
