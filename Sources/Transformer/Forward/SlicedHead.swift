internal import Checkpoints
package import Kernels
internal import Storage

/// Rows of a residual stream as the output matrix multiplies them.
package final class HeadRows {
  /// Number of rows.
  package let count: Int
  fileprivate let operands: AlignedBuffer<UInt8>

  /// Takes `rows` of `stream` through the final norm.
  package init(_ head: LanguageModelHead, _ stream: ResidualStream, _ rows: [Int]) throws {
    count = rows.count
    operands = try head.normed(stream, rows)
  }

  /// Lends the rows, in the compute precision.
  package func withOperands<R>(_ body: (UnsafeRawPointer) throws -> R) rethrows -> R? {
    try operands.withUnsafeBufferPointer { operands in
      try operands.baseAddress.map { try body(UnsafeRawPointer($0)) }
    }
  }
}

/// The output matrix, a slice of the vocabulary at a time.
package final class SlicedHead {
  private let head: LanguageModelHead
  private let width: Int
  private let bias: [Float]?
  private let entry: TensorEntry
  private let isMapped: Bool
  private var weights: AlignedBuffer<UInt8>
  private var tokens = 0..<0

  /// Vocabulary rows of a slice, and residual rows multiplied with it at a time: 8 MB of logits.
  static let sliceTokens = 4096
  /// See ``sliceTokens``.
  static let sliceRows = 512

  /// Takes the memory; nothing is loaded yet.
  package init(_ head: LanguageModelHead) throws {
    self.head = head
    let model = head.model
    let precision = head.context.precision
    width = model.configuration.embeddingWidth ?? model.configuration.hidden
    bias = try model.entry(.outputHead, part: .bias).map { try model.tensors.floats($0) }
    entry = try model.weight(.outputHead)
    isMapped = precision.isStored(as: entry)
    let slice = min(Self.sliceTokens, entry.rowCount)
    weights = AlignedBuffer(count: isMapped ? 0 : slice * width * precision.elementBytes)
  }

  /// The slices of the vocabulary, in order.
  package var tokenSlices: [Range<Int>] { Self.slices(entry.rowCount, Self.sliceTokens) }

  /// The slices of `count` rows, in order.
  package func rowSlices(_ count: Int) -> [Range<Int>] { Self.slices(count, Self.sliceRows) }

  /// Where the logits of a slice are among all those of `count` rows, kept slice after slice.
  static func offset(_ rows: Range<Int>, _ tokens: Range<Int>, of count: Int) -> Int {
    tokens.lowerBound * count + rows.lowerBound * tokens.count
  }

  /// Logits of the largest slice of `count` rows.
  package func largestSlice(_ count: Int) -> Int {
    min(count, Self.sliceRows) * min(entry.rowCount, Self.sliceTokens)
  }

  private static func slices(_ count: Int, _ size: Int) -> [Range<Int>] {
    stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
  }

  /// Makes `tokens` the slice that is multiplied with.
  package func load(_ tokens: Range<Int>) throws {
    self.tokens = tokens
    guard !isMapped else { return }
    try weights.withUnsafeMutableBufferPointer { weights in
      guard let weights = weights.baseAddress else { return }
      try head.model.tensors.convert(
        entry, rows: tokens, to: head.context.precision, at: UnsafeMutableRawPointer(weights), head.context)
    }
  }

  /// Logits of some of `rows` over the loaded slice, `[range.count, tokens.count]`.
  package func compute(_ rows: HeadRows, _ range: Range<Int>, into logits: UnsafeMutablePointer<Float>) throws
  {
    let precision = head.context.precision
    try withMatrix { matrix in
      rows.operands.withUnsafeBufferPointer { operands in
        guard let operands = operands.baseAddress else { return }
        multiply(
          ActivationMatrix(
            UnsafeRawPointer(operands) + range.lowerBound * width * precision.elementBytes, precision,
            rows: range.count, columns: width),
          by: matrix, into: logits, stride: tokens.count)
      }
    }
    head.finish(logits, rows: range.count, tokens, bias)
  }

  /// Lends the loaded slice of the output matrix.
  package func withMatrix(_ body: (WeightMatrix) -> Void) throws {
    func lend(_ base: UnsafeRawPointer) {
      body(
        WeightMatrix(
          base, head.context.precision, outputs: tokens.count, inputs: width, layout: .outputMajor))
    }
    if isMapped {
      try head.model.tensors.withBytes(of: entry, rows: tokens) { bytes in
        if let base = bytes.baseAddress { lend(base) }
      }
    } else {
      weights.withUnsafeBufferPointer { weights in
        if let base = weights.baseAddress { lend(base) }
      }
    }
  }
}
