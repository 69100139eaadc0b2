internal import Checkpoints
package import Kernels
internal import Storage

/// The residual stream of packed tokens: `[rows, width]` f32.
package final class ResidualStream {
  /// Number of tokens.
  package let rows: Int
  /// The model's hidden size.
  package let width: Int
  private var memory: AlignedBuffer<Float>

  /// Allocates the rows and leaves their contents undefined until ``embed(_:_:)`` writes them.
  package init(rows: Int, width: Int) {
    self.rows = rows
    self.width = width
    memory = unsafe AlignedBuffer(uninitializedCount: rows * width)
  }

  /// Lends the rows.
  package func withRows<R>(_ body: (UnsafeMutablePointer<Float>) throws -> R) throws -> R {
    try memory.withUnsafeMutableBufferPointer { memory in
      guard let base = memory.baseAddress else { preconditionFailure("an allocation has an address") }
      return try body(base)
    }
  }

  /// Writes the embedding of each token to its row.
  ///
  /// - Throws: ``ModelError`` where a token is outside the vocabulary.
  package func embed(_ tokens: [Int32], _ model: Model) throws {
    let entry = try model.weight(.tokenEmbedding)
    try withRows { rows in
      for (index, token) in tokens.enumerated() {
        guard token >= 0, Int(token) < entry.rowCount else {
          throw ModelError(
            model.path, "token \(token) is outside the vocabulary of \(entry.rowCount); wrong tokenizer?")
        }
        try model.tensors.widen(entry, rows: Int(token)..<Int(token) + 1, to: rows + index * width)
      }
    }
  }

  /// Mean of the rows of each text, `[texts, width]`.
  ///
  /// - Parameters:
  ///   - texts: row ranges of each text; a text without rows gets zeros.
  package func means(_ context: ComputeContext, ofTexts texts: [[Range<Int>]]) throws -> [Float] {
    let width = width
    return try withRows { rows in
      [Float](unsafeUninitializedCapacity: texts.count * width) { result, count in
        count = texts.count * width
        guard let result = result.baseAddress else { return }
        context.parallelRanges(texts.count, grain: 4) { range in
          withUnsafeTemporaryAllocation(of: Double.self, capacity: width) { sums in
            for text in range {
              sums.update(repeating: 0)
              var number = 0
              for run in texts[text] {
                number += run.count
                for row in run {
                  let x = rows + row * width
                  for i in 0..<width { sums[i] += Double(x[i]) }
                }
              }
              let scale = 1 / Double(max(1, number))
              for i in 0..<width { result[text * width + i] = Float(sums[i] * scale) }
            }
          }
        }
      }
    }
  }
}
