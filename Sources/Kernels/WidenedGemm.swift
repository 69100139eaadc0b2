internal import Storage

/// ``multiply(_:by:into:stride:accumulate:)`` of bf16 operands where the processor has no such product: the operands are
/// widened to f32, the weights a stretch of outputs at a time, so that memory stays bounded whatever their size.
///
/// The same products and sums as oneDNN's, up to the order of the sums; no faster than f32.
func multiplyWidened(
  _ activations: ActivationMatrix, by weights: WeightMatrix, into result: UnsafeMutablePointer<Float>,
  stride: Int, accumulate: Bool
) {
  precondition(activations.precision == .bf16 && weights.layout != .packed, "bf16 operands, not packed")
  let (rows, inputs) = (activations.rows, weights.inputs)
  guard weights.outputs > 0, inputs > 0 else { return }
  var left = unsafe AlignedBuffer<Float>(uninitializedCount: rows * inputs)
  let outputsAtOnce = min(weights.outputs, max(1, widenedElements / inputs))
  var right = unsafe AlignedBuffer<Float>(uninitializedCount: outputsAtOnce * inputs)
  unsafe left.withUnsafeMutableBufferPointer { left in
    unsafe right.withUnsafeMutableBufferPointer { right in
      guard let left = left.baseAddress, let right = right.baseAddress else { return }
      for row in 0..<rows {
        unsafe HalfPrecision.widenBF16(
          activations.base + 2 * row * activations.stride, count: inputs, to: left + row * inputs)
      }
      for first in Swift.stride(from: 0, to: weights.outputs, by: outputsAtOnce) {
        let count = min(outputsAtOnce, weights.outputs - first)
        if weights.layout == .outputMajor {
          unsafe HalfPrecision.widenBF16(
            weights.base + 2 * first * inputs, count: count * inputs, to: right)
        } else {
          for input in 0..<inputs {
            unsafe HalfPrecision.widenBF16(
              weights.base + 2 * (input * weights.outputs + first), count: count, to: right + input * count)
          }
        }
        unsafe multiply(
          ActivationMatrix(left, .f32, rows: rows, columns: inputs),
          by: WeightMatrix(right, .f32, outputs: count, inputs: inputs, layout: weights.layout),
          into: result + first, stride: stride, accumulate: accumulate)
      }
    }
  }
}

/// Elements of the weights that are widened at a time: 4 MiB of floats.
private let widenedElements = 1 << 20
