internal import Storage

extension ComputeContext {
  /// Floating-point operations a second of this machine's matrix products, measured now.
  ///
  /// - Parameters:
  ///   - rows: rows of the activations, such as tokens.
  ///   - outputs: outputs of the weights.
  ///   - inputs: inputs of the weights.
  ///   - duration: how long to measure; products are whole, so it may take longer.
  package func measuredRate(
    rows: Int = 768, outputs: Int = 768, inputs: Int = 768, for duration: Duration = .milliseconds(80)
  ) -> Double {
    let activations = AlignedBuffer<UInt8>(count: rows * inputs * precision.elementBytes)
    let weights = AlignedBuffer<UInt8>(count: outputs * inputs * precision.elementBytes)
    var result = AlignedBuffer<Float>(count: rows * outputs)
    return unsafe activations.withUnsafeBufferPointer { activations in
      unsafe weights.withUnsafeBufferPointer { weights in
        unsafe result.withUnsafeMutableBufferPointer { result in
          guard let activations = activations.baseAddress, let weights = weights.baseAddress,
            let result = result.baseAddress
          else { return 1 }
          let product = {
            unsafe multiply(
              ActivationMatrix(activations, precision, rows: rows, columns: inputs),
              by: WeightMatrix(weights, precision, outputs: outputs, inputs: inputs, layout: .outputMajor),
              into: result, stride: outputs)
          }
          return 2 * Double(rows * outputs * inputs) * repetitions(a: duration, of: product)
        }
      }
    }
  }
}

/// How many times a second `work` runs, measured for `duration` after a first run that does not count.
package func repetitions(a duration: Duration, of work: () -> Void) -> Double {
  work()
  let clock = ContinuousClock()
  let start = clock.now
  var count = 0
  while start.duration(to: clock.now) < duration {
    work()
    count += 1
  }
  return Double(count) / (start.duration(to: clock.now) / .seconds(1))
}
