/// Borrowed factors of a change s B A of a matrix that maps `inputs` features to `outputs` (LoRA, arXiv 2106.09685), f32.
@safe package struct LowRankFactors {
  /// A, `[rank, inputs]`, contiguous.
  private let input: UnsafePointer<Float>
  /// B, `[outputs, rank]`, contiguous.
  private let output: UnsafePointer<Float>
  /// Rows of A.
  package let rank: Int
  /// Features that go in, and features that come out.
  package let inputs: Int
  package let outputs: Int
  /// s.
  package let scale: Float

  /// Borrows A at `input` and B at `output`: they must stay there while the factors are used.
  package init(
    input: UnsafePointer<Float>, output: UnsafePointer<Float>, rank: Int, inputs: Int, outputs: Int,
    scale: Float
  ) {
    unsafe (self.input, self.output) = (input, output)
    (self.rank, self.inputs, self.outputs, self.scale) = (rank, inputs, outputs, scale)
  }

  /// Adds s B A to a matrix of that shape.
  ///
  /// - Parameter layout: `[outputs, inputs]`, or `[inputs, outputs]` where the matrix is stored input-major.
  package func add(to matrix: UnsafeMutablePointer<Float>, layout: WeightMatrix.Layout) {
    switch layout {
    case .outputMajor:
      unsafe smallGemm(
        rows: outputs, columns: inputs, inner: rank, scale: scale, output, rank, input, inputs,
        transposeB: false, keep: 1, matrix, inputs)
    case .inputMajor:
      unsafe smallGemm(
        rows: inputs, columns: outputs, inner: rank, scale: scale, input, inputs, output, rank,
        transposeA: true, transposeB: true, keep: 1, matrix, outputs)
    case .packed: preconditionFailure("a packed matrix cannot be changed")
    }
  }

  /// Adds the gradients of A and B, given y = x · (W + s B A)ᵀ and the gradient of y: dA += s (dy · B)ᵀ · x and
  /// dB += s dyᵀ · (x · Aᵀ).
  ///
  /// The gradient of the matrix itself, which is `outputs` · `inputs`, is never formed.
  /// - Parameters:
  ///   - x: `[rows, inputs]`.
  ///   - outputGradient: dy, `[rows, outputs]`.
  ///   - inputFactor: dA, `[rank, inputs]`.
  ///   - outputFactor: dB, `[outputs, rank]`.
  package func addGradient(
    input x: ActivationMatrix, outputGradient: ActivationMatrix,
    toInput inputFactor: UnsafeMutablePointer<Float>, output outputFactor: UnsafeMutablePointer<Float>
  ) {
    precondition(
      x.rows == outputGradient.rows && x.columns == inputs && outputGradient.columns == outputs,
      "operands must have the shapes of the factors")
    guard x.rows > 0 else { return }
    x.withWidened { x in
      outputGradient.withWidened { outputGradient in
        unsafe addGradient(
          input: x.base.assumingMemoryBound(to: Float.self), x.stride,
          outputGradient: outputGradient.base.assumingMemoryBound(to: Float.self), outputGradient.stride,
          rows: x.rows, toInput: inputFactor, output: outputFactor)
      }
    }
  }

  private func addGradient(
    input x: UnsafePointer<Float>, _ inputStride: Int, outputGradient: UnsafePointer<Float>, _ stride: Int,
    rows: Int, toInput inputFactor: UnsafeMutablePointer<Float>,
    output outputFactor: UnsafeMutablePointer<Float>
  ) {
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: rows * rank) { narrow in
      guard let narrow = narrow.baseAddress else { return }
      unsafe smallGemm(
        rows: rows, columns: rank, inner: inputs, scale: 1, x, inputStride, input, inputs, transposeB: true,
        keep: 0,
        narrow, rank)
      unsafe smallGemm(
        rows: outputs, columns: rank, inner: rows, scale: scale, outputGradient, stride, narrow, rank,
        transposeA: true, transposeB: false, keep: 1, outputFactor, rank)
      unsafe smallGemm(
        rows: rows, columns: rank, inner: outputs, scale: 1, outputGradient, stride, output, rank,
        transposeB: false, keep: 0, narrow, rank)
      unsafe smallGemm(
        rows: rank, columns: inputs, inner: rows, scale: scale, narrow, rank, x, inputStride,
        transposeA: true,
        transposeB: false, keep: 1, inputFactor, inputs)
    }
  }
}
