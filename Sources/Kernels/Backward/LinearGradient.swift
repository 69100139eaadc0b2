/// Adds the gradient of a matrix W to `gradient`, given y = x · Wᵀ and the gradient of y: dW += dyᵀ · x.
///
/// On every thread of the context, in f32.
/// - Parameters:
///   - input: x, `[rows, inputs]`, contiguous.
///   - outputGradient: dy, `[rows, outputs]`, rows `stride` elements apart.
///   - gradient: laid out as the matrix: `[outputs, inputs]`, or `[inputs, outputs]` where it is stored input-major.
package func addMatrixGradient(
  input: UnsafePointer<Float>, outputGradient: UnsafePointer<Float>, rows: Int, outputs: Int, inputs: Int,
  stride: Int, layout: WeightMatrix.Layout, to gradient: UnsafeMutablePointer<Float>
) {
  guard rows > 0 else { return }
  switch layout {
  case .outputMajor:
    unsafe smallGemm(
      rows: outputs, columns: inputs, inner: rows, scale: 1, outputGradient, stride, input, inputs,
      transposeA: true, transposeB: false, keep: 1, gradient, inputs)
  case .inputMajor:
    unsafe smallGemm(
      rows: inputs, columns: outputs, inner: rows, scale: 1, input, inputs, outputGradient, stride,
      transposeA: true, transposeB: false, keep: 1, gradient, outputs)
  case .packed: preconditionFailure("a gradient is laid out as the checkpoint stores the matrix")
  }
}
