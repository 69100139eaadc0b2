/// Adds `addend`, `[count]`, to `sum` element by element.
package func add(
  _ context: ComputeContext, _ addend: UnsafePointer<Float>, to sum: UnsafeMutablePointer<Float>, count: Int
) {
  context.parallelRanges(count, grain: 1 << 14) { range in
    for i in range { unsafe sum[i] += addend[i] }
  }
}

/// values ← factor · values.
package func scale(
  _ context: ComputeContext, _ values: UnsafeMutablePointer<Float>, by factor: Float, count: Int
) {
  context.parallelRanges(count, grain: 1 << 14) { range in
    for i in range { unsafe values[i] *= factor }
  }
}

/// Sets `count` floats to zero on every thread.
package func clear(_ context: ComputeContext, _ x: UnsafeMutablePointer<Float>, count: Int) {
  context.parallelRanges(count, grain: 1 << 16) { range in
    unsafe (x + range.lowerBound).update(repeating: 0, count: range.count)
  }
}

/// Copies `count` floats on every thread.
package func copy(
  _ context: ComputeContext, _ source: UnsafePointer<Float>, to destination: UnsafeMutablePointer<Float>,
  count: Int
) {
  context.parallelRanges(count, grain: 1 << 16) { range in
    unsafe (destination + range.lowerBound).update(from: source + range.lowerBound, count: range.count)
  }
}
