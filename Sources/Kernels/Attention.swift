internal import CVectorLoops

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

  /// Floats of a vector register that the loops use.
  let vectorWidth: Int

  /// The most floats that a vector register of this processor holds.
  package static var widestVector: Int { Int(profs_vector_width()) }

  /// Keys whose values are added at a time: with the tile's weights of them they stay in a core's first-level cache.
  private static let valueRows = 128

  /// Queries from which those of a tile are worked on side by side.
  private static let fewQueries = 4

  /// Attention of `heads` query heads, which share `keyValueHeads` heads of keys and values in equal groups.
  ///
  /// - Parameter vectorWidth: floats of a vector register that the loops use, 4, 8 or 16 and at most ``widestVector``.
  package init(
    heads: Int, keyValueHeads: Int, headDimension: Int, scale: Float, scoreCap: Float? = nil,
    window: Int? = nil, vectorWidth: Int = Self.widestVector
  ) {
    precondition([4, 8, 16].contains(vectorWidth) && vectorWidth <= Self.widestVector, "no such registers")
    precondition(
      keyValueHeads > 0 && heads % keyValueHeads == 0, "query heads must be a multiple of key heads")
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.headDimension = headDimension
    self.scale = scale
    self.scoreCap = scoreCap
    self.window = window
    self.vectorWidth = vectorWidth
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
    let sight = sight(of: job, keyRanges)
    let tile =
      job.count < Self.fewQueries ? 1 : min(2, (job.count + vectorWidth - 1) / vectorWidth) * vectorWidth
    let room = tile * (headDimension + sight.total + 1)
    unsafe withUnsafeTemporaryAllocation(byteCount: 4 * room, alignment: 64) { scratch in
      guard let scratch = unsafe scratch.bindMemory(to: Float.self).baseAddress else { return }
      for start in stride(from: 0, to: job.count, by: tile) {
        let rows = start..<min(job.count, start + tile)
        if tile == 1 {
          unsafe attendRow(job, start, head: head, keyRanges, sight, scratch)
        } else {
          unsafe attendTile(job, rows, head: head, keyRanges, sight, scratch)
        }
      }
    }
  }

  /// Some queries of a job, side by side in the lanes of one or two registers.
  ///
  /// Scores stand a row for each key, `[keys, lanes]`, so that keys and values are used where they lie, the softmax needs no
  /// sum across lanes, and only keys that one of the queries sees are multiplied.
  private func attendTile(
    _ job: AttentionJob, _ rows: Range<Int>, head: Int, _ keyRanges: [KeyRange], _ sight: Sight,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    let lanes = rows.count <= vectorWidth ? vectorWidth : 2 * vectorWidth
    let (columns, inverses) = unsafe (scratch, scratch + lanes * headDimension)
    let scores = unsafe inverses + lanes
    let visible = sight.visible(to: rows)
    unsafe profs_scaled_columns(
      Int64(vectorWidth), queries(of: job, rows.lowerBound, head), Int64(job.queryStride), Int64(rows.count),
      Int64(headDimension), scale, Int64(lanes), columns)
    forEachVisible(job, keyRanges, visible) { range, keys, column in
      unsafe profs_products(
        Int64(vectorWidth), Int64(keys.count), Int64(lanes), Int64(headDimension),
        range.keys + offset(range, keys, head), Int64(range.stride), 1, columns, Int64(lanes),
        scores + column * lanes, Int64(lanes), 0)
    }
    let high = sight.before + rows.lowerBound + 1 - visible.lowerBound
    unsafe profs_softmax_columns(
      Int64(vectorWidth), scores, Int64(visible.count), Int64(lanes), Int64(high - sight.window), Int64(high),
      scoreCap ?? 0, inverses)
    let result = unsafe job.output + rows.lowerBound * job.outputStride + head * headDimension
    forEachVisible(job, keyRanges, visible) { range, keys, column in
      let values = unsafe range.values + offset(range, keys, head)
      for first in stride(from: 0, to: keys.count, by: Self.valueRows) {
        unsafe profs_products(
          Int64(vectorWidth), Int64(rows.count), Int64(headDimension),
          Int64(min(Self.valueRows, keys.count - first)), scores + (column + first) * lanes, 1, Int64(lanes),
          values + first * range.stride, Int64(range.stride), result, Int64(job.outputStride),
          column + first == 0 ? 0 : 1)
      }
    }
    for row in 0..<rows.count {
      let y = unsafe result + row * job.outputStride
      for i in 0..<headDimension { unsafe y[i] *= inverses[row] }
    }
  }

  /// One query of a job, its scores side by side.
  private func attendRow(
    _ job: AttentionJob, _ row: Int, head: Int, _ keyRanges: [KeyRange], _ sight: Sight,
    _ scores: UnsafeMutablePointer<Float>
  ) {
    let visible = sight.visible(to: row..<row + 1)
    forEachVisible(job, keyRanges, visible) { range, keys, column in
      unsafe profs_scaled_dots(
        Int64(vectorWidth), range.keys + offset(range, keys, head), Int64(range.stride), Int64(keys.count),
        Int64(headDimension), queries(of: job, row, head), scale, scores + column)
    }
    if let scoreCap { unsafe softCap(scores, visible.count, at: scoreCap) }
    let sum = unsafe exponentiate(scores, visible.count, shift: laneMaximum(scores, visible.count))
    let result = unsafe job.output + row * job.outputStride + head * headDimension
    forEachVisible(job, keyRanges, visible) { range, keys, column in
      unsafe profs_products(
        Int64(vectorWidth), 1, Int64(headDimension), Int64(keys.count), scores + column, 0, 1,
        range.values + offset(range, keys, head), Int64(range.stride), result, Int64(job.outputStride),
        column == 0 ? 0 : 1)
    }
    for i in 0..<headDimension { unsafe result[i] /= sum }
  }

  /// A query's elements of one head.
  private func queries(of job: AttentionJob, _ row: Int, _ head: Int) -> UnsafePointer<Float> {
    unsafe job.queries + row * job.queryStride + head * (job.headStep ?? headDimension)
  }

  /// Elements from the first key of `range` to the first of `keys`, in the head that query head `head` reads.
  @inline(__always)
  func offset(_ range: KeyRange, _ keys: Range<Int>, _ head: Int) -> Int {
    keys.lowerBound * range.stride + head / (heads / keyValueHeads) * (range.headStep ?? headDimension)
  }

  /// Which keys a job's queries see.
  struct Sight {
    /// How many keys the job has.
    let total: Int
    /// The first query's own place among them: query i sees keys up to `before + i`, or all of them.
    let before: Int
    /// How many keys back a query sees, its own included.
    let window: Int

    /// The keys that at least one of the queries `rows` sees.
    @inline(__always)
    func visible(to rows: Range<Int>) -> Range<Int> {
      max(0, before + rows.lowerBound + 1 - window)..<min(total, before + rows.upperBound)
    }
  }

  /// What the queries of a job see.
  @inline(__always)
  func sight(of job: AttentionJob, _ keyRanges: [KeyRange]) -> Sight {
    var total = 0
    for index in job.ranges { total += keyRanges[index].count }
    return Sight(
      total: total, before: job.isCausal ? total - job.count : total,
      window: job.isCausal ? window ?? total : total + job.count)
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
