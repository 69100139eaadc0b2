internal import Storage

extension ComputeContext {
  /// Adds to `sums`, `[width]`, what `body` finds for each piece of `0..<rows`; pieces are computed in parallel and added
  /// in their order, so equal thread counts give equal sums.
  ///
  /// - Parameters:
  ///   - sums: `nil` where nobody wants them; `body` still sees every row.
  ///   - body: adds to zeros what belongs to a range of rows; told `nil` where `sums` is.
  func parallelSums(
    _ rows: Int, width: Int, into sums: UnsafeMutablePointer<Float>?,
    _ body: (Range<Int>, UnsafeMutablePointer<Float>?) -> Void
  ) {
    let pieces = max(1, min(threads, rows / 16))
    func range(_ piece: Int) -> Range<Int> { rows * piece / pieces..<rows * (piece + 1) / pieces }
    guard let sums = unsafe sums else {
      return parallelForEach(pieces) { body(range($0), nil) }
    }
    var partial = AlignedBuffer<Float>(count: pieces * width)
    unsafe partial.withUnsafeMutableBufferPointer { partial in
      guard let partial = partial.baseAddress else { return }
      parallelForEach(pieces) { piece in unsafe body(range(piece), partial + piece * width) }
      for piece in 0..<pieces {
        for i in 0..<width { unsafe sums[i] += partial[piece * width + i] }
      }
    }
  }
}

/// Adds the sum of `rows` rows, `stride` elements apart, to `sums`, `[width]`: the gradient of a bias.
package func addColumnSums(
  _ context: ComputeContext, _ source: UnsafePointer<Float>, rows: Int, width: Int, stride: Int,
  to sums: UnsafeMutablePointer<Float>
) {
  unsafe context.parallelSums(rows, width: width, into: sums) { range, partial in
    guard let partial = unsafe partial else { return }
    for r in range {
      let row = unsafe source + r * stride
      for i in 0..<width { unsafe partial[i] += row[i] }
    }
  }
}

/// Σ aᵢ bᵢ over `count` floats, in f32 lanes.
@inline(__always)
func laneDot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
  var lanes = Lanes.zero
  var i = 0
  while i + 16 <= count {
    unsafe lanes +=
      UnsafeRawPointer(a + i).loadUnaligned(as: Lanes.self)
      * UnsafeRawPointer(b + i).loadUnaligned(as: Lanes.self)
    i += 16
  }
  var sum = lanes.sum()
  while i < count {
    unsafe sum += a[i] * b[i]
    i += 1
  }
  return sum
}
