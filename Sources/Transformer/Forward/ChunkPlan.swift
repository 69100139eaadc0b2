internal import Kernels

/// Which rows of a chunk attend to which: the forest's segments as runs of rows, worked out once for all blocks.
struct ChunkPlan {
  /// The chunk's tokens.
  let tokens: Range<Int>
  private var queries: [(rows: Range<Int>, isCausal: Bool)] = []
  private var ranges: [Range<Int>] = []
  private var keys: [Range<Int>] = []
  /// The same for recurrences, and the segment of each run.
  private var runs: [(run: RecurrentRun, segment: Int)] = []

  /// The plan of one of the forest's chunks.
  init(_ forest: TokenForest, chunk: Int, isCausal: Bool) {
    tokens = forest.tokenRange(ofChunk: chunk)
    for segment in forest.chunks[chunk] {
      let first = keys.count
      for ancestor in forest.path(to: segment) {
        let range = forest.segments[ancestor].tokens
        keys.append(range.lowerBound - tokens.lowerBound..<range.upperBound - tokens.lowerBound)
      }
      let own = forest.segments[segment]
      var run = RecurrentRun(
        rows: own.tokens.lowerBound - tokens.lowerBound..<own.tokens.upperBound - tokens.lowerBound,
        parent: own.parent.map { $0 - forest.chunks[chunk].lowerBound }, depth: keys.count - first - 1)
      run.isPadding = own.isPadding
      runs.append((run, segment))
      queries.append(
        (
          own.tokens.lowerBound - tokens.lowerBound..<own.tokens.upperBound - tokens.lowerBound,
          isCausal && !own.isPadding
        ))
      if own.isPadding { keys.removeLast() }
      ranges.append(first..<keys.count)
    }
  }

  /// The chunk's runs of rows in their order.
  ///
  /// - Parameter finals: where what the last token of a segment leaves goes.
  func recurrence(_ finals: (_ segment: Int) -> [UnsafeMutablePointer<Float>] = { _ in [] }) -> [RecurrentRun]
  {
    runs.map { run, segment in
      var run = run
      run.finals = finals(segment)
      return run
    }
  }

  /// The jobs over the chunk's queries, keys and values, which write `[rows, outputStride]` answers.
  func attention(
    _ qkv: BlockPass.QueryKeyValue, _ output: UnsafeMutablePointer<Float>, outputStride: Int
  ) -> BlockPass.AttentionPlan {
    let keyRanges = keys.map { rows in
      KeyRange(
        keys: qkv.base + rows.lowerBound * qkv.stride + qkv.keys,
        values: qkv.base + rows.lowerBound * qkv.stride + qkv.values, stride: qkv.stride,
        headStep: qkv.headStep,
        count: rows.count)
    }
    let jobs = zip(queries, ranges).map { queries, ranges in
      AttentionJob(
        queries: qkv.base + queries.rows.lowerBound * qkv.stride, queryStride: qkv.stride,
        headStep: qkv.queryStep,
        output: output + queries.rows.lowerBound * outputStride, outputStride: outputStride,
        count: queries.rows.count,
        ranges: ranges, isCausal: queries.isCausal)
    }
    return BlockPass.AttentionPlan(jobs: jobs, keyRanges: keyRanges)
  }
}
