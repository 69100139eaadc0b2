internal import CBLAS
internal import COneDNN

/// A borrowed matrix of activations, `[rows, columns]`, rows `stride` elements apart, in f32 or bf16.
@safe package struct ActivationMatrix {
  let base: UnsafeRawPointer
  let precision: ComputePrecision
  /// Number of rows.
  package let rows: Int
  /// Elements of a row.
  package let columns: Int
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

  /// Some of the columns, where they are.
  package func columns(_ range: Range<Int>) -> ActivationMatrix {
    unsafe ActivationMatrix(
      base + range.lowerBound * precision.elementBytes, precision, rows: rows, columns: range.count,
      stride: stride)
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
    /// In blocks, as ``pack(_:into:)`` wrote it.
    case packed
  }

  /// The first element, aligned to the size of one.
  let base: UnsafeRawPointer
  /// Type of the elements.
  let precision: ComputePrecision
  /// Features that come out, and features that go in.
  package let outputs: Int
  package let inputs: Int
  /// Order of the two dimensions in memory.
  package let layout: Layout

  /// Elements from one input, and from one output, to the next; both 0 where packed.
  fileprivate var strides: (input: Int64, output: Int64) {
    switch layout {
    case .outputMajor: (1, Int64(inputs))
    case .inputMajor: (Int64(outputs), 1)
    case .packed: (0, 0)
    }
  }

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

  /// The same elements as the matrix that maps outputs to inputs, which takes gradients back.
  package var transposed: WeightMatrix {
    precondition(layout != .packed, "a packed matrix has one direction")
    return unsafe WeightMatrix(
      base, precision, outputs: inputs, inputs: outputs,
      layout: layout == .outputMajor ? .inputMajor : .outputMajor)
  }
}

extension ComputePrecision {
  /// oneDNN's name for it.
  var operandType: profs_type { self == .f32 ? PROFS_F32 : PROFS_BF16 }

  /// Bytes that a matrix takes packed; `nil` where matrices cannot be packed.
  package func packedByteCount(outputs: Int, inputs: Int) -> Int? {
    let bytes = Int(profs_packed_bytes(operandType, Int64(outputs), Int64(inputs)))
    return bytes > 0 ? bytes : nil
  }
}

/// Writes `weights` in the order that ``multiply(_:by:into:stride:accumulate:)`` reads fastest.
///
/// Worth it where hundreds of rows are multiplied with the matrix.
/// - Parameter destination: room for ``ComputePrecision/packedByteCount(outputs:inputs:)``, aligned to 64 bytes.
package func pack(_ weights: WeightMatrix, into destination: UnsafeMutableRawPointer) {
  let strides = weights.strides
  let status = unsafe profs_pack(
    weights.precision.operandType, Int64(weights.outputs), Int64(weights.inputs), weights.base, strides.input,
    strides.output, destination)
  precondition(status == 0, "oneDNN refused to pack a matrix (status \(status))")
}

/// `result = activations · weightsᵀ` (or `+=`), the one matrix product of the forward pass.
///
/// Goes through oneDNN, with sums in f32, on every thread of the context; where there is no oneDNN, f32 goes through BLAS.
/// Where the processor or its oneDNN has no product of bf16, the operands are widened and multiplied in f32.
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
  if weights.layout == .packed, stride != weights.outputs {
    return unsafe multiplyApart(
      activations, by: weights, into: result, stride: stride, accumulate: accumulate)
  }
  let strides = weights.strides
  let status = unsafe profs_gemm(
    weights.precision.operandType, Int64(activations.rows), Int64(weights.outputs), Int64(weights.inputs),
    activations.base, Int64(activations.stride), 1, weights.base, strides.input, strides.output, result,
    Int64(stride), accumulate ? 1 : 0)
  if status == PROFS_GEMM_UNAVAILABLE, weights.precision == .f32, weights.layout != .packed {
    let transpose = weights.layout == .outputMajor
    unsafe cblas_sgemm(
      CblasRowMajor, CblasNoTrans, transpose ? CblasTrans : CblasNoTrans,
      Int32(activations.rows), Int32(weights.outputs), Int32(weights.inputs), 1,
      activations.base.assumingMemoryBound(to: Float.self), Int32(activations.stride),
      weights.base.assumingMemoryBound(to: Float.self), Int32(transpose ? weights.inputs : weights.outputs),
      accumulate ? 1 : 0, result, Int32(stride))
    return
  }
  if status == PROFS_GEMM_UNAVAILABLE, weights.precision == .bf16, weights.layout != .packed {
    return unsafe multiplyWidened(
      activations, by: weights, into: result, stride: stride, accumulate: accumulate)
  }
  // Shapes and strides are ours, so a refusal is a programming error or memory exhausted inside oneDNN.
  precondition(status == 0, "oneDNN refused a matrix product (status \(status))")
}

/// The same by way of memory whose rows lie close together: only for that has oneDNN a fast product with packed weights.
private func multiplyApart(
  _ activations: ActivationMatrix, by weights: WeightMatrix, into result: UnsafeMutablePointer<Float>,
  stride: Int, accumulate: Bool
) {
  let (rows, width) = (activations.rows, weights.outputs)
  let close = UnsafeMutablePointer<Float>.allocate(capacity: rows * width)
  defer { unsafe close.deallocate() }
  unsafe multiply(activations, by: weights, into: close, stride: width)
  for row in 0..<rows {
    let (from, to) = unsafe (close + row * width, result + row * stride)
    if accumulate {
      for index in 0..<width { unsafe to[index] += from[index] }
    } else {
      unsafe to.update(from: from, count: width)
    }
  }
}

/// `result[rows, columns] = scale · op(a) · op(b) + keep · result` in f32: the small products of attention.
///
/// Strides are in elements; the inner dimension is that of op(a)'s columns and op(b)'s rows. Inside ``ComputeContext/parallelForEach(_:_:)`` it runs on the calling
/// thread alone.
@inline(__always)
func smallGemm(
  rows: Int, columns: Int, inner: Int, scale: Float, _ a: UnsafePointer<Float>, _ aStride: Int,
  _ b: UnsafePointer<Float>, _ bStride: Int, transposeA: Bool = false, transposeB: Bool, keep: Float,
  _ result: UnsafeMutablePointer<Float>, _ stride: Int
) {
  unsafe cblas_sgemm(
    CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
    Int32(rows), Int32(columns),
    Int32(inner), scale, a, Int32(aStride), b, Int32(bStride), keep, result, Int32(stride))
}
