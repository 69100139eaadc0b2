internal import CBLAS
internal import COneDNN

/// A borrowed matrix of activations, `[rows, columns]`, rows `stride` elements apart, in f32 or bf16.
@safe package struct ActivationMatrix {
  let base: UnsafeRawPointer
  let precision: ComputePrecision
  let rows: Int
  let columns: Int
  let stride: Int

  /// - Parameter stride: elements from one row to the next; `columns` when `nil`.
  package init(
    _ base: UnsafeRawPointer, _ precision: ComputePrecision, rows: Int, columns: Int, stride: Int? = nil
  ) {
    unsafe self.base = base
    self.precision = precision
    self.rows = rows
    self.columns = columns
    self.stride = stride ?? columns
  }
}

/// A borrowed weight matrix that maps `inputs` features to `outputs`, contiguous, in f32 or bf16.
@safe package struct WeightMatrix {
  /// Which dimension is outermost in memory.
  package enum Layout: Sendable, Hashable {
    /// `[outputs, inputs]`, as torch's `Linear` stores it.
    case outputMajor
    /// `[inputs, outputs]`, as GPT-2's `Conv1D` stores it.
    case inputMajor
  }

  /// The first element, aligned to the size of one.
  let base: UnsafeRawPointer
  /// Type of the elements.
  let precision: ComputePrecision
  /// Features that come out, and features that go in.
  let outputs: Int
  let inputs: Int
  /// Order of the two dimensions in memory.
  let layout: Layout

  /// Borrows `outputs · inputs` elements at `base`: they must stay there while products are taken with them.
  package init(
    _ base: UnsafeRawPointer, _ precision: ComputePrecision, outputs: Int, inputs: Int, layout: Layout
  ) {
    unsafe self.base = base
    self.precision = precision
    self.outputs = outputs
    self.inputs = inputs
    self.layout = layout
  }
}

/// `result = activations · weightsᵀ` (or `+=`), the one matrix product of the forward pass.
///
/// f32 goes through BLAS, bf16 through oneDNN with sums in f32; both use every thread of the context.
/// - Parameters:
///   - activations: `[rows, inputs]`.
///   - weights: maps inputs to outputs; same precision as the activations.
///   - result: `[rows, outputs]` f32, rows `stride` elements apart.
///   - accumulate: add to what is in `result` instead of overwriting it.
package func multiply(
  _ activations: ActivationMatrix, by weights: WeightMatrix, into result: UnsafeMutablePointer<Float>,
  stride: Int, accumulate: Bool = false
) {
  precondition(activations.columns == weights.inputs, "activation columns must equal weight inputs")
  precondition(activations.precision == weights.precision, "operands must share a precision")
  guard activations.rows > 0 else { return }
  switch weights.precision {
  case .f32:
    let transpose = weights.layout == .outputMajor
    unsafe cblas_sgemm(
      CblasRowMajor, CblasNoTrans, transpose ? CblasTrans : CblasNoTrans,
      Int32(activations.rows), Int32(weights.outputs), Int32(weights.inputs), 1,
      activations.base.assumingMemoryBound(to: Float.self), Int32(activations.stride),
      weights.base.assumingMemoryBound(to: Float.self), Int32(transpose ? weights.inputs : weights.outputs),
      accumulate ? 1 : 0, result, Int32(stride))
  case .bf16:
    let outputMajor = weights.layout == .outputMajor
    let status = unsafe profs_gemm_bf16(
      Int64(activations.rows), Int64(weights.outputs), Int64(weights.inputs),
      activations.base.assumingMemoryBound(to: UInt16.self), Int64(activations.stride),
      weights.base.assumingMemoryBound(to: UInt16.self), outputMajor ? 1 : Int64(weights.outputs),
      outputMajor ? Int64(weights.inputs) : 1, result, Int64(stride), accumulate ? 1 : 0)
    // Shapes and strides are ours, so a refusal is a programming error or memory exhausted inside oneDNN.
    precondition(status == 0, "oneDNN refused a bf16 matrix product (status \(status))")
  }
}

/// `result[rows, columns] = scale · a · op(b) + keep · result` in f32: the small products of attention.
///
/// Strides are in elements. Inside ``ComputeContext/parallelForEach(_:_:)`` it runs on the calling
/// thread alone.
@inline(__always)
func smallGemm(
  rows: Int, columns: Int, inner: Int, scale: Float, _ a: UnsafePointer<Float>, _ aStride: Int,
  _ b: UnsafePointer<Float>, _ bStride: Int, transposeB: Bool, keep: Float,
  _ result: UnsafeMutablePointer<Float>, _ stride: Int
) {
  unsafe cblas_sgemm(
    CblasRowMajor, CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans, Int32(rows), Int32(columns),
    Int32(inner), scale, a, Int32(aStride), b, Int32(bStride), keep, result, Int32(stride))
}
