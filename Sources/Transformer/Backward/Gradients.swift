internal import Kernels
internal import Storage

/// The gradients of the trained weights, to which backward passes add.
package final class Gradients {
  /// Which weights, and where each gradient is.
  package let layout: ParameterLayout
  private let adapters: AdapterValues?
  private var memory: AlignedBuffer<Float>

  /// Zeros.
  ///
  /// - Parameter adapters: what the layout's adapters hold, of which their gradients are made.
  package init(_ layout: ParameterLayout, adapters: AdapterValues? = nil) {
    precondition((layout.adapter == nil) == (adapters == nil), "gradients of adapters need their values")
    self.layout = layout
    self.adapters = adapters
    memory = AlignedBuffer(count: layout.count)
  }

  /// Where a tensor's gradient is added, laid out as the checkpoint stores the tensor; `nil` where nobody wants it.
  ///
  /// Valid while the gradients live.
  func pointer(_ role: WeightRole, block: Int? = nil, _ part: Model.Part = .weight)
    -> UnsafeMutablePointer<Float>?
  {
    guard let offset = layout.offset(role, block: block, part) else { return nil }
    return withElements { $0.baseAddress.map { $0 + offset } }
  }

  /// Adds the gradients of the factors of a matrix's adapter, where it has one, given y = x · W′ᵀ and the gradient of y.
  ///
  /// - Parameters:
  ///   - input: x, `[rows, inputs]`.
  ///   - outputGradient: dy, rows `stride` elements apart.
  func addFactorGradients(
    _ role: WeightRole, block: Int, input: UnsafePointer<Float>, outputGradient: UnsafePointer<Float>,
    rows: Int, stride: Int
  ) {
    guard let adapters, let own = layout.factors(role, block: block) else { return }
    withElements { elements in
      guard let base = elements.baseAddress else { return }
      adapters.withFactors(role, block: block) { factors in
        factors.addGradient(
          input: input, outputGradient: outputGradient, rows: rows, stride: stride,
          toInput: base + own.input.elements.lowerBound, output: base + own.output.elements.lowerBound)
      }
    }
  }

  /// Lends all elements.
  package func withElements<R>(_ body: (UnsafeMutableBufferPointer<Float>) throws -> R) rethrows -> R {
    try withExtendedLifetime(self) { try memory.withUnsafeMutableBufferPointer(body) }
  }

  /// A copy of one tensor's gradient, row-major.
  package func values(of parameter: ParameterLayout.Parameter) -> [Float] {
    withElements { Array($0[parameter.elements]) }
  }

  /// Sets every gradient to zero.
  package func reset() { withElements { $0.update(repeating: 0) } }
}
