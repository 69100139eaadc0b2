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
  /// Rows of the residual stream in which a token is scored; what continuations share is scored once.
  package let rows: [Int]
  /// The token that each row is to predict.
  package let targets: [Int32]
  /// Of every request of every group, where its tokens are among ``rows``.
  private let places: [[[Int]]]

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
    let forest = TokenForest(groups.joined().map(\.input), chunkTokens: ForwardPass.chunkTokens)
    var rows: [Int] = []
    var targets: [Int32] = []
    var places: [Scored: Int] = [:]
    var text = 0
    self.places = groups.map { group in
      group.map { request in
        defer { text += 1 }
        return zip(Self.lastRows(request.continuation.count, ofText: text, forest), request.continuation).map
        {
          row, target in
          let scored = Scored(row: row, target: target)
          if let place = places[scored] { return place }
          let place = rows.count
          places[scored] = place
          rows.append(row)
          targets.append(target)
          return place
        }
      }
    }
    (self.forest, self.rows, self.targets) = (forest, rows, targets)
  }

  /// A token after a row.
  private struct Scored: Hashable {
    var row: Int
    var target: Int32
  }

  /// The rows of a text's last tokens.
  private static func lastRows(_ count: Int, ofText text: Int, _ forest: TokenForest) -> [Int] {
    var missing = count
    var last: [Range<Int>] = []
    for range in forest.ranges(ofText: text).reversed() where missing > 0 {
      last.append(range.suffix(missing))
      missing -= range.count
    }
    return last.reversed().flatMap(\.self)
  }

  /// The scores of every group, from those of ``rows`` for ``targets``.
  package func scores(_ scores: RowScores) -> [[ContinuationScore]] {
    places.map { group in
      group.map { places in
        ContinuationScore(
          logProbability: places.reduce(0.0) { $0 + scores.logProbabilities[$1] },
          isGreedy: places.allSatisfy { scores.bestTokens[$0] == targets[$0] })
      }
    }
  }
}
