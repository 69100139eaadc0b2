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

/// `[rows, heads · width]` rows, each head times σ of its gate, in `precision`: the input of the product that follows.
///
/// - Parameters:
///   - source: contiguous rows.
///   - gates: the first row's first gate, as wide as a head; rows `stride` and heads `headStep` elements apart.
package func gate(
  _ context: ComputeContext, _ source: UnsafePointer<Float>, by gates: UnsafePointer<Float>, rows: Int,
  stride: Int, heads: Int, headStep: Int, width: Int, to destination: UnsafeMutableRawPointer,
  _ precision: ComputePrecision
) {
  context.parallelRanges(rows, grain: 16) { range in
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * width) { scratch in
      guard let scratch = scratch.baseAddress else { return }
      for row in range {
        for head in 0..<heads {
          let offset = (row * heads + head) * width
          unsafe sigmoids(of: gates + row * stride + head * headStep, width, to: scratch)
          for i in 0..<width { unsafe scratch[width + i] = source[offset + i] * scratch[i] }
          unsafe store(scratch + width, width, to: destination, at: offset, precision)
        }
      }
    }
  }
}

/// Gradient of ``gate(_:_:by:rows:stride:heads:headStep:width:to:_:)``.
///
/// - Parameters:
///   - gradient: of the result, `[rows, heads · width]`; becomes that of the source.
///   - gateGradient: is written, laid out as the gates.
package func gateGradient(
  _ context: ComputeContext, _ source: UnsafePointer<Float>, by gates: UnsafePointer<Float>, rows: Int,
  stride: Int, heads: Int, headStep: Int, width: Int, _ gradient: UnsafeMutablePointer<Float>,
  to gateGradient: UnsafeMutablePointer<Float>
) {
  context.parallelRanges(rows, grain: 16) { range in
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { scratch in
      guard let scratch = scratch.baseAddress else { return }
      for row in range {
        for head in 0..<heads {
          let (offset, at) = ((row * heads + head) * width, row * stride + head * headStep)
          unsafe sigmoids(of: gates + at, width, to: scratch)
          for i in 0..<width {
            let share = unsafe gradient[offset + i] * scratch[i]
            unsafe gateGradient[at + i] = share * source[offset + i] * (1 - scratch[i])
            unsafe gradient[offset + i] = share
          }
        }
      }
    }
  }
}

/// σ of `count` floats.
private func sigmoids(of x: UnsafePointer<Float>, _ count: Int, to result: UnsafeMutablePointer<Float>) {
  var i = 0
  while i + 16 <= count {
    let value = unsafe UnsafeRawPointer(x + i).loadUnaligned(as: Lanes.self)
    unsafe UnsafeMutableRawPointer(result + i).storeBytes(
      of: 1 / (1 + Lanes.fastExponential(-value)), as: Lanes.self)
    i += 16
  }
  while i < count {
    unsafe result[i] = 1 / (1 + Lanes.fastExponential(Lanes(repeating: -x[i]))[0])
    i += 1
  }
}
