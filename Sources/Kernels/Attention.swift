/// A run of keys and values that some queries see, rows `stride` elements apart, heads side by side in a row.
@safe package struct KeyRange {
  /// Element of the first key's (and value's) first head; row i begins `i · stride` elements further on.
  let keys: UnsafePointer<Float>
  let values: UnsafePointer<Float>
  let stride: Int
  let count: Int

  /// Borrows the rows: they must stay where they are until attention has run.
  package init(keys: UnsafePointer<Float>, values: UnsafePointer<Float>, stride: Int, count: Int) {
    unsafe self.keys = keys
    unsafe self.values = values
    self.stride = stride
    self.count = count
  }
}

/// The queries of one run of tokens and the ranges of keys before and among them.
@safe package struct AttentionJob {
  let queries: UnsafePointer<Float>
  let queryStride: Int
  let output: UnsafeMutablePointer<Float>
  let outputStride: Int
  let count: Int
  let ranges: Range<Int>
  let isCausal: Bool

  /// - Parameters:
  ///   - queries: `[count, heads · headDimension]`, rows `queryStride` apart.
  ///   - output: where the heads' results go, same shape, rows `outputStride` apart.
  ///   - ranges: which of the key ranges, in order of position.
  ///   - isCausal: the last `count` keys are the queries' own, and each query sees those up to itself; otherwise every
  ///     query sees every key.
  package init(
    queries: UnsafePointer<Float>, queryStride: Int, output: UnsafeMutablePointer<Float>, outputStride: Int,
    count: Int, ranges: Range<Int>, isCausal: Bool = true
  ) {
    unsafe self.queries = queries
    self.queryStride = queryStride
    unsafe self.output = output
    self.outputStride = outputStride
    self.count = count
    self.ranges = ranges
    self.isCausal = isCausal
  }
}

/// Softmax attention with grouped heads: softmax(scale · Q Kᵀ) V, each query seeing the keys up to its own.
package struct Attention: Sendable {
  /// Query heads.
  package let heads: Int
  /// Heads of keys and of values; query head h reads number h / (heads / keyValueHeads).
  package let keyValueHeads: Int
  /// Elements of a head.
  package let headDimension: Int
  /// Factor on the products of queries and keys, 1/√headDimension in most models.
  package let scale: Float

  /// Query rows of one tile.
  ///
  /// With its keys' tile of scores this stays within a core's second-level cache up to a few thousand keys,
  /// and only the part of the score matrix on and below the diagonal is ever built.
  private static let tileRows = 64

  /// - Precondition: `heads` is a multiple of `keyValueHeads`.
  package init(heads: Int, keyValueHeads: Int, headDimension: Int, scale: Float) {
    precondition(
      keyValueHeads > 0 && heads % keyValueHeads == 0, "query heads must be a multiple of key heads")
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.headDimension = headDimension
    self.scale = scale
  }

  /// Runs every job, in parallel over jobs and heads.
  ///
  /// Cost: 4 · headDimension operations for each visible pair of query and key of each head; memory: one tile of
  /// scores a thread.
  package func callAsFunction(_ context: ComputeContext, _ jobs: [AttentionJob], keyRanges: [KeyRange]) {
    context.parallelForEach(jobs.count * heads) { item in
      attend(jobs[item / heads], head: item % heads, keyRanges)
    }
  }

  private func attend(_ job: AttentionJob, head: Int, _ keyRanges: [KeyRange]) {
    var total = 0
    for index in job.ranges { total += keyRanges[index].count }
    // Query i sees keys up to `before + i`, or all of them.
    let before = job.isCausal ? total - job.count : total
    let keyOffset = head / (heads / keyValueHeads) * headDimension
    let queries = unsafe job.queries + head * headDimension
    let output = unsafe job.output + head * headDimension
    let tile = min(Self.tileRows, job.count)

    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: tile * total) { scratch in
      guard let scores = scratch.baseAddress else { return }
      var start = 0
      while start < job.count {
        let rows = min(tile, job.count - start)
        let visible = min(total, before + start + rows)
        forEachVisible(job, keyRanges, visible) { range, column, count in
          unsafe smallGemm(
            rows: rows, columns: count, inner: headDimension, scale: scale,
            queries + start * job.queryStride, job.queryStride, range.keys + keyOffset, range.stride,
            transposeB: true, keep: 0, scores + column, visible)
        }
        let result = unsafe output + start * job.outputStride
        unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: rows) { sums in
          for row in 0..<rows {
            let seen = min(total, before + start + row + 1)
            let x = unsafe scores + row * visible
            unsafe sums[row] = exponentiate(x, seen, shift: laneMaximum(x, seen))
            for hidden in seen..<visible { unsafe x[hidden] = 0 }
          }
          forEachVisible(job, keyRanges, visible) { range, column, count in
            unsafe smallGemm(
              rows: rows, columns: headDimension, inner: count, scale: 1, scores + column, visible,
              range.values + keyOffset, range.stride, transposeB: false, keep: column == 0 ? 0 : 1, result,
              job.outputStride)
          }
          for row in 0..<rows {
            let inverse = unsafe 1 / sums[row]
            let y = unsafe result + row * job.outputStride
            for i in 0..<headDimension { unsafe y[i] *= inverse }
          }
        }
        start += rows
      }
    }
  }

  /// Calls `body` with each key range, the column where it starts, and how many of its keys come before `visible`.
  @inline(__always)
  private func forEachVisible(
    _ job: AttentionJob, _ keyRanges: [KeyRange], _ visible: Int, _ body: (KeyRange, Int, Int) -> Void
  ) {
    var column = 0
    for index in job.ranges {
      let range = keyRanges[index]
      let count = min(range.count, visible - column)
      guard count > 0 else { return }
      body(range, column, count)
      column += count
    }
  }
}
