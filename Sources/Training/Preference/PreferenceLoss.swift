internal import Foundation

/// What is minimised over pairs: a function of the margin h, how much more than the reference the model prefers the
/// chosen side, h = ln π(y⁺)/π_ref(y⁺) − ln π(y⁻)/π_ref(y⁻).
package struct PreferenceLoss: Sendable, Hashable {
  /// The function's form.
  package enum Form: Sendable, Hashable {
    /// −(1 − ε) ln σ(βh) − ε ln σ(−βh): DPO (arXiv 2305.18290) with ε = 0, else with labels wrong with probability ε.
    case logistic(smoothing: Double)
    /// (h − 1/(2β))²: IPO (arXiv 2310.12036), with sums over tokens as its paper has them.
    case squared
  }

  /// The form.
  package var form: Form
  /// β: how closely the model is held to the reference.
  package var beta: Double

  /// A loss from its parts.
  package init(form: Form = .logistic(smoothing: 0), beta: Double = 0.1) {
    (self.form, self.beta) = (form, beta)
  }

  /// The loss of a margin and its derivative with respect to the margin.
  package func callAsFunction(margin: Double) -> (loss: Double, slope: Double) {
    switch form {
    case .logistic(let smoothing):
      let logit = beta * margin
      let loss = (1 - smoothing) * softplus(-logit) + smoothing * softplus(logit)
      return (loss, beta * (1 / (1 + exp(-logit)) - (1 - smoothing)))
    case .squared:
      let excess = margin - 1 / (2 * beta)
      return (excess * excess, 2 * excess)
    }
  }

  /// ln(1 + eˣ) without overflow.
  private func softplus(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }
}
