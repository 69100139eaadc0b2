package import Kernels
package import Transformer

/// Scores continuations with one or several models, batch by batch.
package struct ContinuationScorer {
  private let panel: ModelPanel
  private let context: ComputeContext

  /// - Throws: ``ModelError`` where the base is no decoder.
  package init(_ panel: ModelPanel, _ context: ComputeContext) throws {
    try panel.base.requireDecoder()
    self.panel = panel
    self.context = context
  }

  /// The same for one model.
  package init(_ model: Model, _ context: ComputeContext) throws {
    try self.init(ModelPanel(base: model), context)
  }

  /// The base's scores of every request of every group.
  package func scores(_ groups: [[ContinuationRequest]], progress: ProgressHandler? = nil) throws
    -> [[ContinuationScore]]
  {
    try panelScores(groups, progress: progress)[0]
  }

  /// Every model's scores of every request of every group, the base's first.
  ///
  /// Where the context has several processes, each scores a run of the groups, and all get the scores of all.
  package func panelScores(_ groups: [[ContinuationRequest]], progress: ProgressHandler? = nil) throws
    -> [[[ContinuationScore]]]
  {
    let ranks = context.ranks
    let own = ranks.share(of: groups.map { $0.reduce(0) { $0 + $1.input.count } })
    let scores = try ownScores(Array(groups[own]), progress: progress)
    guard ranks.size > 1 else { return scores }
    return scores.map { model in
      var remaining = ranks.gathered(model.flatMap(\.self))[...]
      return groups.map { group in
        defer { remaining = remaining.dropFirst(group.count) }
        return Array(remaining.prefix(group.count))
      }
    }
  }

  private func ownScores(_ groups: [[ContinuationRequest]], progress: ProgressHandler?) throws
    -> [[[ContinuationScore]]]
  {
    let ranges = ContinuationBatch.ranges(of: groups, models: panel.count)
    let sizes = ranges.map { range in
      groups[range].reduce(0) { $0 + $1.reduce(0) { $0 + $1.input.count } }
    }
    let total = sizes.reduce(0, +)
    var completed = 0
    var scores: [[[ContinuationScore]]] = Array(repeating: [], count: panel.count)
    for (range, size) in zip(ranges, sizes) {
      let batch = ContinuationBatch(groups[range])
      let part = try panel.score(context, batch.forest, rows: batch.rows, targets: batch.targets) {
        done, of in
        progress?(completed + Int(Double(size) * Double(done) / Double(max(1, of))), total)
      }
      for (model, rows) in part.enumerated() { scores[model] += batch.scores(rows) }
      completed += size
    }
    return scores
  }
}
