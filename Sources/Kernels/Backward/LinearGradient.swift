internal import COneDNN

/// The gradient of a matrix W, given y = x · Wᵀ and the gradient of y: dW = dyᵀ · x, or dW += where `accumulate`.
///
/// On every thread of the context, in f32.
/// - Parameters:
///   - input: x, `[rows, inputs]`, contiguous.
///   - outputGradient: dy, `[rows, outputs]`, rows `stride` elements apart.
///   - gradient: laid out as the matrix: `[outputs, inputs]`, or `[inputs, outputs]` where it is stored input-major.
///   - accumulate: add to what is in `gradient` instead of overwriting it.
package func addMatrixGradient(
  input: UnsafePointer<Float>, outputGradient: UnsafePointer<Float>, rows: Int, outputs: Int, inputs: Int,
  stride: Int, layout: WeightMatrix.Layout, to gradient: UnsafeMutablePointer<Float>, accumulate: Bool = true
) {
  guard rows > 0 else {
    if !accumulate { unsafe gradient.update(repeating: 0, count: outputs * inputs) }
    return
  }
  switch layout {
  case .outputMajor:
    unsafe product(
      rows: outputs, columns: inputs, inner: rows, outputGradient, stride, transposed: true, input, inputs,
      transposed: false, into: gradient, inputs, accumulate: accumulate)
  case .inputMajor:
    unsafe product(
      rows: inputs, columns: outputs, inner: rows, input, inputs, transposed: true, outputGradient, stride,
      transposed: false, into: gradient, outputs, accumulate: accumulate)
  case .packed: preconditionFailure("a gradient is laid out as the checkpoint stores the matrix")
  }
}

/// The gradient of x, given y = x · Wᵀ and the gradient of y: dx = dy · W, or dx += where `accumulate`.
///
/// On every thread of the context, in f32.
/// - Parameters:
///   - outputGradient: dy, `[rows, outputs]`, rows `stride` elements apart.
///   - matrix: W, not packed.
///   - inputGradient: dx, `[rows, inputs]`, contiguous.
///   - accumulate: add to what is in `inputGradient` instead of overwriting it.
package func multiplyBack(
  _ outputGradient: UnsafePointer<Float>, rows: Int, stride: Int, by matrix: WeightMatrix,
  into inputGradient: UnsafeMutablePointer<Float>, accumulate: Bool
) {
  precondition(matrix.precision == .f32 && matrix.layout != .packed, "gradients are f32, matrices unpacked")
  guard rows > 0 else { return }
  let isOutputMajor = matrix.layout == .outputMajor
  unsafe product(
    rows: rows, columns: matrix.inputs, inner: matrix.outputs, outputGradient, stride, transposed: false,
    matrix.base.assumingMemoryBound(to: Float.self), isOutputMajor ? matrix.inputs : matrix.outputs,
    transposed: !isOutputMajor, into: inputGradient, matrix.inputs, accumulate: accumulate)
}

/// result (+)= op(a) · op(b), through oneDNN, or BLAS where there is none.
private func product(
  rows: Int, columns: Int, inner: Int, _ a: UnsafePointer<Float>, _ aStride: Int, transposed transposeA: Bool,
  _ b: UnsafePointer<Float>, _ bStride: Int, transposed transposeB: Bool,
  into result: UnsafeMutablePointer<Float>, _ stride: Int, accumulate: Bool
) {
  let status = unsafe profs_sgemm(
    transposeA ? 1 : 0, transposeB ? 1 : 0, Int64(rows), Int64(columns), Int64(inner), a, Int64(aStride), b,
    Int64(bStride), result, Int64(stride), accumulate ? 1 : 0)
  guard status == PROFS_GEMM_UNAVAILABLE else {
    // Shapes and strides are ours, so a refusal is a programming error or memory exhausted inside oneDNN.
    precondition(status == 0, "oneDNN refused a matrix product (status \(status))")
    return
  }
  unsafe smallGemm(
    rows: rows, columns: columns, inner: inner, scale: 1, a, aStride, b, bStride, transposeA: transposeA,
    transposeB: transposeB, keep: accumulate ? 1 : 0, result, stride)
}
