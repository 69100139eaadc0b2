internal import Checkpoints
internal import Kernels

/// The gradient of the residual stream's beginning: token and position embeddings.
struct EmbeddingBackward {
  /// The model.
  let model: Model
  /// Threads.
  let context: ComputeContext
  /// Where the gradients of weights are added.
  let gradients: Gradients

  /// Adds the embeddings' gradients, given that of the stream before the first block, which is used up.
  func callAsFunction(_ forest: TokenForest, _ streamGradient: ResidualStream) throws {
    let configuration = model.configuration
    let hidden = configuration.hidden
    if case .learned(let offset) = configuration.positions, let table = gradients.pointer(.positionEmbedding)
    {
      try addRows(streamGradient, to: table, forest.positions.map { Int($0) + offset })
    }
    let wantsProjection = gradients.pointer(.embeddingProjection) != nil
    guard gradients.pointer(.tokenEmbedding) != nil || wantsProjection else { return }
    if let scale = configuration.embeddingScale {
      try streamGradient.withRows { rows in
        for index in 0..<streamGradient.rows * hidden { rows[index] *= scale }
      }
    }
    var gradient = streamGradient
    if let width = configuration.embeddingWidth, width != hidden {
      let table = try model.weight(.tokenEmbedding)
      let embedded = ResidualStream(rows: streamGradient.rows, width: width)
      try embedded.withRows { try model.tensors.widen(table, rowsAt: forest.tokens, to: $0) }
      gradient = try throughProjection(
        model, context, .embeddingProjection, input: embedded, streamGradient, gradients)
    }
    guard let table = gradients.pointer(.tokenEmbedding) else { return }
    try addRows(gradient, to: table, forest.tokens.map { Int($0) })
  }

  /// Adds each row to the row of `table` that it was looked up in.
  private func addRows(
    _ source: ResidualStream, to table: UnsafeMutablePointer<Float>, _ indices: [Int]
  ) throws {
    try source.withRows { rows in
      for (index, target) in indices.enumerated() {
        let (from, to) = (rows + index * source.width, table + target * source.width)
        for i in 0..<source.width { to[i] += from[i] }
      }
    }
  }
}
