package import Kernels

/// A forward pass over scored texts and, where it is wanted, the way back.
///
/// The forward pass is the one that everything else uses. Kept of it is the residual stream before each block from the
/// lowest trained one on, and what is inside the blocks as far as there is room for it; the way back computes the other blocks
/// once more before it differentiates them, a chunk of tokens at a time.
package struct ResponsePass {
  /// Σ ln p of the response of each text.
  package let logProbabilities: [Double]
  private let model: Model
  private let context: ComputeContext
  private let forest: TokenForest
  private let layout: ParameterLayout
  /// The residual stream before each block from ``firstKept`` on, and after the last.
  private let streams: [ResidualStream]
  /// For each scored token, the text that it belongs to.
  private let texts: [Int]
  private let targets: HeadBackward.Targets
  /// The blocks' insides, where some are kept.
  private let recording: BlockRecording?

  private var firstKept: Int { max(1, layout.firstBlock) }

  /// Runs the texts through `model`; beginnings that they share are computed once.
  ///
  /// - Parameters:
  ///   - context: threads, and the precision of products on both ways.
  ///   - layout: the weights that gradients are wanted of.
  ///   - alone: how many texts, the last ones, share no beginnings all the same: of a row that is shared, the gradient is
  ///     that of all its texts together.
  ///   - store: where what the way back needs is kept; `nil` to compute it once more.
  /// - Throws: ``ModelError`` where the model is an encoder, a token is outside the vocabulary, or a text is longer than
  ///   the model's positions.
  package init(
    _ model: Model, _ context: ComputeContext, _ sequences: [ScoredSequence], _ layout: ParameterLayout,
    alone: Int = 0, chunkTokens: Int = ForwardPass.chunkTokens, keepingIn store: ActivationStore? = nil
  ) throws {
    try model.requireDecoder()
    self.model = model
    self.context = context
    self.layout = layout
    let forest = TokenForest(sequences.map(\.tokens), chunkTokens: chunkTokens, alone: alone)
    self.forest = forest
    var (texts, rows, tokens) = ([Int](), [Int](), [Int32]())
    for (index, sequence) in sequences.enumerated() {
      let places = forest.ranges(ofText: index).flatMap { Array($0) }
      for position in sequence.scored {
        texts.append(index)
        rows.append(places[position - 1])
        tokens.append(sequence.tokens[position])
      }
    }
    let (firstBlock, blocks) = (max(1, layout.firstBlock), model.configuration.blocks)
    recording = try store.map {
      try BlockRecording(
        model, context, forest, keepingIn: $0, blocks: min(firstBlock, blocks + 1)..<blocks + 1,
        logits: rows.count * model.configuration.vocabulary)
    }
    streams = try ForwardPass(model, context, forest).streams(fromBlock: firstBlock, recording: recording)
    var logProbabilities = [Double](repeating: 0, count: sequences.count)
    var normalizers: [Float] = []
    if let last = streams.last, !rows.isEmpty {
      let scores = try LanguageModelHead(model, context).logSoftmax(
        last, rows: rows, targets: tokens, keepingAt: recording?.logits)
      for (index, text) in texts.enumerated() { logProbabilities[text] += scores.logProbability(index) }
      normalizers = rows.indices.map { Float(scores.logNormalizer($0)) }
    }
    self.logProbabilities = logProbabilities
    self.texts = texts
    targets = HeadBackward.Targets(rows: rows, tokens: tokens, weights: [], logNormalizers: normalizers)
  }

  /// Places of a text's tokens, from its beginning; texts that share nothing have one range each, one after another.
  package func rows(ofText index: Int) -> [Range<Int>] { forest.ranges(ofText: index) }

  /// Zeros, where blocks are given the embeddings once more and their gradient is wanted.
  private func embeddingGradient(rows: Int) throws -> ResidualStream? {
    guard model.configuration.tokenBranchWidth != nil, layout.firstBlock == 0 else { return nil }
    let gradient = ResidualStream(rows: rows, width: model.configuration.hidden)
    try gradient.withRows { $0.update(repeating: 0, count: rows * gradient.width) }
    return gradient
  }

  /// Adds the gradient of Σ over texts of weight · ln p(response) to `gradients`.
  ///
  /// - Parameters:
  ///   - weights: one a text.
  ///   - gradients: of the layout that the pass was made for.
  ///   - observer: is shown what the MLP-value matrices wrote and its gradient, chunk by chunk, from the last block down.
  ///   - progress: told of tokens done in all blocks.
  package func addGradient(
    weights: [Double], to gradients: Gradients, observer: ((MLPOutputGradient) throws -> Void)? = nil,
    progress: ProgressHandler? = nil
  ) throws {
    precondition(gradients.layout.firstBlock == layout.firstBlock, "gradients of another layout")
    guard let last = streams.last, !targets.rows.isEmpty else { return }
    let configuration = model.configuration
    let gradient = ResidualStream(rows: last.rows, width: last.width)
    try gradient.withRows { $0.update(repeating: 0, count: last.rows * last.width) }
    var weighted = targets
    weighted.weights = texts.map { Float(weights[$0]) }
    try HeadBackward(model: model, context: context, gradients: gradients)(
      last, weighted, logits: recording?.logits, to: gradient)
    recording?.useLogits()

    let recording = try self.recording ?? BlockRecording(model, context, forest)
    let backward = BlockBackward(
      context: context, weights: recording.weights, rotary: recording.rotary, gradients: gradients,
      scratch: BlockBackwardScratch(
        configuration.largestBlock, context.precision, rows: forest.largestChunk),
      observer: observer, sharedKeys: SharedKeys(configuration, rows: last.rows),
      embeddingGradient: try embeddingGradient(rows: last.rows))
    let total = forest.tokens.count * max(0, configuration.blocks - firstKept + 1)
    var completed = 0
    for block in (firstKept..<configuration.blocks + 1).reversed() {
      try recording.weights.load(block)
      for chunk in 0..<recording.chunkCount {
        let tokens = recording.tokens(ofChunk: chunk)
        try recording.record(block: block, chunk: chunk, of: streams[block - firstKept]) { record in
          try gradient.withRows { try backward(record, $0 + tokens.lowerBound * configuration.hidden) }
        }
        completed += tokens.count
        progress?(completed, total)
      }
    }
    guard layout.firstBlock == 0 else { return }
    if let added = backward.embeddingGradient {
      try added.withRows { added in
        try gradient.withRows { add(context, added, to: $0, count: gradient.rows * gradient.width) }
      }
    }
    try EmbeddingBackward(model: model, context: context, gradients: gradients)(forest, gradient)
  }
}
