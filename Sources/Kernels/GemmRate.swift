internal import Storage

extension ComputeContext {
  /// Floating-point operations a second of this machine's matrix products, measured now in about a tenth of a second.
  package func measuredRate() -> Double {
    let size = 768
    let operand = AlignedBuffer<UInt8>(count: size * size * precision.elementBytes)
    var result = AlignedBuffer<Float>(count: size * size)
    return unsafe operand.withUnsafeBufferPointer { operand in
      unsafe result.withUnsafeMutableBufferPointer { result in
        guard let operand = operand.baseAddress, let result = result.baseAddress else { return 1 }
        func run() {
          unsafe multiply(
            ActivationMatrix(operand, precision, rows: size, columns: size),
            by: WeightMatrix(operand, precision, outputs: size, inputs: size, layout: .outputMajor),
            into: result,
            stride: size)
        }
        run()
        let clock = ContinuousClock()
        let start = clock.now
        var count = 0
        while start.duration(to: clock.now) < .milliseconds(80) {
          run()
          count += 1
        }
        let parts = start.duration(to: clock.now).components
        let seconds = Double(parts.seconds) + Double(parts.attoseconds) * 1e-18
        return 2 * Double(size * size * size) * Double(count) / seconds
      }
    }
  }
}
