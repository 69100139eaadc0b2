internal import Checkpoints
internal import Kernels

/// The third branch of a block: the residual stream gates a vector that the token itself brings into each block, and the
/// product is added to the stream (Gemma 4's per-layer embeddings).
///
/// That vector is what the block's part of a table holds of the token, and what the block's part of a matrix makes of the token's
/// embedding. Nothing of it is kept for all tokens: each block computes it of the chunk's tokens.
struct TokenBranch {
  private let model: Model
  private let context: ComputeContext
  private let weights: BlockWeights
  private let width: Int
  private let contextNorm: [Float]

  /// The branch of the block that is loaded in `weights`; `nil` where the model's blocks have none.
  init?(_ context: ComputeContext, _ weights: BlockWeights) {
    model = weights.model
    guard let width = model.configuration.tokenBranchWidth, let norm = weights.vector(.tokenContextNorm)
    else {
      return nil
    }
    self.context = context
    self.weights = weights
    self.width = width
    contextNorm = norm
  }

  /// Factor on what the matrix makes of the embedding.
  private var contextScale: Float { 1 / Float(model.configuration.hidden).squareRoot() }
  /// Factor on what the table holds.
  private var tableScale: Float { Float(width).squareRoot() }
  /// Factor on their sum.
  private var sumScale: Float { Float(0.5).squareRoot() }

  /// Writes the vector of each token.
  ///
  /// - Parameters:
  ///   - embedded: room for `[tokens, hidden]` f32.
  ///   - operand: room for the same in the context's precision.
  ///   - destination: rows of the branch's width, `stride` elements apart.
  func write(
    _ tokens: [Int32], embedded: UnsafeMutablePointer<Float>, operand: UnsafeMutableRawPointer,
    to destination: UnsafeMutablePointer<Float>, stride: Int
  ) throws {
    try projectEmbeddings(tokens, embedded, operand, to: destination, stride: stride)
    let epsilon = model.configuration.normEpsilon
    rmsNormHeads(
      context, destination, rows: tokens.count, stride: stride, heads: 1, headStep: width, width: width,
      weight: contextNorm, epsilon: epsilon)
    let table = try model.weight(.tokenTable)
    let columns = (weights.block - 1) * width..<weights.block * width
    var values = [Float](repeating: 0, count: width)
    for (row, token) in tokens.enumerated() {
      try model.tensors.widen(table, row: Int(token), columns: columns, to: &values)
      let target = destination + row * stride
      for index in 0..<width { target[index] = (target[index] + values[index] * tableScale) * sumScale }
    }
  }

  /// What the block's part of the matrix makes of the tokens' embeddings, before its norm.
  private func projectEmbeddings(
    _ tokens: [Int32], _ embedded: UnsafeMutablePointer<Float>, _ operand: UnsafeMutableRawPointer,
    to destination: UnsafeMutablePointer<Float>, stride: Int
  ) throws {
    let input = try self.operand(of: tokens, embedded, roundedTo: operand)
    try weights.forEachMatrix(of: [.tokenContext]) { matrix, _ in
      multiply(input, by: matrix, into: destination, stride: stride, accumulate: false)
    }
    for row in 0..<tokens.count {
      let target = destination + row * stride
      for index in 0..<width { target[index] *= contextScale }
    }
  }

  /// The tokens' embeddings as the residual stream begins with them.
  private func operand(
    of tokens: [Int32], _ embedded: UnsafeMutablePointer<Float>, roundedTo copy: UnsafeMutableRawPointer
  ) throws -> ActivationMatrix {
    let hidden = model.configuration.hidden
    let table = try model.weight(.tokenEmbedding)
    try model.tensors.widen(table, rowsAt: tokens, to: embedded)
    if let factor = model.configuration.embeddingScale {
      scale(context, embedded, by: factor, count: tokens.count * hidden)
    }
    return Kernels.operand(
      context, embedded, rows: tokens.count, columns: hidden, stride: hidden, roundedTo: copy)
  }

  /// Adds the gradients of what the vectors are made of, given theirs.
  ///
  /// - Parameters:
  ///   - gradient: rows `stride` apart, which are used up.
  ///   - scratch: `[tokens, hidden]` f32 and, for operands, the same again.
  ///   - embeddingGradient: `[tokens, hidden]`, to which the gradient of the embeddings is added; `nil` where nobody wants it.
  func addGradients(
    _ tokens: [Int32], _ gradient: UnsafeMutablePointer<Float>, stride: Int, to gradients: Gradients,
    embeddingGradient: UnsafeMutablePointer<Float>?,
    scratch: (UnsafeMutablePointer<Float>, UnsafeMutableRawPointer)
  ) throws {
    let table = gradients.pointer(.tokenTable)
    let matrix = gradients.pointer(.tokenContexts)
    let norm = gradients.pointer(.tokenContextNorm)
    guard table != nil || matrix != nil || norm != nil || embeddingGradient != nil else { return }
    let (rows, first) = (tokens.count, (weights.block - 1) * width)
    let rowElements = model.configuration.blocks * width
    for (row, token) in tokens.enumerated() {
      let source = gradient + row * stride
      for index in 0..<width { source[index] *= sumScale }
      guard let table else { continue }
      let target = table + Int(token) * rowElements + first
      for index in 0..<width { target[index] += source[index] * tableScale }
    }
    guard matrix != nil || norm != nil || embeddingGradient != nil else { return }
    // The norm's input is computed once more.
    var projected = [Float](repeating: 0, count: rows * stride)
    try projected.withUnsafeMutableBufferPointer { projected in
      guard let projected = projected.baseAddress else { return }
      try projectEmbeddings(tokens, scratch.0, scratch.1, to: projected, stride: stride)
      rmsNormGradient(
        context, projected, outputGradient: gradient, rows: rows, width: width, stride: stride,
        weight: contextNorm, epsilon: model.configuration.normEpsilon, to: gradient, accumulate: false,
        weightGradient: norm)
      for row in 0..<rows { for index in 0..<width { gradient[row * stride + index] *= contextScale } }
      let input = Kernels.operand(
        context, scratch.0, rows: rows, columns: model.configuration.hidden,
        stride: model.configuration.hidden,
        roundedTo: scratch.1)
      let rounded = Kernels.operand(
        context, gradient, rows: rows, columns: width, stride: stride,
        roundedTo: UnsafeMutableRawPointer(projected))
      if let matrix {
        addMatrixGradient(
          input: input, outputGradient: rounded, layout: .outputMajor,
          to: matrix + first * model.configuration.hidden)
      }
      guard let embeddingGradient else { return }
      try weights.forEachMatrix(of: [.tokenContext]) { matrix, _ in
        multiplyBack(rounded, by: matrix, into: embeddingGradient, accumulate: true)
      }
    }
  }
}

extension TensorStore {
  /// Widens some columns of a row of a matrix.
  fileprivate func widen(
    _ entry: TensorEntry, row: Int, columns: Range<Int>, to destination: UnsafeMutablePointer<Float>
  ) throws {
    let block = entry.type.blockElements
    guard columns.lowerBound % block == 0, columns.count % block == 0,
      let offset = entry.type.byteCount(elements: columns.lowerBound)
    else {
      var whole = [Float](repeating: 0, count: entry.rowElements)
      try widen(entry, rows: row..<row + 1, to: &whole)
      for (index, column) in columns.enumerated() { destination[index] = whole[column] }
      return
    }
    try withBytes(of: entry, rows: row..<row + 1) { bytes in
      guard let base = bytes.baseAddress else { return }
      Kernels.widen(entry.type, from: base + offset, count: columns.count, to: destination)
    }
  }
}
