/// Widens `count` elements of `type` at `source`, which may be unaligned, to floats at `destination`.
///
/// Plain numbers are rounded to the nearest float where they do not fit exactly (f64, 32- and 64-bit
/// integers); booleans become 0 and 1; quantised blocks are dequantised as ggml does, in f32. `count` must be
/// a multiple of `type.blockElements`, and `source` must hold `type.byteCount(elements: count)`.
package func widen(
  _ type: ElementType, from source: UnsafeRawPointer, count: Int,
  to destination: UnsafeMutablePointer<Float>
) {
  precondition(count >= 0 && count % type.blockElements == 0, "\(count) is not whole \(type.name) blocks")
  let blocks = count / type.blockElements
  switch type {
  case .f32: unsafe UnsafeMutableRawPointer(destination).copyMemory(from: source, byteCount: count * 4)
  case .bf16: unsafe HalfPrecision.widenBF16(source, count: count, to: destination)
  case .f16: unsafe HalfPrecision.widenF16(source, count: count, to: destination)
  case .f64: for index in 0..<count { unsafe destination[index] = Float(load(source, index, Double.self)) }
  case .i8: for index in 0..<count { unsafe destination[index] = Float(load(source, index, Int8.self)) }
  case .i16: for index in 0..<count { unsafe destination[index] = Float(load(source, index, Int16.self)) }
  case .i32: for index in 0..<count { unsafe destination[index] = Float(load(source, index, Int32.self)) }
  case .i64: for index in 0..<count { unsafe destination[index] = Float(load(source, index, Int64.self)) }
  case .u8: for index in 0..<count { unsafe destination[index] = Float(load(source, index, UInt8.self)) }
  case .u16: for index in 0..<count { unsafe destination[index] = Float(load(source, index, UInt16.self)) }
  case .u32: for index in 0..<count { unsafe destination[index] = Float(load(source, index, UInt32.self)) }
  case .u64: for index in 0..<count { unsafe destination[index] = Float(load(source, index, UInt64.self)) }
  case .bool:
    for index in 0..<count { unsafe destination[index] = load(source, index, UInt8.self) == 0 ? 0 : 1 }
  case .f8e4m3: unsafe EighthPrecision.widenE4M3(source, count: count, to: destination)
  case .f8e5m2: unsafe EighthPrecision.widenE5M2(source, count: count, to: destination)
  case .q4_0: unsafe Dequantize.q4_0(source, blocks: blocks, to: destination)
  case .q4_1: unsafe Dequantize.q4_1(source, blocks: blocks, to: destination)
  case .q5_0: unsafe Dequantize.q5_0(source, blocks: blocks, to: destination)
  case .q5_1: unsafe Dequantize.q5_1(source, blocks: blocks, to: destination)
  case .q8_0: unsafe Dequantize.q8_0(source, blocks: blocks, to: destination)
  case .q2_k: unsafe Dequantize.q2_k(source, blocks: blocks, to: destination)
  case .q3_k: unsafe Dequantize.q3_k(source, blocks: blocks, to: destination)
  case .q4_k: unsafe Dequantize.q4_k(source, blocks: blocks, to: destination)
  case .q5_k: unsafe Dequantize.q5_k(source, blocks: blocks, to: destination)
  case .q6_k: unsafe Dequantize.q6_k(source, blocks: blocks, to: destination)
  case .q8_k: unsafe Dequantize.q8_k(source, blocks: blocks, to: destination)
  case .iq4_nl: unsafe Dequantize.iq4_nl(source, blocks: blocks, to: destination)
  case .iq4_xs: unsafe Dequantize.iq4_xs(source, blocks: blocks, to: destination)
  }
}

/// The `index`-th little-endian value at `source`.
@inline(__always)
private func load<T: BitwiseCopyable>(_ source: UnsafeRawPointer, _ index: Int, _: T.Type) -> T {
  unsafe source.loadUnaligned(fromByteOffset: index * MemoryLayout<T>.stride, as: T.self)
}
