internal import Kernels
internal import Storage

/// The gradients of the trained weights, to which backward passes add.
package final class Gradients {
  /// Which weights, and where each gradient is.
  package let layout: ParameterLayout
  private let adapters: AdapterValues?
  private var memory: AlignedBuffer<Float>
  /// Whether a tensor's gradient is zero whatever its memory holds: what is overwritten first need not be cleared.
  private var isStale: [Bool]

  /// Zeros.
  ///
  /// - Parameter adapters: what the layout's adapters hold, of which their gradients are made.
  package init(_ layout: ParameterLayout, adapters: AdapterValues? = nil) {
    precondition((layout.adapter == nil) == (adapters == nil), "gradients of adapters need their values")
    self.layout = layout
    self.adapters = adapters
    // What is overwritten first is not touched before: the threads that write it then take its pages from the system.
    memory = unsafe AlignedBuffer(uninitializedCount: layout.count)
    isStale = Array(repeating: true, count: layout.parameters.count)
    for (index, parameter) in layout.parameters.enumerated() {
      let end = parameter.elements.upperBound
      let next =
        index + 1 < layout.parameters.count ? layout.parameters[index + 1].elements.lowerBound : layout.count
      (base + end).update(repeating: 0, count: next - end)
    }
  }

  /// Where a tensor's gradient is added, laid out as the checkpoint stores the tensor; `nil` where nobody wants it.
  ///
  /// Valid while the gradients live.
  func pointer(_ role: WeightRole, block: Int? = nil, _ part: Model.Part = .weight)
    -> UnsafeMutablePointer<Float>?
  {
    guard let index = layout.index(role, block: block, part) else { return nil }
    clear(index)
    return base + layout.parameters[index].elements.lowerBound
  }

  /// Memory for the gradient of a matrix, or of several side by side that have one input.
  struct MatrixTarget {
    /// The first matrix's first output among those of all that were asked for.
    var firstOutput: Int
    /// Outputs of the matrices together.
    var outputs: Int
    /// Where the gradient goes, laid out as the checkpoint stores the matrices.
    let base: UnsafeMutablePointer<Float>
    /// Whether there is something that it is to be added to; otherwise it must be overwritten.
    let accumulate: Bool
  }

  /// Where the gradients of matrices of one input go; the caller writes all of them.
  ///
  /// Matrices `[outputs, inputs]` that lie one behind another are taken as one; of those that nobody wants a gradient of there
  /// is none.
  ///
  /// - Parameter roles: with the number of outputs of each.
  func matrixTargets(
    _ roles: [(role: WeightRole, outputs: Int)], block: Int? = nil, isOutputMajor: Bool
  ) -> [MatrixTarget] {
    var targets: [MatrixTarget] = []
    var (firstOutput, end) = (0, -1)
    for (role, outputs) in roles {
      defer { firstOutput += outputs }
      guard let index = layout.index(role, block: block) else { continue }
      let elements = layout.parameters[index].elements
      let accumulate = !isStale[index]
      if let last = targets.last, isOutputMajor, end == elements.lowerBound, last.accumulate == accumulate,
        last.firstOutput + last.outputs == firstOutput
      {
        targets[targets.count - 1].outputs += outputs
      } else {
        targets.append(
          MatrixTarget(
            firstOutput: firstOutput, outputs: outputs, base: base + elements.lowerBound,
            accumulate: accumulate))
      }
      isStale[index] = false
      end = elements.upperBound
    }
    return targets
  }

  /// Adds the gradients of the factors of a matrix's adapter, where it has one, given y = x · W′ᵀ and the gradient of y.
  ///
  /// The factors themselves are f32 in these products: with operands in bf16 the gradients are those that the gradient of
  /// W′ of these operands gives by the chain rule.
  /// - Parameters:
  ///   - input: x, `[rows, inputs]`.
  ///   - outputGradient: dy, `[rows, outputs]`.
  func addFactorGradients(
    _ role: WeightRole, block: Int, input: ActivationMatrix, outputGradient: ActivationMatrix
  ) {
    guard let adapters, let own = layout.factors(role, block: block) else { return }
    withElements { elements in
      guard let base = elements.baseAddress else { return }
      adapters.withFactors(role, block: block) { factors in
        factors.addGradient(
          input: input, outputGradient: outputGradient, toInput: base + own.input.elements.lowerBound,
          output: base + own.output.elements.lowerBound)
      }
    }
  }

  /// Lends all elements.
  package func withElements<R>(_ body: (UnsafeMutableBufferPointer<Float>) throws -> R) rethrows -> R {
    for index in isStale.indices { clear(index) }
    return try withExtendedLifetime(self) { try memory.withUnsafeMutableBufferPointer(body) }
  }

  /// A copy of one tensor's gradient, row-major.
  package func values(of parameter: ParameterLayout.Parameter) -> [Float] {
    withElements { Array($0[parameter.elements]) }
  }

  /// Sets every gradient to zero.
  package func reset() { for index in isStale.indices { isStale[index] = true } }

  /// Sets a tensor's memory to zero where it is to be.
  private func clear(_ index: Int) {
    guard isStale[index] else { return }
    isStale[index] = false
    let elements = layout.parameters[index].elements
    (base + elements.lowerBound).update(repeating: 0, count: elements.count)
  }

  /// The first element; valid while the gradients live.
  private var base: UnsafeMutablePointer<Float> {
    memory.withUnsafeMutableBufferPointer { memory in
      guard let base = memory.baseAddress else { preconditionFailure("an allocation has an address") }
      return base
    }
  }
}
