package import Kernels
package import Transformer

extension ContinuationScorer {
  /// Σ −ln p of continuations under the base, in nats; 0 for an empty one.
  ///
  /// - Parameters:
  ///   - prompts: what is continued.
  ///   - generated: by model, a continuation of each prompt.
  /// - Returns: by model, a number for each prompt.
  package static func baseLosses(
    _ panel: ModelPanel, _ context: ComputeContext, _ prompts: [[Int32]], _ generated: [[[Int32]]]
  ) throws -> [[Double]] {
    let limit = panel.base.configuration.maximumPositions
    // A prompt's continuations stand together, so that the prompt is computed once for all of them.
    let requests = prompts.indices.map { index in
      generated.map {
        ContinuationRequest(
          context: prompts[index], continuation: $0[index], maximumPositions: limit)
      }
    }
    let scores = try ContinuationScorer(panel.base, context).scores(requests.map { $0.compactMap(\.self) })
    var losses = generated.map { $0.map { _ in 0.0 } }
    for (index, (requests, scores)) in zip(requests, scores).enumerated() {
      var remaining = scores[...]
      for (model, request) in requests.enumerated() where request != nil {
        losses[model][index] = -(remaining.popFirst()?.logProbability ?? 0)
      }
    }
    return losses
  }
}
