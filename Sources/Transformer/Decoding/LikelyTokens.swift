internal import Kernels

/// A token that may follow, with its logit.
package struct LikelyToken: Sendable, Equatable {
  /// The token.
  package var token: Int32
  /// Its logit.
  package var logit: Float
}

extension LanguageModelHead {
  /// The `count` most probable tokens after each of `rows`, the most probable first; of equals the lower id first.
  ///
  /// No row of logits is held whole. Fewer where the vocabulary has fewer.
  package func mostProbable(_ count: Int, after rows: [Int], of stream: ResidualStream) throws
    -> [[LikelyToken]]
  {
    precondition(count > 0, "at least one token is asked for")
    var best = [[LikelyToken]](repeating: [], count: rows.count)
    try forEachSlice(stream, rows) { logits, rows, tokens in
      // Reached from several threads, each at places of its own.
      nonisolated(unsafe) let logits = logits
      best.withUnsafeMutableBufferPointer { best in
        nonisolated(unsafe) let best = best
        context.parallelRanges(rows.count, grain: 8) { range in
          for row in range {
            Self.merge(
              logits + row * tokens.count, tokens, into: &best[rows.lowerBound + row], atMost: count)
          }
        }
      }
    }
    return best
  }

  private static func merge(
    _ logits: UnsafePointer<Float>, _ tokens: Range<Int>, into best: inout [LikelyToken], atMost count: Int
  ) {
    var least = best.count < count ? -Float.infinity : best[count - 1].logit
    for index in 0..<tokens.count where logits[index] > least || best.count < count {
      let place = best.firstIndex { $0.logit < logits[index] } ?? best.count
      best.insert(
        LikelyToken(token: Int32(tokens.lowerBound + index), logit: logits[index]), at: place)
      if best.count > count { best.removeLast() }
      if best.count == count { least = best[count - 1].logit }
    }
  }
}
