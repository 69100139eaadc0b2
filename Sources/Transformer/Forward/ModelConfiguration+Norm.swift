package import Kernels

extension ModelConfiguration {
  /// The model's norm of `[rows, hidden]` rows.
  package func applyNorm(
    _ context: ComputeContext, _ source: UnsafePointer<Float>, rows: Int, weight: [Float], bias: [Float]?,
    to destination: UnsafeMutableRawPointer, _ precision: ComputePrecision
  ) {
    switch norm {
    case .rms:
      rmsNorm(
        context, source, rows: rows, width: weight.count, weight: weight, epsilon: normEpsilon,
        to: destination,
        precision)
    case .layer:
      layerNorm(
        context, source, rows: rows, width: weight.count, weight: weight, bias: bias, epsilon: normEpsilon,
        to: destination, precision)
    }
  }
}
