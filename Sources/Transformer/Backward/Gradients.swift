internal import Storage

/// The gradients of the trained weights, to which backward passes add.
package final class Gradients {
  /// Which weights, and where each gradient is.
  package let layout: ParameterLayout
  private var memory: AlignedBuffer<Float>

  /// Zeros.
  package init(_ layout: ParameterLayout) {
    self.layout = layout
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
