/// Stores `count` floats at `source` as elements of `type` at `destination`, which may be unaligned: the inverse of
/// `widen`.
///
/// Plain types are rounded to the nearest value, ties to even; NaN and infinities stay what they are, and f16 makes an
/// infinity of what is beyond it. Blocks are quantised without weights for the elements: see ``Quantize``. `count` must
/// be a multiple of `type.blockElements`, `destination` take `type.byteCount(elements: count)`, and
/// `type.isNarrowable` hold.
///
/// - Throws: ``QuantizationError`` where a block type is to hold what no block can; some blocks may have been written.
package func narrow(
  _ type: ElementType, from source: UnsafePointer<Float>, count: Int, to destination: UnsafeMutableRawPointer
) throws(QuantizationError) {
  precondition(count >= 0 && count % type.blockElements == 0, "\(count) is not whole \(type.name) blocks")
  if type.isQuantized { try unsafe Quantize.check(source, count: count) }
  let blocks = count / type.blockElements
  switch type {
  case .f32: unsafe destination.copyMemory(from: source, byteCount: count * 4)
  case .f16: unsafe HalfPrecision.narrowToF16(source, count: count, to: destination)
  case .bf16: unsafe HalfPrecision.narrowToBF16(source, count: count, to: destination)
  case .q4_0: unsafe Quantize.q4_0(source, blocks: blocks, to: destination)
  case .q4_1: unsafe Quantize.q4_1(source, blocks: blocks, to: destination)
  case .q5_0: unsafe Quantize.q5_0(source, blocks: blocks, to: destination)
  case .q5_1: unsafe Quantize.q5_1(source, blocks: blocks, to: destination)
  case .q8_0: unsafe Quantize.q8_0(source, blocks: blocks, to: destination)
  case .q2_k: unsafe Quantize.q2_k(source, blocks: blocks, to: destination)
  case .q3_k: unsafe Quantize.q3_k(source, blocks: blocks, to: destination)
  case .q4_k: unsafe Quantize.q4_k(source, blocks: blocks, to: destination)
  case .q5_k: unsafe Quantize.q5_k(source, blocks: blocks, to: destination)
  case .q6_k: unsafe Quantize.q6_k(source, blocks: blocks, to: destination)
  case .iq4_nl: unsafe Quantize.iq4_nl(source, blocks: blocks, to: destination)
  case .iq4_xs: unsafe Quantize.iq4_xs(source, blocks: blocks, to: destination)
  default: preconditionFailure("floats are not stored as \(type.name)")
  }
}

extension ElementType {
  /// Whether floats can be stored as this type.
  ///
  /// Not as integers, and not as q8_k, which llama.cpp has for activations and no file for weights.
  package var isNarrowable: Bool {
    switch self {
    case .f32, .f16, .bf16: true
    case .q8_k: false
    default: isQuantized
    }
  }
}

/// A number that no block of quantised weights can hold.
package struct QuantizationError: Error, Equatable, CustomStringConvertible {
  /// Where it stands among the floats that were given.
  package let index: Int
  /// The number: NaN, infinite, or beyond what an f16 scale reaches.
  package let value: Float

  /// What is wrong and what to do.
  package var description: String {
    "element \(index) is \(value), but quantised blocks hold numbers up to 65504; write f32 or bf16 instead"
  }
}
