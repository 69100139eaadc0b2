internal import Foundation
internal import Kernels
internal import Storage
internal import Transformer

/// How gradients become steps.
package enum OptimizerKind: Sendable, Hashable {
  /// AdamW with β₁, β₂, ε and weight decay.
  case adamW(betas: [Double], epsilon: Double, decay: Double)
  /// RMSprop with smoothing α and ε.
  case rmsProp(smoothing: Double, epsilon: Double)

  /// RMSprop as torch has it by default.
  package static let standardRMSProp = OptimizerKind.rmsProp(smoothing: 0.99, epsilon: 1e-8)

  /// Its name in files and on the command line.
  package var name: String {
    switch self {
    case .adamW: "adamw"
    case .rmsProp: "rmsprop"
    }
  }
}

/// An optimiser's memory of the steps so far.
final class Optimizer {
  /// How gradients become steps.
  let kind: OptimizerKind
  private let count: Int
  /// The running moments: of AdamW first and second, of RMSprop the second alone.
  private var moments: AlignedBuffer<Float>
  /// Steps taken.
  var steps = 0

  /// Zeros for `count` weights.
  init(_ kind: OptimizerKind, count: Int, _ context: ComputeContext) {
    self.kind = kind
    self.count = count
    let all =
      switch kind {
      case .adamW: 2 * count
      case .rmsProp: count
      }
    moments = unsafe AlignedBuffer(uninitializedCount: all)
    moments.withUnsafeMutableBufferPointer { moments in
      guard let base = moments.baseAddress else { return }
      clear(context, base, count: all)
    }
  }

  /// Lends the moments, to be saved or restored.
  func withMoments<R>(_ body: (UnsafeMutableBufferPointer<Float>) throws -> R) rethrows -> R {
    try moments.withUnsafeMutableBufferPointer(body)
  }

  /// Takes a step with `scale` times the gradients.
  func step(
    _ context: ComputeContext, _ working: WorkingModel, _ gradients: Gradients, scale: Double, rate: Double
  ) {
    steps += 1
    working.withParameters { parameters in
      gradients.withElements { gradient in
        moments.withUnsafeMutableBufferPointer { moments in
          guard let parameters = parameters.baseAddress, let gradient = gradient.baseAddress,
            let moments = moments.baseAddress
          else { return }
          switch kind {
          case .adamW(let betas, let epsilon, let decay):
            func correction(_ beta: Double) -> Float { Float(1 - pow(beta, Double(steps))) }
            adamWStep(
              context, parameters, first: moments, second: moments + count, gradient: gradient,
              gradientScale: Float(scale), count: count, rate: Float(rate), decay: Float(decay),
              betas: (Float(betas[0]), Float(betas[1])), epsilon: Float(epsilon),
              corrections: (correction(betas[0]), correction(betas[1])))
          case .rmsProp(let smoothing, let epsilon):
            rmsPropStep(
              context, parameters, second: moments, gradient: gradient, gradientScale: Float(scale),
              count: count, rate: Float(rate), smoothing: Float(smoothing), epsilon: Float(epsilon))
          }
        }
      }
    }
  }
}
