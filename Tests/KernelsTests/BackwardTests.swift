import Kernels
import Testing

/// The products of a backward pass and the optimisers' steps against the same in double precision.
@Suite("Backward products and steps")
struct BackwardTests {
  private static func numbers(_ count: Int, seed: UInt64) -> [Float] {
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { _ in Float(2 * generator.nextUnit() - 1) }
  }

  private func expectClose(_ found: [Float], _ expected: [Double], _ tolerance: Double = 1e-5) {
    #expect(found.count == expected.count)
    for (x, y) in zip(found, expected) { #expect(abs(Double(x) - y) <= tolerance * max(1, abs(y))) }
  }

  @Test(
    "gradients of matrices and of their inputs, of f32 or rounded operands, added or written over whatever was there",
    arguments: [(1, 1, 1), (3, 5, 2), (17, 33, 65), (110, 96, 40), (0, 4, 3)].flatMap { shape in
      ComputePrecision.allCases.map { (shape, $0) }
    }, [WeightMatrix.Layout.outputMajor, .inputMajor])
  func products(
    _ test: (shape: (rows: Int, outputs: Int, inputs: Int), precision: ComputePrecision),
    layout: WeightMatrix.Layout
  ) {
    let ((rows, outputs, inputs), precision) = test
    let stride = outputs + 3
    _ = ComputeContext(threads: 2, precision: precision)
    let x = Operand(Self.numbers(rows * inputs, seed: 1), precision)
    let dy = Operand(Self.numbers(rows * stride, seed: 2), precision)
    let weights = Operand(Self.numbers(outputs * inputs, seed: 3), precision)
    func place(_ output: Int, _ input: Int) -> Int {
      layout == .outputMajor ? output * inputs + input : input * outputs + output
    }
    for accumulate in [false, true] {
      var expected = [Double](repeating: accumulate ? 0.5 : 0, count: outputs * inputs)
      var back = [Double](repeating: accumulate ? 0.5 : 0, count: rows * inputs)
      for row in 0..<rows {
        for output in 0..<outputs {
          let gradient = dy.values[row * stride + output]
          for input in 0..<inputs {
            expected[place(output, input)] += gradient * x.values[row * inputs + input]
            back[row * inputs + input] += gradient * weights.values[place(output, input)]
          }
        }
      }
      var gradient = [Float](repeating: accumulate ? 0.5 : .nan, count: outputs * inputs)
      var inputGradient = [Float](repeating: accumulate ? 0.5 : .nan, count: rows * inputs)
      x.bytes.withUnsafeBytes { x in
        dy.bytes.withUnsafeBytes { dy in
          weights.bytes.withUnsafeBytes { weights in
            // Nothing is read of operands without rows.
            guard let w = weights.baseAddress else { return }
            let output = ActivationMatrix(
              dy.baseAddress ?? w, precision, rows: rows, columns: outputs, stride: stride)
            addMatrixGradient(
              input: ActivationMatrix(x.baseAddress ?? w, precision, rows: rows, columns: inputs),
              outputGradient: output, layout: layout, to: &gradient, accumulate: accumulate)
            multiplyBack(
              output, by: WeightMatrix(w, precision, outputs: outputs, inputs: inputs, layout: layout),
              into: &inputGradient, accumulate: accumulate)
          }
        }
      }
      expectClose(gradient, expected)
      expectClose(inputGradient, back)
    }
  }

  /// Numbers as a product is given them.
  private struct Operand {
    /// Of elements of the precision, one behind the other.
    let bytes: [UInt8]
    /// What they are when they are rounded to it.
    let values: [Double]

    init(_ numbers: [Float], _ precision: ComputePrecision) {
      switch precision {
      case .f32:
        bytes = numbers.withUnsafeBytes { Array($0) }
        values = numbers.map(Double.init)
      case .bf16:
        let rounded = numbers.map(HalfPrecision.narrowToBF16)
        bytes = rounded.withUnsafeBytes { Array($0) }
        values = rounded.map { Double(HalfPrecision.widenBF16($0)) }
      }
    }
  }

  @Test("gradients of an adapter's factors from a part of rounded columns are those of the widened numbers")
  func roundedFactors() {
    let (rows, inputs, outputs, rank) = (7, 19, 11, 3)
    let x = Self.numbers(rows * inputs, seed: 1).map(HalfPrecision.narrowToBF16)
    let dy = Self.numbers(rows * (outputs + 5), seed: 2).map(HalfPrecision.narrowToBF16)
    let (a, b) = (Self.numbers(rank * inputs, seed: 3), Self.numbers(outputs * rank, seed: 4))
    var (found, foundOutput) = (
      [Float](repeating: 0, count: rank * inputs), [Float](repeating: 0, count: outputs * rank)
    )
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        x.withUnsafeBytes { x in
          dy.withUnsafeBytes { dy in
            guard let a = a.baseAddress, let b = b.baseAddress, let x = x.baseAddress, let dy = dy.baseAddress
            else { return }
            LowRankFactors(input: a, output: b, rank: rank, inputs: inputs, outputs: outputs, scale: 0.5)
              .addGradient(
                input: ActivationMatrix(x, .bf16, rows: rows, columns: inputs),
                outputGradient: ActivationMatrix(dy, .bf16, rows: rows, columns: outputs + 5)
                  .columns(2..<2 + outputs),
                toInput: &found, output: &foundOutput)
          }
        }
      }
    }
    // dW = dyᵀ x, dA = s Bᵀ dW, dB = s dW Aᵀ.
    var (expected, expectedOutput) = (
      [Double](repeating: 0, count: rank * inputs), [Double](repeating: 0, count: outputs * rank)
    )
    for output in 0..<outputs {
      for input in 0..<inputs {
        let gradient = (0..<rows).reduce(0.0) { sum, row in
          sum + Double(HalfPrecision.widenBF16(dy[row * (outputs + 5) + 2 + output]))
            * Double(HalfPrecision.widenBF16(x[row * inputs + input]))
        }
        for r in 0..<rank {
          expected[r * inputs + input] += 0.5 * Double(b[output * rank + r]) * gradient
          expectedOutput[output * rank + r] += 0.5 * gradient * Double(a[r * inputs + input])
        }
      }
    }
    expectClose(found, expected)
    expectClose(foundOutput, expectedOutput)
  }

  @Test("steps of both optimisers, lanes and the rest of a run", arguments: [1, 15, 16, 37, 70_003])
  func steps(count: Int) {
    let context = ComputeContext(threads: 2, precision: .f32)
    let gradient = Self.numbers(count, seed: 1)
    let start = Self.numbers(count, seed: 2)
    var (p, v) = (start, [Float](repeating: 0.25, count: count))
    rmsPropStep(
      context, &p, second: &v, gradient: gradient, gradientScale: 0.5, count: count, rate: 0.01,
      smoothing: 0.9, epsilon: 1e-3)
    let squares = gradient.map { 0.9 * 0.25 + 0.1 * (0.5 * Double($0)) * (0.5 * Double($0)) }
    expectClose(v, squares)
    expectClose(
      p,
      (0..<count).map { index in
        let change = 0.01 * 0.5 * Double(gradient[index]) / (squares[index].squareRoot() + 1e-3)
        return Double(start[index]) - change
      }, 1e-6)

    (p, v) = (start, [Float](repeating: 0.25, count: count))
    var m = [Float](repeating: 0.5, count: count)
    adamWStep(
      context, &p, first: &m, second: &v, gradient: gradient, gradientScale: 0.5, count: count, rate: 0.01,
      decay: 0.1, betas: (0.8, 0.9), epsilon: 1e-3, corrections: (0.4, 0.3))
    let means = gradient.map { 0.8 * 0.5 + 0.2 * 0.5 * Double($0) }
    expectClose(m, means)
    expectClose(v, squares)
    expectClose(
      p,
      (0..<count).map { index in
        let step = 0.01 * means[index] / 0.4 / ((squares[index] / 0.3).squareRoot() + 1e-3)
        return Double(start[index]) * (1 - 0.01 * 0.1) - step
      }, 1e-6)
  }
}
