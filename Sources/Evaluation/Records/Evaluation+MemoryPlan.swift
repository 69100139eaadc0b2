package import Kernels
internal import Tokenization
package import Transformer

extension ModelPanel {
  /// What reading the windows of `text` will hold at most.
  package func memoryPlan(_ context: ComputeContext, _ text: TextWindows) throws -> MemoryPlan {
    func tokens(_ batch: Range<Int>) -> Int { text.windows[batch].reduce(0) { $0 + $1.range.count } }
    let largest = batches(of: text).max { tokens($0) < tokens($1) } ?? 0..<0
    let texts = text.windows[largest].map { Array(text.tokens[$0.range]) }
    let forest = TokenForest(texts, chunkTokens: ForwardPass.chunkTokens, sharing: false)
    return try memoryPlan(context, forest, rows: tokens(largest))
  }
}

extension Evaluation {
  /// What the neediest step of an evaluation will hold at most, scorers left out; `nil` where there is nothing to do.
  ///
  /// - Parameters:
  ///   - windows: those that are read, where there are any.
  ///   - prompts: those that are continued, `samples` times each.
  ///   - hasTasks: whether zero-shot tasks are answered.
  package func memoryPlan(
    _ windows: TextWindows?, prompts: [String], samples: Int, _ options: Decoder.Options, hasTasks: Bool
  ) throws -> MemoryPlan? {
    var plans: [MemoryPlan] = []
    if let windows { plans.append(try panel.memoryPlan(context, windows)) }
    if !prompts.isEmpty {
      // The longest stand for the batch that has most to keep.
      let longest = try prompts.map { try tokenizer.encode($0) }.sorted { $0.count > $1.count }
      let batch = longest.prefix(max(1, Self.continuationsPerUnit / samples)).flatMap {
        Array(repeating: $0, count: samples)
      }
      if let plan = try panel.memoryPlan(context, continuing: batch, options) { plans.append(plan) }
    }
    if hasTasks {
      let length = min(ForwardPass.chunkTokens, ContinuationBatch.tokensPerPass / panel.count)
      let texts = Array(
        repeating: [Int32](repeating: 0, count: length),
        count: ContinuationBatch.tokensPerPass / panel.count / max(1, length))
      let forest = TokenForest(texts, chunkTokens: ForwardPass.chunkTokens, sharing: false)
      plans.append(try panel.memoryPlan(context, forest, rows: forest.tokens.count / 2))
    }
    return plans.max { $0.total < $1.total }
  }
}
