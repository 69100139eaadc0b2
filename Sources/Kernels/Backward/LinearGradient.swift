internal import COneDNN
internal import Storage

/// The gradient of a matrix W, given y = x · Wᵀ and the gradient of y: dW = dyᵀ · x, or dW += where `accumulate`.
///
/// On every thread of the context; sums are f32 whatever the operands are.
/// - Parameters:
///   - input: x, `[rows, inputs]`.
///   - outputGradient: dy, `[rows, outputs]`, in the same precision.
///   - gradient: laid out as the matrix: `[outputs, inputs]`, or `[inputs, outputs]` where it is stored input-major.
///   - accumulate: add to what is in `gradient` instead of overwriting it.
package func addMatrixGradient(
  input: ActivationMatrix, outputGradient: ActivationMatrix, layout: WeightMatrix.Layout,
  to gradient: UnsafeMutablePointer<Float>, accumulate: Bool = true
) {
  guard input.rows > 0 else {
    if !accumulate { unsafe gradient.update(repeating: 0, count: outputGradient.columns * input.columns) }
    return
  }
  switch layout {
  case .outputMajor: unsafe transposedProduct(outputGradient, input, into: gradient, accumulate: accumulate)
  case .inputMajor: unsafe transposedProduct(input, outputGradient, into: gradient, accumulate: accumulate)
  case .packed: preconditionFailure("a gradient is laid out as the checkpoint stores the matrix")
  }
}

/// The gradient of x, given y = x · Wᵀ and the gradient of y: dx = dy · W, or dx += where `accumulate`.
///
/// On every thread of the context; sums are f32 whatever the operands are.
/// - Parameters:
///   - outputGradient: dy, `[rows, outputs]`.
///   - matrix: W, in the same precision, not packed.
///   - inputGradient: dx, `[rows, inputs]` f32, contiguous.
///   - accumulate: add to what is in `inputGradient` instead of overwriting it.
package func multiplyBack(
  _ outputGradient: ActivationMatrix, by matrix: WeightMatrix,
  into inputGradient: UnsafeMutablePointer<Float>, accumulate: Bool
) {
  precondition(matrix.layout != .packed, "the way back multiplies with matrices that are not packed")
  precondition(outputGradient.columns == matrix.outputs, "gradient columns must equal weight outputs")
  precondition(outputGradient.precision == matrix.precision, "operands must share a precision")
  guard outputGradient.rows > 0 else { return }
  guard matrix.precision == .f32 else {
    return unsafe multiply(
      outputGradient, by: matrix.transposed, into: inputGradient, stride: matrix.inputs,
      accumulate: accumulate)
  }
  let isOutputMajor = matrix.layout == .outputMajor
  unsafe product(
    rows: outputGradient.rows, columns: matrix.inputs, inner: matrix.outputs,
    outputGradient.base.assumingMemoryBound(to: Float.self), outputGradient.stride, transposed: false,
    matrix.base.assumingMemoryBound(to: Float.self), isOutputMajor ? matrix.inputs : matrix.outputs,
    transposed: !isOutputMajor, into: inputGradient, matrix.inputs, accumulate: accumulate)
}

/// result (+)= aᵀ · b of `[rows, …]` operands; the result is `[a.columns, b.columns]` f32.
private func transposedProduct(
  _ a: ActivationMatrix, _ b: ActivationMatrix, into result: UnsafeMutablePointer<Float>, accumulate: Bool
) {
  precondition(a.rows == b.rows && a.precision == b.precision, "operands must share rows and precision")
  guard a.precision == .bf16 else {
    return unsafe product(
      rows: a.columns, columns: b.columns, inner: a.rows, a.base.assumingMemoryBound(to: Float.self),
      a.stride, transposed: true, b.base.assumingMemoryBound(to: Float.self), b.stride, transposed: false,
      into: result, b.columns, accumulate: accumulate)
  }
  let status = unsafe profs_gemm(
    a.precision.operandType, Int64(a.columns), Int64(b.columns), Int64(a.rows), a.base, 1, Int64(a.stride),
    b.base, Int64(b.stride), 1, result, Int64(b.columns), accumulate ? 1 : 0)
  guard status == PROFS_GEMM_UNAVAILABLE else {
    precondition(status == 0, "oneDNN refused a matrix product (status \(status))")
    return
  }
  // No product of bf16 here: the same operands, widened.
  a.withWidened { a in
    b.withWidened { b in
      unsafe transposedProduct(a, b, into: result, accumulate: accumulate)
    }
  }
}

extension ActivationMatrix {
  /// Lends the same numbers in f32.
  package func withWidened(_ body: (ActivationMatrix) -> Void) {
    guard precision == .bf16 else { return body(self) }
    var wide = unsafe AlignedBuffer<Float>(uninitializedCount: rows * columns)
    unsafe wide.withUnsafeMutableBufferPointer { wide in
      guard let wide = wide.baseAddress else { return }
      for row in 0..<rows {
        unsafe HalfPrecision.widenBF16(
          base + precision.elementBytes * row * stride, count: columns, to: wide + row * columns)
      }
      unsafe body(ActivationMatrix(wide, .f32, rows: rows, columns: columns))
    }
  }
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
