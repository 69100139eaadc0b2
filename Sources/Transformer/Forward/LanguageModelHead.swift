internal import Checkpoints
package import Kernels
internal import Storage

/// The final norm and the output matrix, applied to chosen rows of the residual stream.
///
/// The vocabulary is taken in slices, each widened once and multiplied with every row, so neither the whole head nor
/// a whole row of logits need ever exist.
package struct LanguageModelHead {
  /// The model whose head this is.
  let model: Model
  /// Threads and precision.
  let context: ComputeContext

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
  ///   - kept: gets the logits, `[rows, vocabulary]` a slice of the vocabulary after another.
  package func logSoftmax(
    _ stream: ResidualStream, rows: [Int], targets: [Int32],
    keepingAt kept: UnsafeMutablePointer<Float>? = nil,
    progress: ProgressHandler? = nil
  ) throws -> StreamedLogSoftmax {
    var result = StreamedLogSoftmax(targets: targets)
    try forEachSlice(stream, rows) { logits, rows, tokens in
      if let kept {
        copy(
          context, logits, to: kept + SlicedHead.offset(rows, tokens, of: targets.count),
          count: rows.count * tokens.count)
      }
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
  func forEachSlice(
    _ stream: ResidualStream, _ rows: [Int],
    _ body: (UnsafeMutablePointer<Float>, _ rows: Range<Int>, _ tokens: Range<Int>) -> Void
  ) throws {
    guard !rows.isEmpty else { return }
    let slices = try SlicedHead(self)
    let operands = try HeadRows(self, stream, rows)
    var logits = unsafe AlignedBuffer<Float>(uninitializedCount: slices.largestSlice(rows.count))
    try logits.withUnsafeMutableBufferPointer { logits in
      guard let logits = logits.baseAddress else { return }
      for tokens in slices.tokenSlices {
        try slices.load(tokens)
        for range in slices.rowSlices(rows.count) {
          try slices.compute(operands, range, into: logits)
          body(logits, range, tokens)
        }
      }
    }
  }

  /// Adds the head's bias, divides the logits and presses them under the model's bound, where it has these.
  func finish(
    _ logits: UnsafeMutablePointer<Float>, rows: Int, _ tokens: Range<Int>, _ bias: [Float]?
  ) {
    if let bias {
      addBias(context, Array(bias[tokens]), to: logits, rows: rows, width: tokens.count, stride: tokens.count)
    }
    if let divisor = model.configuration.logitDivisor {
      scale(context, logits, by: 1 / divisor, count: rows * tokens.count)
    }
    guard let bound = model.configuration.logitCap else { return }
    context.parallelRanges(rows, grain: 1) { range in
      softCap(logits + range.lowerBound * tokens.count, range.count * tokens.count, at: bound)
    }
  }

  /// What the head multiplies: chosen rows through the final norm and the projection to the embedding's width, where
  /// the family has them, in the compute precision.
  func normed(_ stream: ResidualStream, _ rows: [Int]) throws -> AlignedBuffer<UInt8> {
    let hidden = stream.width
    let configuration = model.configuration
    let width = configuration.embeddingWidth ?? hidden
    let gathered = try stream.gathered(rows)
    if let norm = model.entry(.finalNorm) {
      let bias = try model.entry(.finalNorm, part: .bias).map { try model.tensors.floats($0) }
      let weight = try model.normWeight(norm, .finalNorm)
      try gathered.withRows {
        configuration.applyNorm(context, $0, rows: rows.count, weight: weight, bias: bias, to: $0, .f32)
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
