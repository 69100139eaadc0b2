internal import Checkpoints
internal import Kernels
internal import Storage

/// The gradient of a weighted sum of log-probabilities through the head and the final norm.
///
/// Logits that were not kept are computed again, a slice of rows and vocabulary at a time, so that no row of them is ever
/// held whole.
struct HeadBackward {
  /// The model.
  let model: Model
  /// Threads and precision.
  let context: ComputeContext
  /// Where the gradients of weights are added.
  let gradients: Gradients

  /// What is scored: a token after each of some rows of the residual stream; a row may occur more than once.
  struct Targets {
    /// Rows of the stream.
    var rows: [Int]
    /// The token that follows each.
    var tokens: [Int32]
    /// The factor on each ln p(token).
    var weights: [Float]
    /// ln Σ e^z of each row's logits.
    var logNormalizers: [Float]
  }

  /// Adds the gradient of Σ weight · ln p(token) to `streamGradient`, laid out as `stream`, and to the head's weights.
  ///
  /// - Parameter kept: the logits, as ``LanguageModelHead`` kept them; they are overwritten.
  func callAsFunction(
    _ stream: ResidualStream, _ targets: Targets, logits kept: UnsafeMutablePointer<Float>? = nil,
    to streamGradient: ResidualStream
  ) throws {
    guard !targets.rows.isEmpty else { return }
    let head = LanguageModelHead(model, context)
    let operands = try HeadRows(head, stream, targets.rows)
    let width = model.configuration.embeddingWidth ?? model.configuration.hidden
    let operandGradient = ResidualStream(rows: targets.rows.count, width: width)
    try operandGradient.withRows { gradient in
      try throughMatrix(SlicedHead(head), operands, targets, kept, to: gradient)
    }
    try throughNorm(stream, targets.rows, operandGradient, to: streamGradient)
  }

  /// Back through the output matrix, to the rows that it multiplies, `[rows, width]`.
  private func throughMatrix(
    _ slices: SlicedHead, _ operands: HeadRows, _ targets: Targets, _ kept: UnsafeMutablePointer<Float>?,
    to operandGradient: UnsafeMutablePointer<Float>
  ) throws {
    var memory = unsafe AlignedBuffer<Float>(
      uninitializedCount: kept == nil ? slices.largestSlice(operands.count) : 0)
    var rounded = unsafe AlignedBuffer<UInt8>(
      uninitializedCount: context.precision == .f32
        ? 0 : slices.largestSlice(operands.count) * context.precision.elementBytes)
    let weightGradient = gradients.matrixTargets(
      [(.outputHead, model.configuration.vocabulary)], isOutputMajor: true
    ).first
    let biasGradient = gradients.pointer(.outputHead, .bias)
    try memory.withUnsafeMutableBufferPointer { memory in
      try rounded.withUnsafeMutableBufferPointer { rounded in
        for tokens in slices.tokenSlices {
          try slices.load(tokens)
          for range in slices.rowSlices(operands.count) {
            guard
              let logits = kept.map({ $0 + SlicedHead.offset(range, tokens, of: operands.count) })
                ?? memory.baseAddress
            else { return }
            if kept == nil { try slices.compute(operands, range, into: logits) }
            logProbabilityGradient(
              context, logits, firstToken: tokens.lowerBound, width: tokens.count,
              targets: targets.tokens[range], weights: targets.weights[range],
              logNormalizers: targets.logNormalizers[range], bound: model.configuration.logitCap)
            if let divisor = model.configuration.logitDivisor {
              scale(context, logits, by: 1 / divisor, count: range.count * tokens.count)
            }
            let gradient = operand(
              context, logits, rows: range.count, columns: tokens.count, stride: tokens.count,
              roundedTo: rounded.baseAddress)
            try slices.withMatrix { matrix in
              let width = matrix.inputs
              multiplyBack(
                gradient, by: matrix, into: operandGradient + range.lowerBound * width,
                accumulate: tokens.lowerBound > 0)
              guard let weightGradient else { return }
              operands.withOperands {
                addMatrixGradient(
                  input: ActivationMatrix(
                    $0 + range.lowerBound * width * context.precision.elementBytes, context.precision,
                    rows: range.count, columns: width),
                  outputGradient: gradient, layout: .outputMajor,
                  to: weightGradient.base + tokens.lowerBound * width,
                  accumulate: weightGradient.accumulate || range.lowerBound > 0)
              }
            }
            if let biasGradient {
              addColumnSums(
                context, logits, rows: range.count, width: tokens.count, stride: tokens.count,
                to: biasGradient + tokens.lowerBound)
            }
          }
        }
      }
    }
  }

  /// Back through the projection to the embedding's width and the final norm, where the family has them, to the stream.
  private func throughNorm(
    _ stream: ResidualStream, _ rows: [Int], _ operandGradient: ResidualStream,
    to streamGradient: ResidualStream
  ) throws {
    let (hidden, count) = (stream.width, rows.count)
    let source = try stream.gathered(rows)
    let norm = model.entry(.finalNorm)
    let weight = try norm.map { try model.normWeight($0, .finalNorm) }
    var gradient = operandGradient
    if operandGradient.width != hidden {
      let normed = source.copy()
      if let weight {
        let bias = try model.entry(.finalNorm, part: .bias).map { try model.tensors.floats($0) }
        try normed.withRows {
          model.configuration.applyNorm(
            context, $0, rows: count, weight: weight, bias: bias, to: $0, .f32)
        }
      }
      gradient = try throughProjection(
        model, context, .outputProjection, input: normed, operandGradient, gradients)
    }
    try gradient.withRows { gradient in
      if let weight {
        try source.withRows {
          model.configuration.normGradient(
            context, $0, outputGradient: gradient, rows: count, weight: weight, to: gradient,
            accumulate: false, weightGradient: gradients.pointer(.finalNorm),
            biasGradient: gradients.pointer(.finalNorm, .bias))
        }
      }
      try streamGradient.withRows { stream in
        // One after another: a row may be there twice.
        for (index, row) in rows.enumerated() {
          let target = stream + row * hidden
          for i in 0..<hidden { target[i] += gradient[index * hidden + i] }
        }
      }
    }
  }
}

/// Back through one of the matrices between the embedding's width and the stream's, which is multiplied with in f32 on both
/// ways; answers the gradient of its input.
func throughProjection(
  _ model: Model, _ context: ComputeContext, _ role: WeightRole, input: ResidualStream,
  _ outputGradient: ResidualStream, _ gradients: Gradients
) throws -> ResidualStream {
  let weight = try model.tensors.floats(try model.weight(role))
  let result = ResidualStream(rows: input.rows, width: input.width)
  try outputGradient.withRows { dy in
    try input.withRows { x in
      try result.withRows { dx in
        weight.withUnsafeBufferPointer { weight in
          guard let base = weight.baseAddress else { return }
          let matrix = WeightMatrix(
            base, .f32, outputs: outputGradient.width, inputs: input.width, layout: .outputMajor)
          multiply(
            ActivationMatrix(dy, .f32, rows: input.rows, columns: outputGradient.width),
            by: matrix.transposed, into: dx, stride: input.width)
        }
        guard let gradient = gradients.pointer(role) else { return }
        addMatrixGradient(
          input: ActivationMatrix(x, .f32, rows: input.rows, columns: input.width),
          outputGradient: ActivationMatrix(dy, .f32, rows: input.rows, columns: outputGradient.width),
          layout: .outputMajor, to: gradient)
      }
    }
  }
  return result
}
