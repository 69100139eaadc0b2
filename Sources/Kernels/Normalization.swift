/// Root-mean-square norm of each row: yᵢ = xᵢ / √(mean(x²) + ε) · wᵢ (Zhang and Sennrich 2019, arXiv 1910.07467).
///
/// - Parameters:
///   - source: `[rows, width]` f32.
///   - weight: `[width]` f32.
///   - epsilon: ε, added to the mean square.
///   - destination: `[rows, width]` in `precision`; may be `source` itself in f32.
package func rmsNorm(
  _ context: ComputeContext, _ source: UnsafePointer<Float>, rows: Int, width: Int,
  weight: UnsafePointer<Float>,
  epsilon: Float, to destination: UnsafeMutableRawPointer, _ precision: ComputePrecision
) {
  context.parallelRanges(rows, grain: 16) { range in
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { scratch in
      guard let scratch = scratch.baseAddress else { return }
      for r in range {
        let x = unsafe source + r * width
        let row = unsafe place(ofRow: r, width, in: destination, precision, notOver: x) ?? scratch
        let scale = unsafe 1 / (sumOfSquares(x, width) / Float(width) + epsilon).squareRoot()
        unsafe scaleByWeight(x, weight, scale, width, to: row)
        unsafe store(row, width, to: destination, at: r * width, precision)
      }
    }
  }
}

/// Layer norm of each row: yᵢ = (xᵢ − mean) / √(variance + ε) · wᵢ + bᵢ.
///
/// Source: Ba et al. 2016, arXiv 1607.06450.
///
/// - Parameters:
///   - source: `[rows, width]` f32.
///   - weight: `[width]` f32.
///   - bias: `[width]` f32; `nil` for none.
///   - epsilon: ε, added to the variance.
///   - destination: `[rows, width]` in `precision`; may be `source` itself in f32.
package func layerNorm(
  _ context: ComputeContext, _ source: UnsafePointer<Float>, rows: Int, width: Int,
  weight: UnsafePointer<Float>,
  bias: UnsafePointer<Float>?, epsilon: Float, to destination: UnsafeMutableRawPointer,
  _ precision: ComputePrecision
) {
  context.parallelRanges(rows, grain: 16) { range in
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { scratch in
      guard let scratch = scratch.baseAddress else { return }
      for r in range {
        let x = unsafe source + r * width
        let row = unsafe place(ofRow: r, width, in: destination, precision, notOver: x) ?? scratch
        let mean = unsafe laneSum(x, width) / Float(width)
        for i in 0..<width { unsafe row[i] = x[i] - mean }
        let scale = unsafe 1 / (sumOfSquares(row, width) / Float(width) + epsilon).squareRoot()
        unsafe scaleByWeight(row, weight, scale, width, to: row)
        if let bias = unsafe bias {
          for i in 0..<width { unsafe row[i] += bias[i] }
        }
        unsafe store(row, width, to: destination, at: r * width, precision)
      }
    }
  }
}

/// Root-mean-square norm of each head of each row, in place.
///
/// - Parameters:
///   - rowsBase: `rows` rows, `stride` elements apart, each with `heads` heads of `width` elements, `headStep` apart.
///   - weight: `[width]` f32, the same for every head.
package func rmsNormHeads(
  _ context: ComputeContext, _ rowsBase: UnsafeMutablePointer<Float>, rows: Int, stride: Int, heads: Int,
  headStep: Int,
  width: Int, weight: UnsafePointer<Float>, epsilon: Float
) {
  context.parallelRanges(rows, grain: 16) { range in
    for r in range {
      for head in 0..<heads {
        let x = unsafe rowsBase + r * stride + head * headStep
        let scale = unsafe 1 / (sumOfSquares(x, width) / Float(width) + epsilon).squareRoot()
        unsafe scaleByWeight(x, weight, scale, width, to: x)
      }
    }
  }
}

@inline(__always)
private func sumOfSquares(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
  var lanes = Lanes.zero
  var i = 0
  while i + 16 <= count {
    let value = unsafe UnsafeRawPointer(x + i).loadUnaligned(as: Lanes.self)
    lanes += value * value
    i += 16
  }
  var sum = lanes.sum()
  while i < count {
    unsafe sum += x[i] * x[i]
    i += 1
  }
  return sum
}

@inline(__always)
private func scaleByWeight(
  _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, _ scale: Float, _ count: Int,
  to row: UnsafeMutablePointer<Float>
) {
  for i in 0..<count { unsafe row[i] = x[i] * scale * weight[i] }
}

/// Where `row` of `[rows, width]` floats at `destination` can be computed at once; `nil` where it is to be narrowed, or where
/// its input stands, which vector loops read in parts.
@inline(__always)
func place(
  ofRow row: Int, _ width: Int, in destination: UnsafeMutableRawPointer, _ precision: ComputePrecision,
  notOver input: UnsafePointer<Float>
) -> UnsafeMutablePointer<Float>? {
  guard precision == .f32 else { return nil }
  let place = unsafe destination.assumingMemoryBound(to: Float.self) + row * width
  return unsafe UnsafePointer(place) == input ? nil : place
}

/// Writes `count` floats at element `offset` of `destination` in `precision`, unless they stand there already.
@inline(__always)
func store(
  _ source: UnsafePointer<Float>, _ count: Int, to destination: UnsafeMutableRawPointer, at offset: Int,
  _ precision: ComputePrecision
) {
  switch precision {
  case .f32:
    let place = unsafe destination.assumingMemoryBound(to: Float.self) + offset
    if unsafe UnsafePointer(place) != source { unsafe place.update(from: source, count: count) }
  case .bf16:
    unsafe HalfPrecision.narrowToBF16(
      source, count: count, to: destination.assumingMemoryBound(to: UInt16.self) + offset)
  }
}

/// Copies `[rows, width]` f32 rows, `stride` apart, to contiguous rows in `precision`: the operand of a product.
package func narrow(
  _ context: ComputeContext, _ source: UnsafePointer<Float>, rows: Int, width: Int, stride: Int,
  to destination: UnsafeMutableRawPointer, _ precision: ComputePrecision
) {
  context.parallelRanges(rows, grain: 16) { range in
    for r in range {
      unsafe store(source + r * stride, width, to: destination, at: r * width, precision)
    }
  }
}

/// `[rows, columns]` f32 rows, `stride` apart, as the operand of a product: where they lie in f32, else rounded to `copy`,
/// which must have room for them.
package func operand(
  _ context: ComputeContext, _ source: UnsafePointer<Float>, rows: Int, columns: Int, stride: Int,
  roundedTo copy: UnsafeMutableRawPointer?
) -> ActivationMatrix {
  guard context.precision != .f32, let copy = unsafe copy else {
    return unsafe ActivationMatrix(source, .f32, rows: rows, columns: columns, stride: stride)
  }
  unsafe narrow(context, source, rows: rows, width: columns, stride: stride, to: copy, context.precision)
  return unsafe ActivationMatrix(copy, context.precision, rows: rows, columns: columns)
}

/// Adds `bias`, `[width]`, to each of `rows` rows, `stride` elements apart.
package func addBias(
  _ context: ComputeContext, _ bias: UnsafePointer<Float>, to rowsBase: UnsafeMutablePointer<Float>,
  rows: Int,
  width: Int, stride: Int
) {
  context.parallelRanges(rows, grain: 64) { range in
    for r in range {
      let row = unsafe rowsBase + r * stride
      for i in 0..<width { unsafe row[i] += bias[i] }
    }
  }
}
