internal import Checkpoints
package import Kernels
internal import Storage

/// The residual stream of packed tokens: `[rows, width]` f32.
package final class ResidualStream {
  /// Number of tokens.
  package let rows: Int
  /// Elements of a row.
  package let width: Int
  /// The keys and values that blocks take over from one another in the pass that the stream belongs to.
  var sharedKeys: SharedKeys?
  private let memory: AlignedBuffer<Float>
  /// Where the rows are instead, if the system may write them to disk.
  private let scratch: ScratchMemory?

  /// Rows with whatever was in the memory: written before they are read.
  package init(rows: Int, width: Int) {
    self.rows = rows
    self.width = width
    memory = unsafe AlignedBuffer(uninitializedCount: rows * width)
    scratch = nil
  }

  /// Rows in memory that the system may write to disk.
  ///
  /// - Throws: where there is no room for them on disk.
  private init(spillingRows rows: Int, width: Int) throws {
    self.rows = rows
    self.width = width
    memory = AlignedBuffer(count: 0)
    scratch = try ScratchMemory(byteCount: max(1, rows * width) * MemoryLayout<Float>.stride)
  }

  /// A stream of its own with the same rows.
  package func copy() -> ResidualStream {
    let copy = ResidualStream(rows: rows, width: width)
    copy.sharedKeys = sharedKeys
    copy.base.update(from: base, count: rows * width)
    return copy
  }

  /// The same, in memory that the system may write to disk.
  ///
  /// - Throws: where there is no room for it on disk.
  func spilledCopy() throws -> ResidualStream {
    let copy = try ResidualStream(spillingRows: rows, width: width)
    copy.sharedKeys = sharedKeys
    copy.base.update(from: base, count: rows * width)
    return copy
  }

  /// The first row; valid while the stream lives.
  var base: UnsafeMutablePointer<Float> {
    if let scratch { return scratch.base.assumingMemoryBound(to: Float.self) }
    return memory.withUnsafeBufferPointer { memory in
      guard let base = memory.baseAddress else { preconditionFailure("an allocation has an address") }
      return UnsafeMutablePointer(mutating: base)
    }
  }

  /// Lends the rows.
  package func withRows<R>(_ body: (UnsafeMutablePointer<Float>) throws -> R) throws -> R {
    try withExtendedLifetime(self) { try body(base) }
  }

  /// Copies of chosen rows.
  package func gathered(_ indices: [Int]) throws -> ResidualStream {
    try ResidualStream(gathering: indices, of: [self])
  }

  /// Copies of the same rows of several streams of one width, one stream after another.
  convenience init(gathering indices: [Int], of streams: [ResidualStream]) throws {
    self.init(rows: streams.count * indices.count, width: streams.first?.width ?? 0)
    var target = base
    for stream in streams {
      try stream.withRows { source in
        for row in indices {
          target.update(from: source + row * width, count: width)
          target += width
        }
      }
    }
  }

  /// Writes the embedding of each token to its row: of the token, of its position and segment where the family has
  /// them, scaled, projected and normed as it does.
  ///
  /// - Throws: ``ModelError`` where a token is outside the vocabulary.
  package func embed(_ tokens: [Int32], positions: [Int32], _ model: Model, _ context: ComputeContext) throws
  {
    let configuration = model.configuration
    let table = try model.weight(.tokenEmbedding)
    let embeddingWidth = configuration.embeddingWidth ?? width
    let narrow = embeddingWidth == width ? nil : ResidualStream(rows: rows, width: embeddingWidth)
    for token in tokens where token < 0 || Int(token) >= table.rowCount {
      throw ModelError(
        model.path, "token \(token) is outside the vocabulary of \(table.rowCount); wrong tokenizer?")
    }
    try (narrow ?? self).withRows { try model.tensors.widen(table, rowsAt: tokens, to: $0) }
    if let narrow { try project(narrow, model, context) }
    try withRows { rows in
      if let scale = configuration.embeddingScale {
        for index in 0..<self.rows * width { rows[index] *= scale }
      }
      if case .learned(let offset) = configuration.positions {
        try addRows(of: model.weight(.positionEmbedding), positions.map { Int($0) + offset }, to: rows, model)
      }
      if let segments = model.entry(.segmentEmbedding) {
        try addRows(of: segments, tokens.map { _ in 0 }, to: rows, model)
      }
      if let norm = model.entry(.embeddingNorm) {
        let bias = try model.entry(.embeddingNorm, part: .bias).map { try model.tensors.floats($0) }
        configuration.applyNorm(
          context, rows, rows: self.rows, weight: try model.normWeight(norm, .embeddingNorm), bias: bias,
          to: rows, .f32)
      }
    }
  }

  private func addRows(
    of table: TensorEntry, _ indices: [Int], to rows: UnsafeMutablePointer<Float>, _ model: Model
  ) throws {
    var row = [Float](repeating: 0, count: width)
    for (index, source) in indices.enumerated() {
      try row.withUnsafeMutableBufferPointer { row in
        guard let row = row.baseAddress else { return }
        try model.tensors.widen(table, rows: source..<source + 1, to: row)
        for i in 0..<width { rows[index * width + i] += row[i] }
      }
    }
  }

  /// rows ← narrow · Wᵀ, in f32.
  private func project(_ narrow: ResidualStream, _ model: Model, _ context: ComputeContext) throws {
    let weight = try model.tensors.floats(try model.weight(.embeddingProjection))
    let full = ComputeContext(threads: context.threads, precision: .f32, seed: context.seed)
    try narrow.withRows { source in
      try withRows { rows in
        linear(
          full, source, rows: narrow.rows, weight: weight, outputs: width, inputs: narrow.width, into: rows)
      }
    }
  }

  /// Mean of the rows of each text, `[texts, width]`.
  ///
  /// - Parameters:
  ///   - texts: row ranges of each text; a text without rows gets zeros.
  package func means(_ context: ComputeContext, ofTexts texts: [[Range<Int>]]) throws -> [Float] {
    let width = width
    return try withRows { rows in
      [Float](unsafeUninitializedCapacity: texts.count * width) { result, count in
        count = texts.count * width
        guard let result = result.baseAddress else { return }
        context.parallelRanges(texts.count, grain: 4) { range in
          withUnsafeTemporaryAllocation(of: Double.self, capacity: width) { sums in
            for text in range {
              sums.update(repeating: 0)
              var number = 0
              for run in texts[text] {
                number += run.count
                for row in run {
                  let x = rows + row * width
                  for i in 0..<width { sums[i] += Double(x[i]) }
                }
              }
              let scale = 1 / Double(max(1, number))
              for i in 0..<width { result[text * width + i] = Float(sums[i] * scale) }
            }
          }
        }
      }
    }
  }

  /// The second moment of the rows in `ranges`; a row that is in two of them counts twice.
  package func secondMoment(of ranges: [Range<Int>]) throws -> SecondMoment {
    var moment = SecondMoment(width: width)
    try withRows { rows in
      for range in ranges {
        let portion = UnsafeBufferPointer(start: rows + range.lowerBound * width, count: range.count * width)
        try moment.add(portion.span)
      }
    }
    return moment
  }
}

/// result = source · Wᵀ in f32 for a small matrix that is held whole, `[outputs, inputs]`.
package func linear(
  _ context: ComputeContext, _ source: UnsafePointer<Float>, rows: Int, weight: [Float], outputs: Int,
  inputs: Int,
  into result: UnsafeMutablePointer<Float>
) {
  weight.withUnsafeBufferPointer { weight in
    guard let weight = weight.baseAddress else { return }
    multiply(
      ActivationMatrix(source, .f32, rows: rows, columns: inputs),
      by: WeightMatrix(weight, .f32, outputs: outputs, inputs: inputs, layout: .outputMajor), into: result,
      stride: outputs)
  }
}
