package import Kernels

/// Queries, keys and values of a chunk as attention takes them: rows `stride` apart, heads `headStep` apart.
package struct QueryKeyValueRows {
  /// The first row.
  package let base: UnsafeMutablePointer<Float>
  /// Elements from one row to the next.
  package let stride: Int
  /// Elements from one head of keys or values to the next.
  package let headStep: Int
  /// Elements from one query to the next: twice a head's where a gate stands behind each.
  package let queryStep: Int
  /// Where in a row the keys begin.
  package let keys: Int
  /// Where in a row the values begin.
  package let values: Int

  /// The layout of rows at `base`.
  ///
  /// - Parameter isFused: whether one matrix makes all three.
  init(_ configuration: ModelConfiguration, isFused: Bool, _ base: UnsafeMutablePointer<Float>) {
    let head = configuration.headDimension
    let isPerHead = isFused && configuration.fusedOrder == .perHead
    self.base = base
    stride = configuration.queryRowWidth + 2 * configuration.keyValueWidth
    headStep = isPerHead ? 3 * head : head
    queryStep = configuration.gatesAttention ? 2 * head : headStep
    keys = isPerHead ? head : configuration.queryRowWidth
    values = isPerHead ? 2 * head : configuration.queryRowWidth + configuration.keyValueWidth
  }

  private init(_ rows: Self, _ base: UnsafeMutablePointer<Float>) {
    (stride, headStep, queryStep) = (rows.stride, rows.headStep, rows.queryStep)
    (keys, values) = (rows.keys, rows.values)
    self.base = base
  }

  /// Rows laid out alike at `base`.
  func at(_ base: UnsafeMutablePointer<Float>) -> Self { Self(self, base) }
}

/// What attention is to compute: jobs over ranges of keys.
package struct AttentionPlan {
  /// Which queries, and which of the ranges they see.
  package var jobs: [AttentionJob]
  /// Keys and values.
  package var keyRanges: [KeyRange]
}

/// The rotary tables of a pass.
package struct RotaryTables: Sendable {
  /// For blocks that see all keys.
  let full: RotaryTable
  /// For blocks with a window.
  let windowed: RotaryTable
  /// For queries, where they also grow with their position.
  let queries: RotaryTable?

  /// The table of `block`; `nil` where its queries and keys do not turn.
  package func table(_ configuration: ModelConfiguration, block: Int, isQuery: Bool) -> RotaryTable? {
    guard configuration.turns(block: block) else { return nil }
    if isQuery, let queries { return queries }
    return configuration.window(block: block) == nil ? full : windowed
  }
}

extension ModelConfiguration {
  /// Attention as `block` computes it.
  package func attention(block: Int) -> Attention {
    Attention(
      heads: heads, keyValueHeads: keyValueHeads, headDimension: headDimension,
      scale: attentionScale(block: block), scoreCap: scoreCap, window: window(block: block))
  }
}
