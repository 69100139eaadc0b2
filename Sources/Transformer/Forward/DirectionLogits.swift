internal import Checkpoints
internal import Kernels

extension LanguageModelHead {
  /// What a unit of each direction added to the residual stream adds to the logits, but for the final norm's division by
  /// the stream's own size, which is the same for all tokens: `[count, vocabulary]`, in f32.
  ///
  /// That is W_U (γ ⊙ v): v with its mean subtracted first where the final norm is a layer norm, γ the norm's weight
  /// (1 + γ in Gemma), taken to the embedding's width where the family does so. The norm's and the head's biases, and
  /// the bound of the logits, are left out: they belong to no direction.
  ///
  /// - Parameter directions: `[count, hidden]` row after row.
  package func logits(ofDirections directions: [Float], count: Int) throws -> [Float] {
    let (hidden, vocabulary) = (model.configuration.hidden, model.configuration.vocabulary)
    precondition(directions.count == count * hidden, "directions of the residual stream's width")
    var rows = directions
    if let norm = model.entry(.finalNorm) {
      let weight = try model.normWeight(norm, .finalNorm)
      for start in stride(from: 0, to: rows.count, by: hidden) {
        let mean =
          model.configuration.norm == .layer
          ? rows[start..<start + hidden].reduce(0, +) / Float(hidden) : 0
        for index in 0..<hidden { rows[start + index] = (rows[start + index] - mean) * weight[index] }
      }
    }
    if let divisor = model.configuration.logitDivisor { rows = rows.map { $0 / divisor } }
    let width = model.configuration.embeddingWidth ?? hidden
    if width != hidden {
      rows = product(
        rows, count, try model.tensors.floats(try model.weight(.outputProjection)), width, hidden)
    }
    let entry = try model.weight(.outputHead)
    var result = [Float](repeating: 0, count: count * vocabulary)
    for first in stride(from: 0, to: vocabulary, by: 4096) {
      let tokens = first..<min(first + 4096, vocabulary)
      var weight = [Float](repeating: 0, count: tokens.count * width)
      try weight.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        try model.tensors.widen(entry, rows: tokens, to: base)
      }
      let slice = product(rows, count, weight, tokens.count, width)
      for row in 0..<count {
        result.replaceSubrange(
          row * vocabulary + tokens.lowerBound..<row * vocabulary + tokens.upperBound,
          with: slice[row * tokens.count..<(row + 1) * tokens.count])
      }
    }
    return result
  }

  /// rows · weightᵀ.
  private func product(_ rows: [Float], _ count: Int, _ weight: [Float], _ outputs: Int, _ inputs: Int)
    -> [Float]
  {
    var result = [Float](repeating: 0, count: count * outputs)
    rows.withUnsafeBufferPointer { rows in
      result.withUnsafeMutableBufferPointer { result in
        guard let rows = rows.baseAddress, let result = result.baseAddress else { return }
        linear(context, rows, rows: count, weight: weight, outputs: outputs, inputs: inputs, into: result)
      }
    }
    return result
  }
}
