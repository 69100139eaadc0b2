import Kernels
import Testing

/// The forward pass's matrix product against its definition in double precision.
@Suite("Activations times weights")
struct MultiplyTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    var rows: Int
    var outputs: Int
    var inputs: Int
    var testDescription: String { "[\(rows), \(inputs)] · [\(outputs), \(inputs)]ᵀ" }
  }

  static let shapes = [
    (1, 1, 1), (1, 7, 13), (1, 97, 576), (2, 1, 31), (3, 5, 2), (17, 19, 23), (64, 64, 64), (67, 71, 1),
    (131, 33, 257),
  ].map { Shape(rows: $0.0, outputs: $0.1, inputs: $0.2) }

  @Test(
    "a product, written or added, into rows apart, is the sum of products", arguments: shapes,
    ComputePrecision.allCases)
  func agreesWithDefinition(_ shape: Shape, _ precision: ComputePrecision) {
    let packed = precision.packedByteCount(outputs: shape.outputs, inputs: shape.inputs).map { _ in
      WeightMatrix.Layout.packed
    }
    for layout in [.outputMajor, .inputMajor] + [packed].compactMap(\.self) {
      for accumulate in [false, true] {
        for gap in [0, 3] {
          check(shape, precision, layout, accumulate, gap)
        }
      }
    }
  }

  private func check(
    _ shape: Shape, _ precision: ComputePrecision, _ layout: WeightMatrix.Layout, _ accumulate: Bool,
    _ gap: Int
  ) {
    let (rows, outputs, inputs) = (shape.rows, shape.outputs, shape.inputs)
    let (activationStride, stride) = (inputs + gap, outputs + 2 * gap)
    let a = roundedToBF16(TestNumbers.floats(rows * activationStride, seed: 1))
    let w = roundedToBF16(TestNumbers.floats(outputs * inputs, seed: 2))
    let before = TestNumbers.floats(rows * stride, seed: 3)
    var result = before

    func multiplied(_ activations: UnsafeRawPointer, _ weights: UnsafeRawPointer) {
      result.withUnsafeMutableBufferPointer { result in
        guard let base = result.baseAddress else { return }
        let size = precision.packedByteCount(outputs: outputs, inputs: inputs) ?? 1
        let room = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
        defer { room.deallocate() }
        var matrix = WeightMatrix(
          weights, precision, outputs: outputs, inputs: inputs,
          layout: layout == .packed ? .outputMajor : layout)
        if layout == .packed {
          pack(matrix, into: room)
          matrix = WeightMatrix(room, precision, outputs: outputs, inputs: inputs, layout: .packed)
        }
        multiply(
          ActivationMatrix(activations, precision, rows: rows, columns: inputs, stride: activationStride),
          by: matrix, into: base, stride: stride, accumulate: accumulate)
      }
    }
    switch precision {
    case .f32: a.values.withUnsafeBytes { a in w.values.withUnsafeBytes { w in lend(a, w, multiplied) } }
    case .bf16: a.bits.withUnsafeBytes { a in w.bits.withUnsafeBytes { w in lend(a, w, multiplied) } }
    }

    var worst = 0.0
    for row in 0..<rows {
      for column in 0..<stride {
        let found = result[row * stride + column]
        guard column < outputs else {
          #expect(found == before[row * stride + column], "a number between the rows was written to")
          continue
        }
        var sum = accumulate ? Double(before[row * stride + column]) : 0
        var magnitude = abs(sum)
        for inner in 0..<inputs {
          let weight = w.values[layout == .inputMajor ? inner * outputs + column : column * inputs + inner]
          let product = Double(a.values[row * activationStride + inner]) * Double(weight)
          sum += product
          magnitude += abs(product)
        }
        // Rounding is proportional to the sizes summed, not to what is left after they cancel.
        worst = max(worst, found.isNaN ? .infinity : abs(Double(found) - sum) / magnitude)
      }
    }
    #expect(worst < 1e-6, "\(layout), accumulate \(accumulate), gap \(gap)")
  }

  private func lend(
    _ a: UnsafeRawBufferPointer, _ w: UnsafeRawBufferPointer,
    _ body: (UnsafeRawPointer, UnsafeRawPointer) -> Void
  ) {
    if let a = a.baseAddress, let w = w.baseAddress { body(a, w) }
  }

  @Test("no rows are no work")
  func noRows() {
    var result: [Float] = [7]
    let operand: [Float] = [1]
    operand.withUnsafeBytes { operand in
      lend(operand, operand) { a, w in
        multiply(
          ActivationMatrix(a, .f32, rows: 0, columns: 1),
          by: WeightMatrix(w, .f32, outputs: 1, inputs: 1, layout: .outputMajor), into: &result, stride: 1)
      }
    }
    #expect(result == [7])
  }
}
