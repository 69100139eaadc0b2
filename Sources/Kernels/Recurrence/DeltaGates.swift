#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The gates of a gated delta net: how fast each head forgets, and how much it takes in.
///
/// Of what two matrices make of a token, y and x: a = e^(r · log(1 + e^(y + t))) and b = σ(x), with a rate r < 0 and a number t for
/// each head.
package struct DeltaGates {
  /// Heads of values.
  private let heads: Int
  /// r.
  private let rates: [Float]
  /// t.
  private let times: [Float]
  /// Whether gradients are those of r itself, not of log(−r).
  private let learnsRates: Bool

  /// - Parameters:
  ///   - rates: r of each head, below zero.
  ///   - times: t of each head.
  ///   - learnsRates: whether gradients are those of r itself, not of log(−r).
  package init(rates: [Float], times: [Float], learnsRates: Bool = false) {
    precondition(rates.count == times.count, "two numbers for each head")
    heads = rates.count
    (self.rates, self.times, self.learnsRates) = (rates, times, learnsRates)
  }

  /// Writes a and b.
  ///
  /// - Parameters:
  ///   - inputs: the first row's x and then y of all heads; rows `stride` elements apart.
  ///   - gates: `[rows, 2 · heads]`: a of all heads, then b.
  package func apply(
    _ context: ComputeContext, _ inputs: UnsafePointer<Float>, rows: Int, stride: Int,
    to gates: UnsafeMutablePointer<Float>
  ) {
    context.parallelRanges(rows, grain: 32) { range in
      for row in range {
        let (x, result) = unsafe (inputs + row * stride, gates + row * 2 * heads)
        for head in 0..<heads {
          unsafe result[head] = exp(rates[head] * Self.softplus(x[heads + head] + times[head]))
          unsafe result[heads + head] = 1 / (1 + exp(-x[head]))
        }
      }
    }
  }

  /// Gradient of ``apply(_:_:rows:stride:to:)``.
  ///
  /// - Parameters:
  ///   - gates: what was written.
  ///   - gateGradient: of a and b, laid out alike.
  ///   - inputGradient: of x and y, laid out as `inputs`; is written.
  ///   - rateGradient: that of log(−r), or of r, is added, `[heads]`; `nil` where nobody wants it. `timeGradient` likewise.
  package func gradient(
    _ inputs: UnsafePointer<Float>, rows: Int, stride: Int, gates: UnsafePointer<Float>,
    gateGradient: UnsafePointer<Float>, to inputGradient: UnsafeMutablePointer<Float>,
    rateGradient: UnsafeMutablePointer<Float>?, timeGradient: UnsafeMutablePointer<Float>?
  ) {
    for row in 0..<rows {
      let (x, dx) = unsafe (inputs + row * stride, inputGradient + row * stride)
      let (gate, d) = unsafe (gates + row * 2 * heads, gateGradient + row * 2 * heads)
      for head in 0..<heads {
        let sum = unsafe x[heads + head] + times[head]
        // Of the exponent.
        let exponent = unsafe d[head] * gate[head]
        let added = exponent * rates[head] / (1 + exp(-sum))
        unsafe dx[heads + head] = added
        let b = unsafe gate[heads + head]
        unsafe dx[head] = d[heads + head] * b * (1 - b)
        if let rateGradient = unsafe rateGradient {
          unsafe rateGradient[head] += exponent * (learnsRates ? 1 : rates[head]) * Self.softplus(sum)
        }
        if let timeGradient = unsafe timeGradient { unsafe timeGradient[head] += added }
      }
    }
  }

  /// log(1 + eˣ).
  private static func softplus(_ x: Float) -> Float { x > 20 ? x : log1p(exp(x)) }
}
