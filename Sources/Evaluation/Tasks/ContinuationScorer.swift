package import Kernels
package import Transformer

/// Scores continuations with one model, batch by batch.
package struct ContinuationScorer {
  private let model: Model
  private let context: ComputeContext

  /// - Throws: ``ModelError`` where `model` is no decoder.
  package init(_ model: Model, _ context: ComputeContext) throws {
    try model.requireDecoder()
    self.model = model
    self.context = context
  }

  /// The scores of every request of every group.
  package func scores(_ groups: [[ContinuationRequest]], progress: ProgressHandler? = nil) throws
    -> [[ContinuationScore]]
  {
    let ranges = ContinuationBatch.ranges(of: groups)
    let sizes = ranges.map { range in
      groups[range].reduce(0) { $0 + $1.reduce(0) { $0 + $1.input.count } }
    }
    let steps = model.configuration.blocks + 1
    let total = sizes.reduce(0, +) * steps
    var completed = 0
    var scores: [[ContinuationScore]] = []
    for (range, size) in zip(ranges, sizes) {
      let start = completed
      scores += try self.scores(ContinuationBatch(groups[range])) { done, of in
        progress?(start + Int(Double(size * steps) * Double(done) / Double(of)), total)
      }
      completed = start + size * steps
      progress?(completed, total)
    }
    return scores
  }

  private func scores(_ batch: ContinuationBatch, _ progress: @escaping ProgressHandler) throws
    -> [[ContinuationScore]]
  {
    let blocks = model.configuration.blocks
    let unit = max(1, batch.forest.tokens.count)
    var scores: [[ContinuationScore]] = []
    // The head counts as one more block.
    try ForwardPass(model, context, batch.forest).run(
      throughBlock: blocks, progress: { done, _ in progress(done, unit * (blocks + 1)) },
      afterBlock: { block, stream in
        guard block == blocks else { return }
        let result = try LanguageModelHead(model, context).logSoftmax(
          stream, rows: batch.rows, targets: batch.targets)
        scores = batch.scores(result)
      })
    guard scores.allSatisfy({ $0.allSatisfy(\.logProbability.isFinite) }) else {
      throw try model.explainNonFinite(throughBlock: blocks)
    }
    return scores
  }
}
