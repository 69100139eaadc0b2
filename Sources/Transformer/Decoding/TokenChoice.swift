internal import Kernels
internal import Storage

/// Chooses the tokens that follow rows of the last residual stream.
///
/// Greedily a row's best token so far is all that is kept of a slice of the vocabulary. What is sampled needs a whole row of
/// logits: those of some rows at a time stand in memory that is kept from step to step, for a fresh page costs more than what
/// is written to it.
final class TokenChoice {
  private let head: LanguageModelHead
  private let sampling: Sampling
  private let vocabulary: Int
  private var logits = AlignedBuffer<Float>(count: 0)

  /// Rows whose logits are held at a time.
  private static let drawnRows = 256

  /// Takes no memory before the first token is drawn.
  init(_ head: LanguageModelHead, _ sampling: Sampling) {
    (self.head, self.sampling) = (head, sampling)
    vocabulary = head.model.configuration.vocabulary
  }

  /// Logits that are kept for `rows` rows at most.
  static func keptLogits(_ model: Model, _ sampling: Sampling, rows: Int) -> Int {
    sampling.temperature > 0 ? min(rows, drawnRows) * model.configuration.vocabulary : 0
  }

  /// The token after each row of `stream`.
  ///
  /// - Parameter generators: one for each row, which draws its token and nothing else.
  func tokens(after stream: ResidualStream, _ generators: inout [SplitMix64]) throws -> [Int32] {
    let rows = Array(0..<stream.rows)
    guard sampling.temperature > 0 else { return try mostProbable(after: rows, of: stream) }
    return try stride(from: 0, to: rows.count, by: Self.drawnRows).flatMap { first in
      try drawn(after: Array(rows[first..<min(first + Self.drawnRows, rows.count)]), of: stream, &generators)
    }
  }

  private func mostProbable(after rows: [Int], of stream: ResidualStream) throws -> [Int32] {
    var best = [(value: Float, token: Int32)](repeating: (-.infinity, 0), count: rows.count)
    try head.forEachSlice(stream, rows) { logits, rows, tokens in
      // Reached from several threads, each at places of its own.
      nonisolated(unsafe) let logits = logits
      best.withUnsafeMutableBufferPointer { best in
        nonisolated(unsafe) let best = best
        head.context.parallelRanges(rows.count, grain: 8) { range in
          for row in range {
            let found = firstLargest(logits + row * tokens.count, tokens.count)
            let place = rows.lowerBound + row
            if found.value > best[place].value {
              best[place] = (found.value, Int32(tokens.lowerBound + found.index))
            }
          }
        }
      }
    }
    return best.map(\.token)
  }

  /// - Parameter rows: consecutive rows.
  private func drawn(
    after rows: [Int], of stream: ResidualStream, _ generators: inout [SplitMix64]
  ) throws -> [Int32] {
    let (vocabulary, context, sampling, first) = (vocabulary, head.context, sampling, rows.first ?? 0)
    if logits.count < rows.count * vocabulary {
      // What was there before goes first.
      logits = AlignedBuffer(count: 0)
      logits = unsafe AlignedBuffer(uninitializedCount: rows.count * vocabulary)
    }
    return try logits.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return [] }
      nonisolated(unsafe) let whole = base
      try head.forEachSlice(stream, rows) { logits, rows, tokens in
        nonisolated(unsafe) let logits = logits
        context.parallelRanges(rows.count, grain: 8) { range in
          for row in range {
            (whole + (rows.lowerBound + row) * vocabulary + tokens.lowerBound)
              .update(from: logits + row * tokens.count, count: tokens.count)
          }
        }
      }
      var tokens = [Int32](repeating: 0, count: rows.count)
      tokens.withUnsafeMutableBufferPointer { tokens in
        generators.withUnsafeMutableBufferPointer { generators in
          nonisolated(unsafe) let (generators, tokens) = (generators, tokens)
          context.parallelRanges(rows.count, grain: 1) { range in
            for row in range {
              tokens[row] = sampling.choose(
                UnsafeMutableBufferPointer(start: whole + row * vocabulary, count: vocabulary),
                using: &generators[first + row])
            }
          }
        }
      }
      return tokens
    }
  }
}
