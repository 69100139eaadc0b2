internal import Checkpoints
package import Kernels
internal import Storage
internal import SubspaceEditing
internal import Transformer

extension SubspaceFitting {
  /// What packing the portions of the texts told of them.
  struct Packing {
    /// Tokens of each portion in this process.
    private(set) var ownTokens: [Int] = []
    /// Tokens of all portions and processes, shared beginnings counted once within a portion.
    private(set) var tokenCount = 0
    /// Tokens that count in the second moment of neutral text.
    private(set) var neutralTokenCount = 0
    /// What a pass over the largest portion holds.
    private(set) var plan: MemoryPlan
    /// The packed texts where they are one portion.
    let only: TextEmbedding?

    /// Packs portion after portion; only the last is kept, where it is the first too.
    init(
      _ texts: FitTexts, _ portions: [FitTexts.Portion], _ model: Model, _ context: ComputeContext
    ) throws {
      var last = try texts.embedding(portions[0], model, context)
      var largest = try last.memoryPlan()
      for index in portions.indices {
        if index > 0 { last = try texts.embedding(portions[index], model, context) }
        if last.ownTokenCount > ownTokens.max() ?? 0 { largest = try last.memoryPlan() }
        ownTokens.append(last.ownTokenCount)
        tokenCount += last.tokenCount
        neutralTokenCount += last.neutralTokenCount
      }
      plan = largest
      only = portions.count == 1 ? last : nil
    }

    /// Tokens of the largest portion in this process.
    var largest: Int { ownTokens.max() ?? 0 }
  }

  /// Tokens of a portion where memory does not say otherwise: the pass over them takes a hundred times as long as reading
  /// a block's weights, and their residual stream is 151 MB in a model 576 wide and 1.1 GB in one 4,096 wide.
  static let standardPortionTokens = 65_536

  /// The most tokens of a portion.
  ///
  /// Fewer pairs than dimensions go through the blocks together as long as there is room for their residual stream. More
  /// go through in portions of ``standardPortionTokens``, or where the weights are more than the memory that is left, so that
  /// every portion has to read them from disk, of the largest power of two whose residual stream takes no more than half of
  /// it. Of several processes all must choose alike, so what is left of one machine says nothing.
  static func portionTokens(_ model: Model, _ context: ComputeContext, _ texts: FitTexts) -> Int {
    let row = (texts.method == .oblique ? 2 : 1) * model.configuration.hidden * 4
    let available = context.ranks.size == 1 ? SystemMemory.available() : nil
    if texts.pairs <= model.configuration.hidden {
      let tokens = (texts.sides + texts.passages).reduce(0) { $0 + $1.count }
      return available.map { tokens * row > $0 - $0 / 8 } ?? false ? standardPortionTokens : .max
    }
    let weights = model.tensors.entries.reduce(0) { $0 + $1.bytes.count }
    var tokens = standardPortionTokens
    if let available, weights > available {
      while 2 * tokens * row <= available / 2 { tokens *= 2 }
    }
    return tokens
  }

  /// Which products of a preference matrix with itself are decomposed, the fewer ones: of its rows, the pairs, or of its
  /// columns, the dimensions.
  package var gramSide: GramSide { pairs <= model.configuration.hidden ? .rows : .columns }

  /// Rows and columns of the matrix of these products.
  package var gramSize: Int { min(pairs, model.configuration.hidden) }

  /// How often the weights of the blocks are read, the measuring of a step's size left out.
  package var weightPasses: Int { portions.count }

  /// What is decomposed in each block, in words; `nil` where the recipe decomposes no preference matrix.
  package var gramDescription: String? {
    guard recipe.method.isProjection else { return nil }
    let size = "\(gramSize) × \(gramSize)"
    switch gramSide {
    case .rows: return "\(size) products of pairs"
    case .columns: return "\(size) products of dimensions, summed over pairs"
    }
  }

  /// The portions of a pass that keeps a row for each pair.
  ///
  /// Of several portions the rows of all blocks wait for the last, of all texts at once the residual stream of every token is
  /// held: whichever is less.
  var rowPortions: [FitTexts.Portion] {
    guard gramSide == .columns, portions.count > 1 else { return portions }
    let row = model.configuration.hidden * 4
    let stream = (recipe.method == .oblique ? 2 : 1) * row
    let all = packing.ownTokens.reduce(0, +) * stream + 2 * pairs * row
    let waiting = packing.largest * stream + recipe.blocks.count * waitingRowBytes
    return waiting < all ? portions : [texts.whole]
  }

  /// What one block keeps where a pass in several portions keeps a row for each pair.
  var waitingRowBytes: Int {
    let hidden = model.configuration.hidden
    let neutral = recipe.method.usesNeutralText ? hidden * hidden * 8 : 0
    return 2 * pairs * hidden * 4 + neutral
  }

  /// Runs the pass and answers what `transform` makes of each block to be edited, in order.
  ///
  /// It is given what preference matrices are made of, of some blocks at a time on a thread each: LAPACK's own threads mostly wait
  /// for each other at such sizes.
  ///
  /// - Parameters:
  ///   - count: the most directions of neutral text that any of them protects.
  ///   - side: ``gramSide``, or `.rows` for the embeddings of all pairs in any case.
  func mapBlocks<Result: Sendable>(
    protecting count: Int, from side: GramSide, progress: ProgressHandler? = nil,
    _ transform: (_ block: Int, BlockPreferences) throws -> Result
  ) throws -> [(block: Int, result: Result)] {
    guard recipe.method.isProjection else {
      throw EditingError(
        "--recipe \(recipe.method.rawValue)", "it compares no embeddings, so it has no preference matrix")
    }
    var held: [Int: BlockSums] = [:]
    let portions = side == gramSide ? portions : rowPortions
    let hidden = model.configuration.hidden
    let together = blocksTogether(from: side)
    var complete: [(block: Int, sums: BlockSums)] = []
    var results: [(block: Int, result: Result)] = []
    try forEachPortion(portions, progress: progress) { block, isLast, embeddings, neutral in
      var sums =
        held.removeValue(forKey: block) ?? BlockSums(recipe.method, side, pairs: pairs, hidden: hidden)
      try explaining(block) { try sums.add(embeddings, neutral) }
      guard isLast else { return held[block] = sums }
      complete.append((block, sums))
      guard complete.count == together || block == recipe.blocks.upperBound else { return }
      results += try context.parallelMap(complete.count) { item in
        let (block, sums) = complete[item]
        let result = try explaining(block) {
          try transform(block, BlockPreferences(recipe.method, sums, hidden: hidden, protecting: count))
        }
        return (block, result)
      }
      complete = []
    }
    return results
  }

  /// Says of which block an error is.
  func explaining<Result>(_ block: Int, _ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as SubspaceError {
      throw EditingError(model.path, "block \(block): \(error)")
    }
  }

  /// Runs portion after portion through the blocks and calls `body` with each block's embeddings of it.
  private func forEachPortion(
    _ portions: [FitTexts.Portion], progress: ProgressHandler?,
    _ body: (_ block: Int, _ isLast: Bool, _ embeddings: [Float], _ neutral: SecondMoment?) throws -> Void
  ) throws {
    // A text that is too long is found before the first portion, not when its turn comes.
    let longest = max(texts.longest.max() ?? 0, texts.passages.lazy.map(\.count).max() ?? 0)
    try ForwardPass.requirePositions(longest, model)
    let total = packing.ownTokens.reduce(0, +) * recipe.blocks.upperBound
    var completed = 0
    for (index, portion) in portions.enumerated() {
      // Buffers of the portion before were of other sizes.
      if index > 0 { SystemMemory.returnFree() }
      let embedding = try packing.only ?? texts.embedding(portion, model, context)
      try embedding.forEachBlockWithMoment(
        in: recipe.blocks,
        progress: { done, all in progress?(completed + done, portions.count == 1 ? all : total) }
      ) { try body($0, index == portions.count - 1, $1, $2) }
      completed += embedding.ownTokenCount * recipe.blocks.upperBound
    }
  }
}
