internal import Checkpoints
package import Kernels

/// Embeddings of texts: the residual stream after a block, pooled over each text's tokens.
///
/// Neutral texts can go through the same pass. They have no embedding of their own; what is taken of them is the second
/// moment of the residual stream over their tokens.
///
/// Where the context has several processes, each computes a run of the texts and one of the neutral texts, about equal in
/// tokens, and all get the embeddings of all texts.
package struct TextEmbedding {
  /// Which tokens of a text are averaged.
  package enum Pooling: String, Sendable, CaseIterable {
    /// All of the text's own tokens: the paper's choice.
    case mean
    /// All but the first, which in many models is an attention sink of enormous norm.
    case skipFirst = "skip-first"
    /// The last token alone.
    case last
    /// All texts of a side padded to its longest, padding included in the average: what the paper's published code does.
    case meanPadded = "mean-padded"
  }

  /// What is pooled.
  package enum Source: Sendable {
    /// The residual stream after the block.
    case residualStream
    /// What the block's MLP-value matrix writes, before its bias and before any norm behind it.
    case mlpOutput
  }

  private let model: Model
  private let source: Source
  private let context: ComputeContext
  private let forest: TokenForest
  /// Rows of each text of this process.
  private let ranges: [[Range<Int>]]
  /// Rows whose second moment is taken.
  private let neutralRanges: [Range<Int>]
  private let sides: Int
  /// Tokens that are computed for each block, shared prefixes counted once; of all processes, as one would compute them.
  package let tokenCount: Int
  /// Tokens that count in the second moment, of all processes.
  package let neutralTokenCount: Int

  /// Packs the texts.
  ///
  /// - Parameters:
  ///   - texts: token ids; texts that begin alike share the computation.
  ///   - padding: the token ``Pooling/meanPadded`` pads with; not used otherwise.
  ///   - source: what is pooled.
  ///   - skipping: of each text how many tokens at its beginning are left out of its mean; instead of what `pooling` says.
  ///     Of a text that is no longer its last token stays.
  ///   - longest: tokens that ``Pooling/meanPadded`` pads each side to, where these texts are only some of a side's; by
  ///     default the side's longest text.
  ///   - sides: the texts are so many lists of equal length, one behind the other, each with a longest text of its own;
  ///     texts at the same place in them are computed by the same process.
  ///   - neutral: token ids of neutral texts; each token but a text's first counts once in the second moment. Not to be
  ///     had with ``Pooling/meanPadded``, which would pad them as well.
  /// - Throws: ``ModelError`` for a text without tokens.
  package init(
    _ model: Model, _ context: ComputeContext, _ texts: [[Int32]], pooling: Pooling, padding: Int32 = 0,
    source: Source = .residualStream, skipping: [Int]? = nil, longest: [Int]? = nil, sides: Int = 1,
    neutral: [[Int32]] = []
  ) throws {
    precondition(texts.count % sides == 0, "sides of equal length")
    precondition(neutral.isEmpty || pooling != .meanPadded, "neutral texts are not padded")
    try Self.requireTokens(texts, model)
    self.model = model
    self.source = source
    self.context = context
    let lengths = (0..<sides).flatMap { side in
      let size = texts.count / sides
      let own = texts[side * size..<(side + 1) * size].lazy.map(\.count).max() ?? 0
      return Array(repeating: longest?[side] ?? own, count: size)
    }
    self.sides = sides
    let size = texts.count / sides
    let share = context.ranks.share(
      of: (0..<size).map { item in (0..<sides).reduce(0) { $0 + texts[$1 * size + item].count } })
    let own = (0..<sides).flatMap { side in share.map { side * size + $0 } }
    let ownNeutral = context.ranks.share(of: neutral.map(\.count))
    /// Where tokens see those behind them, a prefix depends on what follows it.
    func pack(_ indices: [Int], _ neutral: some Sequence<[Int32]>) -> TokenForest {
      TokenForest(
        indices.map { texts[$0] } + neutral, chunkTokens: ForwardPass.chunkTokens,
        sharing: model.configuration.isCausal,
        padding: pooling == .meanPadded ? .init(token: padding, lengths: indices.map { lengths[$0] }) : nil)
    }
    let forest = pack(own, neutral[ownNeutral])
    self.forest = forest
    tokenCount =
      context.ranks.size == 1 ? forest.tokens.count : pack(Array(texts.indices), neutral).tokens.count
    neutralTokenCount = neutral.reduce(0) { $0 + max(0, $1.count - 1) }
    ranges = own.enumerated().map { index, text in
      let ranges = forest.ranges(ofText: index)
      if let skipping { return Self.dropping(min(skipping[text], texts[text].count - 1), ranges) }
      switch pooling {
      case .mean, .meanPadded: return ranges
      case .skipFirst: return texts[text].count == 1 ? ranges : Self.dropping(1, ranges)
      case .last: return ranges.last.map { [$0.upperBound - 1..<$0.upperBound] } ?? []
      }
    }
    neutralRanges = (0..<ownNeutral.count).flatMap { index in
      Self.dropping(1, forest.ranges(ofText: own.count + index))
    }
  }

  /// Throws for a text without tokens.
  package static func requireTokens(_ texts: [[Int32]], _ model: Model) throws {
    guard let empty = texts.firstIndex(where: \.isEmpty) else { return }
    throw ModelError(model.path, "text \(empty + 1) has no tokens, so it has no embedding")
  }

  /// `ranges` without their first `count` rows.
  private static func dropping(_ count: Int, _ ranges: [Range<Int>]) -> [Range<Int>] {
    var left = count
    return ranges.compactMap { range in
      let dropped = min(left, range.count)
      left -= dropped
      return dropped == range.count ? nil : range.lowerBound + dropped..<range.upperBound
    }
  }

  /// Tokens that this process computes for each block.
  package var ownTokenCount: Int { forest.tokens.count }

  /// What ``forEachBlock(in:progress:_:)`` will hold in memory, in this process.
  package func memoryPlan() throws -> MemoryPlan { try MemoryPlan(model, context, forest) }

  /// Runs blocks up to the last of `blocks` and calls `body` with each one's embeddings, `[texts, hidden]`, in order.
  package func forEachBlock(
    in blocks: ClosedRange<Int>, progress: ProgressHandler? = nil,
    _ body: (_ block: Int, _ embeddings: [Float]) throws -> Void
  ) throws {
    try forEachBlockWithMoment(in: blocks, progress: progress) { block, embeddings, _ in
      try body(block, embeddings)
    }
  }

  /// As ``forEachBlock(in:progress:_:)``, with the second moment of the neutral texts too; `nil` where there are none.
  package func forEachBlockWithMoment(
    in blocks: ClosedRange<Int>, progress: ProgressHandler? = nil,
    _ body: (_ block: Int, _ embeddings: [Float], _ neutral: SecondMoment?) throws -> Void
  ) throws {
    guard ownTokenCount > 0 else {
      // There are fewer texts than processes.
      for block in blocks { try body(block, gathered([]), summed(nil)) }
      return
    }
    let pass = try ForwardPass(model, context, forest)
    let written =
      source == .mlpOutput
      ? ResidualStream(rows: forest.tokens.count, width: model.configuration.hidden) : nil
    try pass.run(
      throughBlock: blocks.upperBound, progress: progress, mlpOutputs: written,
      afterBlock: { block, residual in
        guard blocks.contains(block) else { return }
        let stream = written ?? residual
        let embeddings = try stream.means(context, ofTexts: ranges)
        let moment = neutralRanges.isEmpty ? nil : try stream.secondMoment(of: neutralRanges)
        guard embeddings.allSatisfy(\.isFinite), moment?.isFinite ?? true else {
          throw try model.explainNonFinite(throughBlock: block)
        }
        try body(block, gathered(embeddings), summed(moment))
      })
  }

  /// The embeddings of all texts in their order, from those of each process.
  private func gathered(_ own: [Float]) -> [Float] {
    guard context.ranks.size > 1 else { return own }
    let side = own.count / sides
    return (0..<sides).flatMap { context.ranks.gathered(Array(own[$0 * side..<($0 + 1) * side])) }
  }

  /// The second moment of all neutral texts, from that of each process.
  private func summed(_ own: SecondMoment?) -> SecondMoment? {
    guard neutralTokenCount > 0 else { return nil }
    var moment = own ?? SecondMoment(width: model.configuration.hidden)
    moment.add(over: context.ranks)
    return moment
  }
}

extension Model {
  /// The error for a residual stream that is not finite after `block`: names the weight at fault where there is one.
  ///
  /// After the last block the weights of the heads are looked at as well.
  package func explainNonFinite(throughBlock block: Int) throws -> ModelError {
    let last: [WeightRole] = [.finalNorm, .outputProjection, .outputHead, .classifierDense, .classifier]
    let first = WeightRole.allCases.filter { !$0.isPerBlock && !last.contains($0) }
    func parts(_ roles: [WeightRole], _ block: Int? = nil) -> [TensorEntry] {
      roles.flatMap { role in
        [Part.weight, .bias].compactMap { entry(role, block: block, part: $0) }
      }
    }
    var entries = parts(first)
    for candidate in 1...block { entries += parts(blockRoles, candidate) }
    if block == configuration.blocks { entries += parts(last) }
    for entry in entries {
      if let row = try tensors.firstNonFiniteRow(of: entry) {
        return ModelError(
          path, "tensor \"\(entry.name)\" holds NaN or infinity in row \(row); the checkpoint is damaged")
      }
    }
    return ModelError(path, "the residual stream after block \(block) is not finite; try --compute f32")
  }
}

extension TensorStore {
  /// The first row, from 0, that holds NaN or infinity.
  fileprivate func firstNonFiniteRow(of entry: TensorEntry) throws -> Int? {
    var values = [Float](repeating: 0, count: entry.rowElements)
    return try (0..<entry.rowCount).first { row in
      try widen(entry, rows: row..<row + 1, to: &values)
      return !values.allSatisfy(\.isFinite)
    }
  }
}
