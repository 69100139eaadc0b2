package import Kernels

/// Scores one set of variants of a base after another on the same rows: what they share with the base is computed once.
package final class VariantScoring {
  private let model: Model
  private let context: ComputeContext
  private let forest: TokenForest
  private let rows: [Int]
  private let targets: [Int32]
  /// The base's residual stream before the blocks that variants begin with.
  private let beginnings: [Int: ResidualStream]
  private let base: HeadRows

  /// Runs the base.
  ///
  /// - Parameters:
  ///   - rows: rows of the forest.
  ///   - targets: the token that follows each row.
  ///   - firstBlocks: the first edited blocks of the variants to come, from 1.
  package init(
    _ model: Model, _ context: ComputeContext, _ forest: TokenForest, rows: [Int], targets: [Int32],
    firstBlocks: Set<Int>
  ) throws {
    (self.model, self.context, self.forest) = (model, context, forest)
    (self.rows, self.targets) = (rows, targets)
    let pass = try ForwardPass(model, context, forest, outputRows: rows)
    var kept: [Int: ResidualStream] = [:]
    if firstBlocks.contains(1) { kept[1] = pass.stream?.copy() }
    var last = ResidualStream(rows: 0, width: model.configuration.hidden)
    try pass.run(
      throughBlock: model.configuration.blocks,
      afterBlock: { block, stream in
        if firstBlocks.contains(block + 1) { kept[block + 1] = stream.copy() }
        last = stream
      })
    beginnings = kept
    base = try HeadRows(LanguageModelHead(model, context), last, rows)
  }

  /// Rows that are scored.
  package var rowCount: Int { rows.count }

  /// KL(base‖variant) in nats after each row, variant by variant.
  ///
  /// - Parameter variants: each begins with one of the first blocks that were announced.
  package func divergences(of variants: [ModelVariant]) throws -> [[Double]] {
    guard !rows.isEmpty else { return variants.map { _ in [] } }
    let starts = variants.map { variant in
      guard let beginning = beginnings[variant.firstBlock] else {
        preconditionFailure("the first block of a variant was announced")
      }
      return beginning
    }
    let pass = ForwardPass(model, context, forest, variants: variants, from: starts, outputRows: rows)
    let streams = try pass.finalStreams()
    let head = LanguageModelHead(model, context)
    let operands = try [base] + streams.map { try HeadRows(head, $0, rows) }
    return try LanguageModelHead.score([(head, operands)], targets: targets).dropFirst().map(\.divergences)
  }
}
