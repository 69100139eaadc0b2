/// Where a chunk's queries, keys and values and attention's answers lie, and where their gradients do.
///
/// Gradients are laid out exactly as what they belong to.
@safe package struct AttentionGradientMemory {
  let rows: UnsafePointer<Float>
  let rowGradients: UnsafeMutablePointer<Float>
  let output: UnsafePointer<Float>
  let outputGradient: UnsafePointer<Float>

  /// - Parameters:
  ///   - rows: the memory that jobs and key ranges point into.
  ///   - rowGradients: gradients of queries, keys and values are added here.
  ///   - output: attention's answers, which the jobs point into.
  ///   - outputGradient: the gradient of the answers.
  package init(
    rows: UnsafePointer<Float>, rowGradients: UnsafeMutablePointer<Float>, output: UnsafePointer<Float>,
    outputGradient: UnsafePointer<Float>
  ) {
    unsafe self.rows = rows
    unsafe self.rowGradients = rowGradients
    unsafe self.output = output
    unsafe self.outputGradient = outputGradient
  }

  /// Where the gradient of what is at `pointer` goes.
  @inline(__always)
  fileprivate func gradient(of pointer: UnsafePointer<Float>) -> UnsafeMutablePointer<Float> {
    unsafe rowGradients + (pointer - rows)
  }
}

extension Attention {
  /// Query rows of one tile, whose scores stay within a core's second-level cache up to a few thousand keys.
  private static let tileRows = 64

  /// Adds the gradients of queries, keys and values.
  ///
  /// Scores are computed again, a tile at a time. With P the softmax of the scores s and D the rows' sums of dO ∘ O:
  /// dV = Pᵀ dO, ds = P ∘ (dO Vᵀ − D), dQ = scale · ds K, dK = scale · dsᵀ Q (Dao 2023, arXiv 2307.08691); under a bound
  /// c on the scores ds is multiplied by 1 − (s/c)².
  ///
  /// Jobs that share keys must follow each other, as those of texts with a common beginning do. Parallel over groups of
  /// such jobs and heads of keys. Cost: 10 · headDimension operations for each visible pair of query and key and head.
  package func addGradient(
    _ context: ComputeContext, _ jobs: [AttentionJob], keyRanges: [KeyRange],
    _ memory: AttentionGradientMemory
  ) {
    var groups: [Range<Int>] = []
    for index in jobs.indices {
      let first = unsafe keyRanges[jobs[index].ranges.lowerBound].keys
      if let last = groups.last, unsafe keyRanges[jobs[last.lowerBound].ranges.lowerBound].keys == first {
        groups[groups.count - 1] = last.lowerBound..<index + 1
      } else {
        groups.append(index..<index + 1)
      }
    }
    let headsPerKey = heads / keyValueHeads
    context.parallelForEach(groups.count * keyValueHeads) { item in
      for job in groups[item / keyValueHeads] {
        for head in 0..<headsPerKey {
          addGradient(jobs[job], head: item % keyValueHeads * headsPerKey + head, keyRanges, memory)
        }
      }
    }
  }

  private func addGradient(
    _ job: AttentionJob, head: Int, _ keyRanges: [KeyRange], _ memory: AttentionGradientMemory
  ) {
    let sight = sight(of: job, keyRanges)
    let total = sight.total
    let queries = unsafe job.queries + head * (job.headStep ?? headDimension)
    let queryGradients = unsafe memory.gradient(of: queries)
    let output = unsafe UnsafePointer(job.output) + head * headDimension
    let outputGradient = unsafe memory.outputGradient + (output - memory.output)
    let tile = min(Self.tileRows, job.count)

    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: 3 * tile * total) { scratch in
      guard let scores = scratch.baseAddress else { return }
      let (gradients, pressed) = unsafe (scores + tile * total, scores + 2 * tile * total)
      for start in stride(from: 0, to: job.count, by: tile) {
        let rows = min(tile, job.count - start)
        let visible = sight.visible(to: start..<start + rows)
        let width = visible.count
        let tileQueries = unsafe queries + start * job.queryStride
        let tileOutput = unsafe output + start * job.outputStride
        let tileGradient = unsafe outputGradient + start * job.outputStride
        forEachVisible(job, keyRanges, visible) { range, keys, column in
          let offset = offset(range, keys, head)
          unsafe smallGemm(
            rows: rows, columns: keys.count, inner: headDimension, scale: scale, tileQueries, job.queryStride,
            range.keys + offset, range.stride, transposeB: true, keep: 0, scores + column, width)
          unsafe smallGemm(
            rows: rows, columns: keys.count, inner: headDimension, scale: 1, tileGradient, job.outputStride,
            range.values + offset, range.stride, transposeB: true, keep: 0, gradients + column, width)
        }
        for row in 0..<rows {
          let own = sight.visible(to: start + row..<start + row + 1)
          let seen = own.lowerBound - visible.lowerBound..<own.upperBound - visible.lowerBound
          let share = unsafe laneDot(
            tileGradient + row * job.outputStride, tileOutput + row * job.outputStride, headDimension)
          unsafe scoreGradients(
            scores + row * width, gradients + row * width, pressed + row * width, width, seen, share)
        }
        forEachVisible(job, keyRanges, visible) { range, keys, column in
          let offset = offset(range, keys, head)
          unsafe smallGemm(
            rows: keys.count, columns: headDimension, inner: rows, scale: 1, scores + column, width,
            tileGradient, job.outputStride, transposeA: true, transposeB: false, keep: 1,
            memory.gradient(of: range.values + offset), range.stride)
          unsafe smallGemm(
            rows: keys.count, columns: headDimension, inner: rows, scale: scale, gradients + column, width,
            tileQueries, job.queryStride, transposeA: true, transposeB: false, keep: 1,
            memory.gradient(of: range.keys + offset), range.stride)
          unsafe smallGemm(
            rows: rows, columns: headDimension, inner: keys.count, scale: scale, gradients + column, width,
            range.keys + offset, range.stride, transposeB: false, keep: 1,
            queryGradients + start * job.queryStride, job.queryStride)
        }
      }
    }
  }

  /// Turns a row of scores into probabilities and one of dO Vᵀ into the gradient of the scores; zero for keys not seen.
  @inline(__always)
  private func scoreGradients(
    _ scores: UnsafeMutablePointer<Float>, _ gradients: UnsafeMutablePointer<Float>,
    _ pressed: UnsafeMutablePointer<Float>, _ count: Int, _ seen: Range<Int>, _ share: Float
  ) {
    for hidden in 0..<seen.lowerBound { unsafe (scores[hidden], gradients[hidden]) = (0, 0) }
    for hidden in seen.upperBound..<count { unsafe (scores[hidden], gradients[hidden]) = (0, 0) }
    let (p, ds) = unsafe (scores + seen.lowerBound, gradients + seen.lowerBound)
    if let scoreCap {
      unsafe softCap(p, seen.count, at: scoreCap)
      for i in 0..<seen.count {
        let relative = unsafe p[i] / scoreCap
        unsafe pressed[i] = 1 - relative * relative
      }
    }
    let inverse = unsafe 1 / exponentiate(p, seen.count, shift: laneMaximum(p, seen.count))
    for i in 0..<seen.count {
      unsafe p[i] *= inverse
      unsafe ds[i] = p[i] * (ds[i] - share)
    }
    guard scoreCap != nil else { return }
    for i in 0..<seen.count { unsafe ds[i] *= pressed[i] }
  }
}
