import Foundation
import Kernels
import Testing

/// Norms, activations, biases and the exponential against their formulas in double precision.
@Suite("Row by row kernels")
struct PointwiseTests {
  static let contexts = [
    ComputeContext(threads: 1, precision: .f32), ComputeContext(threads: 2, precision: .f32),
  ]

  @Test(
    "the RMS norm is x / √(mean(x²) + ε) · w",
    arguments: [(1, 1), (1, 16), (3, 5), (1, 48), (40, 17), (7, 131), (100, 576)], ComputePrecision.allCases)
  func rmsNormAgrees(shape: (rows: Int, width: Int), precision: ComputePrecision) {
    let (rows, width) = shape
    let x = TestNumbers.floats(rows * width, seed: 1, scale: 3)
    let weight = TestNumbers.floats(width, seed: 2)
    let epsilon: Float = 1e-2
    let expected = (0..<rows).flatMap { row -> [Double] in
      let values = x[row * width..<(row + 1) * width].map(Double.init)
      let meanSquare = values.reduce(0) { $0 + $1 * $1 } / Double(width)
      let scale = 1 / (meanSquare + Double(epsilon)).squareRoot()
      return zip(values, weight).map { $0 * scale * Double($1) }
    }
    for context in Self.contexts {
      let found = output(rows * width, precision) {
        rmsNorm(context, x, rows: rows, width: width, weight: weight, epsilon: epsilon, to: $0, precision)
      }
      expectEqual(found, expected, precision)
    }
  }

  @Test("the norm may overwrite its source, and a row of zeros stays zero")
  func rmsNormInPlace() {
    let context = Self.contexts[1]
    let x = TestNumbers.floats(3 * 21, seed: 3) + Array(repeating: 0, count: 21)
    let weight = TestNumbers.floats(21, seed: 4)
    let apart = output(4 * 21, .f32) {
      rmsNorm(context, x, rows: 4, width: 21, weight: weight, epsilon: 1e-5, to: $0, .f32)
    }
    var inPlace = x
    inPlace.withUnsafeMutableBufferPointer { rows in
      guard let base = rows.baseAddress else { return }
      rmsNorm(context, base, rows: 4, width: 21, weight: weight, epsilon: 1e-5, to: base, .f32)
    }
    #expect(inPlace == apart)
    #expect(apart.suffix(21).allSatisfy { $0 == 0 })
  }

  @Test(
    "gated SiLU is g / (1 + e⁻ᵍ) · u", arguments: [(1, 1), (1, 56), (5, 16), (33, 19), (2, 1536)],
    ComputePrecision.allCases)
  func siluAgrees(shape: (rows: Int, width: Int), precision: ComputePrecision) {
    let (rows, width) = shape
    var x = TestNumbers.floats(rows * 2 * width, seed: 5, scale: 12)
    // Where the exponential would overflow, or vanish.
    for (index, extreme) in [Float(-1000), 1000, -88, 88, 0].enumerated() where index < width {
      x[index] = extreme
    }
    let expected = (0..<rows).flatMap { row in
      (0..<width).map { column -> Double in
        let gate = Double(x[row * 2 * width + column])
        return gate / (1 + exp(-gate)) * Double(x[row * 2 * width + width + column])
      }
    }
    for context in Self.contexts {
      let found = output(rows * width, precision) {
        Activation.silu.applyGated(context, x, rows: rows, width: width, to: $0, precision)
      }
      expectEqual(found, expected, precision)
    }
  }

  /// The definitions, and their derivatives.
  private static func definition(_ activation: Activation, _ x: Double) -> (value: Double, derivative: Double)
  {
    func numeric(_ f: (Double) -> Double) -> (Double, Double) { (f(x), (f(x + 1e-5) - f(x - 1e-5)) / 2e-5) }
    return switch activation {
    case .silu: numeric { $0 / (1 + exp(-$0)) }
    case .gelu: numeric { 0.5 * $0 * erfc(-$0 / 2.0.squareRoot()) }
    case .geluTangent:
      numeric { 0.5 * $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }
    case .geluSigmoid: numeric { $0 / (1 + exp(-1.702 * $0)) }
    case .relu: (max(x, 0), x > 0 ? 1 : 0)
    case .reluSquared: (max(x, 0) * max(x, 0), 2 * max(x, 0))
    case .tangent: numeric(tanh)
    }
  }

  @Test("every activation and its gradient are what their definitions say", arguments: Activation.allCases)
  func activations(_ activation: Activation) {
    let (rows, width) = (3, 37)
    let x = TestNumbers.floats(rows * width, seed: 11, scale: 6)
    let gradient = TestNumbers.floats(rows * width, seed: 12)
    let exact = x.map { Self.definition(activation, Double($0)) }
    for context in Self.contexts {
      let found = output(rows * width, .f32) {
        activation.apply(context, x, rows: rows, width: width, to: $0, .f32)
      }
      #expect(largestError(found, exact.map(\.value)) < 2e-6)
      var inner = x
      activation.gradient(context, &inner, rows: rows, width: width, outputGradient: gradient)
      #expect(largestError(inner, zip(exact, gradient).map { $0.derivative * Double($1) }) < 2e-6)
    }
  }

  @Test("narrowing gathers rows that lie apart", arguments: ComputePrecision.allCases)
  func narrowGathers(_ precision: ComputePrecision) {
    let (rows, width, stride) = (37, 19, 23)
    let x = TestNumbers.floats(rows * stride, seed: 6)
    let wanted = (0..<rows).flatMap { x[$0 * stride..<$0 * stride + width] }
    let found = output(rows * width, precision) {
      narrow(Self.contexts[1], x, rows: rows, width: width, stride: stride, to: $0, precision)
    }
    #expect(found == (precision == .f32 ? wanted : roundedToBF16(wanted).values))
  }

  @Test("a bias is added to each row and to nothing between them")
  func biasIsAdded() {
    let (rows, width, stride) = (130, 5, 8)
    let x = TestNumbers.floats(rows * stride, seed: 7)
    let bias = TestNumbers.floats(width, seed: 8)
    var found = x
    addBias(Self.contexts[1], bias, to: &found, rows: rows, width: width, stride: stride)
    for (index, value) in x.enumerated() {
      let column = index % stride
      #expect(found[index] == (column < width ? value + bias[column] : value))
    }
  }

  @Test("the exponential is exact to 2·10⁻⁷ over its range")
  func exponentialAgrees() {
    var worst = 0.0
    let steps = 2_000_000
    for first in stride(from: 0, to: steps, by: 16) {
      var x = Lanes.zero
      for lane in 0..<16 { x[lane] = -87.3 + 175.6 * Float(first + lane) / Float(steps) }
      let found = Lanes.fastExponential(x)
      for lane in 0..<16 {
        let expected = exp(Double(x[lane]))
        worst = max(worst, abs(Double(found[lane]) - expected) / expected)
      }
    }
    #expect(worst < 2e-7)
    #expect(Lanes.fastExponential(.zero)[0] == 1)
  }

  @Test(
    "beyond its range the exponential stays finite and positive",
    arguments: [
      -Float.infinity, -.greatestFiniteMagnitude, -1e4, -87.4, 88.4, 1e4, .greatestFiniteMagnitude, .infinity,
    ])
  func exponentialIsFinite(_ x: Float) {
    let value = Lanes.fastExponential(Lanes(repeating: x))[3]
    #expect(value.isFinite && value > 0)
    #expect(x < 0 ? value < 1.3e-38 : value > 2e38)
  }

  @Test("not a number stays not a number")
  func exponentialOfNaN() {
    #expect(Lanes.fastExponential(Lanes(repeating: .nan))[0].isNaN)
  }

  /// What `body` writes to `count` elements in `precision`, widened.
  private func output(
    _ count: Int, _ precision: ComputePrecision, _ body: (UnsafeMutableRawPointer) -> Void
  ) -> [Float] {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: count * precision.elementBytes, alignment: 64)
    defer { memory.deallocate() }
    body(memory)
    switch precision {
    case .f32:
      return Array(UnsafeBufferPointer(start: memory.assumingMemoryBound(to: Float.self), count: count))
    case .bf16:
      let bits = UnsafeBufferPointer(start: memory.assumingMemoryBound(to: UInt16.self), count: count)
      return bits.map { HalfPrecision.widenBF16($0) }
    }
  }

  /// Each number to f32 rounding, and in bf16 to half a unit of its eighth bit beyond that.
  private func expectEqual(_ found: [Float], _ expected: [Double], _ precision: ComputePrecision) {
    let tolerance = precision == .f32 ? 1e-6 : 0x1p-8 + 1e-6
    for (x, y) in zip(found, expected) where !(abs(Double(x) - y) <= tolerance * abs(y) + 1e-30) {
      Issue.record("found \(x), expected \(y)")
      return
    }
    #expect(found.count == expected.count)
  }
}
