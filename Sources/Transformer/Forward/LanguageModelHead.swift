internal import Checkpoints
package import Kernels
internal import Storage

/// The final norm and the output matrix, applied to chosen rows of the residual stream.
///
/// The vocabulary is taken in slices, each widened once and multiplied with every row, so neither the whole head nor
/// a whole row of logits need ever exist.
package struct LanguageModelHead {
  private let model: Model
  private let context: ComputeContext

  /// Vocabulary rows of a slice, and residual rows multiplied with it at a time: 8 MB of logits.
  private static let sliceTokens = 4096
  private static let sliceRows = 512

  /// The head of `model`; nothing is read yet.
  package init(_ model: Model, _ context: ComputeContext) {
    self.model = model
    self.context = context
  }

  /// log p of the target after each row, and the most probable token.
  ///
  /// - Parameters:
  ///   - rows: rows of `stream`.
  ///   - targets: the token that follows each row.
  package func logSoftmax(
    _ stream: ResidualStream, rows: [Int], targets: [Int32], progress: ProgressHandler? = nil
  ) throws -> StreamedLogSoftmax {
    var result = StreamedLogSoftmax(targets: targets)
    try forEachSlice(stream, rows) { logits, rows, tokens in
      result.consume(context, logits, rows: rows, firstToken: tokens.lowerBound, width: tokens.count)
      progress?(
        tokens.lowerBound * targets.count + rows.upperBound * tokens.count,
        model.configuration.vocabulary * targets.count)
    }
    return result
  }

  /// Logits after each row, `[rows, vocabulary]`.
  package func logits(_ stream: ResidualStream, rows: [Int]) throws -> [Float] {
    let vocabulary = model.configuration.vocabulary
    return try [Float](unsafeUninitializedCapacity: rows.count * vocabulary) { result, count in
      try forEachSlice(stream, rows) { logits, rows, tokens in
        for row in 0..<rows.count {
          result.baseAddress?.advanced(by: (rows.lowerBound + row) * vocabulary + tokens.lowerBound)
            .update(from: logits + row * tokens.count, count: tokens.count)
        }
      }
      count = rows.count * vocabulary
    }
  }

  /// Calls `body` with `[rows.count, tokens.count]` logits for every slice of rows and vocabulary.
  private func forEachSlice(
    _ stream: ResidualStream, _ rows: [Int],
    _ body: (UnsafeMutablePointer<Float>, _ rows: Range<Int>, _ tokens: Range<Int>) -> Void
  ) throws {
    guard !rows.isEmpty else { return }
    let width = model.configuration.embeddingWidth ?? model.configuration.hidden
    let precision = context.precision
    let bias = try model.entry(.outputHead, part: .bias).map { try model.tensors.floats($0) }
    let head = try model.weight(.outputHead)
    let operands = try normed(stream, rows)
    let mapped = precision.isStored(as: head)
    let sliceTokens = min(Self.sliceTokens, head.rowCount)
    var weights = AlignedBuffer<UInt8>(count: mapped ? 0 : sliceTokens * width * precision.elementBytes)
    var logits = unsafe AlignedBuffer<Float>(
      uninitializedCount: min(rows.count, Self.sliceRows) * sliceTokens)

    try operands.withUnsafeBufferPointer { operands in
      try weights.withUnsafeMutableBufferPointer { weights in
        try logits.withUnsafeMutableBufferPointer { logits in
          guard let operands = operands.baseAddress, let weights = weights.baseAddress,
            let logits = logits.baseAddress
          else { return }
          for firstToken in stride(from: 0, to: head.rowCount, by: sliceTokens) {
            let tokens = firstToken..<min(firstToken + sliceTokens, head.rowCount)
            if !mapped {
              try model.tensors.convert(
                head, rows: tokens, to: precision, at: UnsafeMutableRawPointer(weights), context)
            }
            try model.tensors.withBytes(of: head, rows: tokens) { bytes in
              guard let stored = bytes.baseAddress else { return }
              let matrix = WeightMatrix(
                mapped ? stored : UnsafeRawPointer(weights), precision, outputs: tokens.count, inputs: width,
                layout: .outputMajor)
              for firstRow in stride(from: 0, to: rows.count, by: Self.sliceRows) {
                let range = firstRow..<min(firstRow + Self.sliceRows, rows.count)
                multiply(
                  ActivationMatrix(
                    UnsafeRawPointer(operands) + firstRow * width * precision.elementBytes, precision,
                    rows: range.count, columns: width), by: matrix, into: logits, stride: tokens.count)
                finish(logits, rows: range.count, tokens, bias)
                body(logits, range, tokens)
              }
            }
          }
        }
      }
    }
  }

  /// Adds the head's bias and presses the logits under the model's bound, where it has them.
  private func finish(
    _ logits: UnsafeMutablePointer<Float>, rows: Int, _ tokens: Range<Int>, _ bias: [Float]?
  ) {
    if let bias {
      addBias(context, Array(bias[tokens]), to: logits, rows: rows, width: tokens.count, stride: tokens.count)
    }
    guard let bound = model.configuration.logitCap else { return }
    context.parallelRanges(rows, grain: 1) { range in
      softCap(logits + range.lowerBound * tokens.count, range.count * tokens.count, at: bound)
    }
  }

  /// What the head multiplies: chosen rows through the final norm and the projection to the embedding's width, where
  /// the family has them, in the compute precision.
  private func normed(_ stream: ResidualStream, _ rows: [Int]) throws -> AlignedBuffer<UInt8> {
    let hidden = stream.width
    let configuration = model.configuration
    let width = configuration.embeddingWidth ?? hidden
    let gathered = ResidualStream(rows: rows.count, width: hidden)
    try stream.withRows { source in
      try gathered.withRows { gathered in
        for (index, row) in rows.enumerated() {
          (gathered + index * hidden).update(from: source + row * hidden, count: hidden)
        }
        if let norm = model.entry(.finalNorm) {
          let bias = try model.entry(.finalNorm, part: .bias).map { try model.tensors.floats($0) }
          configuration.applyNorm(
            context, gathered, rows: rows.count, weight: try model.normWeight(norm, .finalNorm), bias: bias,
            to: gathered, .f32)
        }
      }
    }
    var result = gathered
    if width != hidden {
      let weight = try model.tensors.floats(try model.weight(.outputProjection))
      result = ResidualStream(rows: rows.count, width: width)
      try gathered.withRows { source in
        try result.withRows {
          linear(context, source, rows: rows.count, weight: weight, outputs: width, inputs: hidden, into: $0)
        }
      }
    }
    var operands = unsafe AlignedBuffer<UInt8>(
      uninitializedCount: rows.count * width * context.precision.elementBytes)
    try result.withRows { source in
      operands.withUnsafeMutableBufferPointer { operands in
        guard let operands = operands.baseAddress else { return }
        narrow(
          context, source, rows: rows.count, width: width, stride: width,
          to: UnsafeMutableRawPointer(operands),
          context.precision)
      }
    }
    return operands
  }
}
