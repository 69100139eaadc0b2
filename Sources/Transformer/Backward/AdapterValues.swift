package import Kernels
internal import Storage

/// The factors of low-rank adapters, which are trained in place of matrices: W′ = W + s B A.
package final class AdapterValues {
  /// Which matrices, and where their factors are.
  package let layout: ParameterLayout
  private var memory: AlignedBuffer<Float>

  /// Factors as PEFT begins with them: A even on ±1/√inputs (He et al., arXiv 1502.01852, with torch's a = √5), B zero,
  /// so that W′ = W.
  ///
  /// - Parameter seed: of A, drawn row after row in the order of the layout.
  package init(_ layout: ParameterLayout, seed: UInt64) {
    precondition(layout.adapter != nil, "a layout of adapters")
    self.layout = layout
    memory = AlignedBuffer(count: layout.count)
    reset(seed: seed)
  }

  /// Makes the factors what they began as with `seed`.
  package func reset(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    withElements { elements in
      elements.update(repeating: 0)
      for parameter in layout.parameters where parameter.key.factor == .input {
        let bound = 1 / Double(parameter.shape[1]).squareRoot()
        for index in parameter.elements { elements[index] = Float(bound * (2 * generator.nextUnit() - 1)) }
      }
    }
  }

  /// Lends all elements.
  package func withElements<R>(_ body: (UnsafeMutableBufferPointer<Float>) throws -> R) rethrows -> R {
    try withExtendedLifetime(self) { try memory.withUnsafeMutableBufferPointer(body) }
  }

  /// A copy of one factor, row-major.
  package func values(of parameter: ParameterLayout.Parameter) -> [Float] {
    withElements { Array($0[parameter.elements]) }
  }

  /// Lends the factors of a matrix, where it has an adapter.
  package func withFactors(_ role: WeightRole, block: Int, _ body: (LowRankFactors) -> Void) {
    guard let adapter = layout.adapter, let own = layout.factors(role, block: block) else { return }
    withElements { elements in
      guard let base = elements.baseAddress else { return }
      body(
        LowRankFactors(
          input: base + own.input.elements.lowerBound, output: base + own.output.elements.lowerBound,
          rank: adapter.rank, inputs: own.input.shape[1], outputs: own.output.shape[0],
          scale: Float(adapter.scale)))
    }
  }
}
