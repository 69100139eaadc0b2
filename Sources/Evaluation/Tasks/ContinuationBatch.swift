package import Transformer

/// How probable a continuation is.
package struct ContinuationScore: Sendable, Equatable, BitwiseCopyable {
  /// Σ log p of its tokens, in nats.
  package let logProbability: Double
  /// Whether each of its tokens is the most probable one.
  package let isGreedy: Bool

  /// A score of `logProbability` nats.
  package init(logProbability: Double, isGreedy: Bool) {
    self.logProbability = logProbability
    self.isGreedy = isGreedy
  }
}

/// Continuations that go through a model together, what their inputs share computed once.
///
/// Requests come in groups, such as the candidates of one question, which are never torn apart.
package struct ContinuationBatch: Sendable {
  /// The inputs.
  package let forest: TokenForest
  /// Rows of the residual stream in which a token is scored.
  package let rows: [Int]
  /// The token that each row is to predict.
  package let targets: [Int32]
  /// Scored tokens of every request of every group.
  private let counts: [[Int]]

  /// Tokens that go through the model in one pass; bounds the residual stream in memory.
  package static let tokensPerPass = 16_384

  /// The groups of each batch: as many, one after another, as make up ``tokensPerPass``, and at least one.
  ///
  /// - Parameter models: how many models' residual streams are held at a time.
  package static func ranges(of groups: [[ContinuationRequest]], models: Int = 1) -> [Range<Int>] {
    groups.indices.batches(ofAtMost: tokensPerPass / models) { tokens(of: groups[$0]) }
  }

  /// Tokens to be computed for a group, what each input shares with the one before counted once.
  private static func tokens(of group: [ContinuationRequest]) -> Int {
    var previous: [Int32] = []
    var tokens = 0
    for request in group {
      tokens += request.input.count - zip(previous, request.input).prefix { $0 == $1 }.count
      previous = request.input
    }
    return tokens
  }

  /// Packs the groups.
  package init(_ groups: ArraySlice<[ContinuationRequest]>) {
    let requests = Array(groups.joined())
    forest = TokenForest(requests.map(\.input), chunkTokens: ForwardPass.chunkTokens)
    var rows: [Int] = []
    for (text, request) in requests.enumerated() {
      var missing = request.continuation.count
      var last: [Range<Int>] = []
      for range in forest.ranges(ofText: text).reversed() where missing > 0 {
        last.append(range.suffix(missing))
        missing -= range.count
      }
      rows += last.reversed().joined()
    }
    self.rows = rows
    targets = requests.flatMap(\.continuation)
    counts = groups.map { $0.map(\.continuation.count) }
  }

  /// The scores of every group, from those of ``rows`` for ``targets``.
  package func scores(_ scores: RowScores) -> [[ContinuationScore]] {
    var row = 0
    return counts.map { group in
      group.map { count in
        let rows = row..<row + count
        row += count
        return ContinuationScore(
          logProbability: rows.reduce(0.0) { $0 + scores.logProbabilities[$1] },
          isGreedy: rows.allSatisfy { scores.bestTokens[$0] == targets[$0] })
      }
    }
  }
}
