/// A run of keys and values that some queries see: rows `stride` elements apart, in a row a head every `headStep`.
@safe package struct KeyRange {
  let keys: UnsafePointer<Float>
  let values: UnsafePointer<Float>
  let stride: Int
  let headStep: Int?
  let count: Int

  /// A run of `count` keys and values.
  ///
  /// - Parameter headStep: elements from one head to the next in a row; where `nil`, heads are side by side.
  package init(
    keys: UnsafePointer<Float>, values: UnsafePointer<Float>, stride: Int, headStep: Int? = nil, count: Int
  ) {
    unsafe self.keys = keys
    unsafe self.values = values
    self.stride = stride
    self.headStep = headStep
    self.count = count
  }
}

/// The queries of one run of tokens and the ranges of keys before and among them.
@safe package struct AttentionJob {
  let queries: UnsafePointer<Float>
  let queryStride: Int
  let headStep: Int?
  let output: UnsafeMutablePointer<Float>
  let outputStride: Int
  let count: Int
  let ranges: Range<Int>
  let isCausal: Bool

  /// - Parameters:
  ///   - queries: `[count, heads]` of `headDimension` elements, rows `queryStride` apart.
  ///   - headStep: elements from one head to the next in a row; where `nil`, heads are side by side.
  ///   - output: where the heads' results go, side by side, rows `outputStride` apart.
  ///   - ranges: which of the key ranges, in order of position.
  ///   - isCausal: the last `count` keys are the queries' own, and each query sees those up to itself; otherwise every
  ///     query sees every key.
  package init(
    queries: UnsafePointer<Float>, queryStride: Int, headStep: Int? = nil,
    output: UnsafeMutablePointer<Float>,
    outputStride: Int, count: Int, ranges: Range<Int>, isCausal: Bool = true
  ) {
    unsafe self.queries = queries
    self.queryStride = queryStride
    self.headStep = headStep
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
  /// Heads of keys and values.
  package let keyValueHeads: Int
  /// Elements of a head.
  package let headDimension: Int
  /// Factor on the products of queries and keys, 1/√headDimension in most models.
  package let scale: Float
  /// Bound c that scores s are pressed under, c · tanh(s/c), before the softmax; `nil` for none.
  package let scoreCap: Float?
  /// How many keys back a causal query sees, its own included; `nil` for all.
  package let window: Int?

  /// Query rows of one tile.
  ///
  /// With its keys' tile of scores this stays within a core's second-level cache up to a
  /// few thousand keys, and only the part of the score matrix on and below the diagonal is ever built.
  static let tileRows = 64

  /// Attention of `heads` query heads, which share `keyValueHeads` heads of keys and values in equal groups.
  package init(
    heads: Int, keyValueHeads: Int, headDimension: Int, scale: Float, scoreCap: Float? = nil,
    window: Int? = nil
  ) {
    precondition(
      keyValueHeads > 0 && heads % keyValueHeads == 0, "query heads must be a multiple of key heads")
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.headDimension = headDimension
    self.scale = scale
    self.scoreCap = scoreCap
    self.window = window
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
    let (total, before, window) = sight(of: job, keyRanges)
    let keyHead = head / (heads / keyValueHeads)
    let queries = unsafe job.queries + head * (job.headStep ?? headDimension)
    let output = unsafe job.output + head * headDimension
    let tile = min(Self.tileRows, job.count)

    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: tile * (total + 1)) { scratch in
      guard let sums = scratch.baseAddress else { return }
      let scores = unsafe sums + tile
      for start in stride(from: 0, to: job.count, by: tile) {
        let rows = min(tile, job.count - start)
        let visible = max(0, before + start + 1 - window)..<min(total, before + start + rows)
        forEachVisible(job, keyRanges, visible) { range, keys, column in
          let offset = keys.lowerBound * range.stride + keyHead * (range.headStep ?? headDimension)
          unsafe smallGemm(
            rows: rows, columns: keys.count, inner: headDimension, scale: scale,
            queries + start * job.queryStride, job.queryStride, range.keys + offset, range.stride,
            transposeB: true, keep: 0, scores + column, visible.count)
        }
        for row in 0..<rows {
          let last = min(total, before + start + row + 1) - visible.lowerBound
          let first = max(0, before + start + row + 1 - window - visible.lowerBound)
          unsafe sums[row] = softmaxNumerators(scores + row * visible.count, visible.count, first..<last)
        }
        let result = unsafe output + start * job.outputStride
        forEachVisible(job, keyRanges, visible) { range, keys, column in
          let offset = keys.lowerBound * range.stride + keyHead * (range.headStep ?? headDimension)
          unsafe smallGemm(
            rows: rows, columns: headDimension, inner: keys.count, scale: 1, scores + column, visible.count,
            range.values + offset, range.stride, transposeB: false, keep: column == 0 ? 0 : 1, result,
            job.outputStride)
        }
        for row in 0..<rows {
          let inverse = unsafe 1 / sums[row]
          let y = unsafe result + row * job.outputStride
          for i in 0..<headDimension { unsafe y[i] *= inverse }
        }
      }
    }
  }

  /// How many keys a job has; the first query's own place among them, query i seeing keys up to `before + i`, or all of
  /// them; and how many back.
  @inline(__always)
  func sight(of job: AttentionJob, _ keyRanges: [KeyRange]) -> (total: Int, before: Int, window: Int) {
    var total = 0
    for index in job.ranges { total += keyRanges[index].count }
    return (
      total, job.isCausal ? total - job.count : total,
      job.isCausal ? window ?? total : total + job.count
    )
  }

  /// Turns a row of scores into e^(s − max) for the keys `seen` and zero for the others; answers the sum.
  @inline(__always)
  private func softmaxNumerators(_ row: UnsafeMutablePointer<Float>, _ count: Int, _ seen: Range<Int>)
    -> Float
  {
    let x = unsafe row + seen.lowerBound
    if let scoreCap { unsafe softCap(x, seen.count, at: scoreCap) }
    for hidden in 0..<seen.lowerBound { unsafe row[hidden] = 0 }
    for hidden in seen.upperBound..<count { unsafe row[hidden] = 0 }
    return unsafe exponentiate(x, seen.count, shift: laneMaximum(x, seen.count))
  }

  /// Calls `body` for each key range that has keys among the job's keys `visible`: the range, which of its keys, and the
  /// column of the first of them.
  @inline(__always)
  func forEachVisible(
    _ job: AttentionJob, _ keyRanges: [KeyRange], _ visible: Range<Int>,
    _ body: (KeyRange, Range<Int>, Int) -> Void
  ) {
    var first = 0
    for index in job.ranges {
      let range = keyRanges[index]
      let keys = visible.clamped(to: first..<first + range.count)
      if !keys.isEmpty {
        body(range, keys.lowerBound - first..<keys.upperBound - first, keys.lowerBound - visible.lowerBound)
      }
      first += range.count
    }
  }
}
