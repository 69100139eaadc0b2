internal import Kernels
internal import Storage

/// What a model says about the tokens that follow some rows, and how far that is from what another says.
package struct RowScores: Sendable, Equatable {
  /// ln p of the target after each row.
  package var logProbabilities: [Double] = []
  /// The most probable token after each row; the first of equals.
  package var bestTokens: [Int32] = []
  /// KL(first‖this) in nats after each row, where the first model's distribution is p; zeros for the first itself.
  package var divergences: [Double] = []
}

extension LanguageModelHead {
  /// Scores the same rows of several residual streams and compares each with the first.
  ///
  /// One slice of the vocabulary at a time, so that no row of logits is ever held whole.
  /// - Parameters:
  ///   - groups: the streams of each model with its head; all of one vocabulary.
  ///   - rows: rows of every stream.
  ///   - targets: the token that follows each row.
  /// - Returns: the scores of every stream, in the order given.
  /// - Throws: ``ModelError`` where the vocabularies differ.
  package static func score(
    _ groups: [(head: LanguageModelHead, streams: [ResidualStream])], rows: [Int], targets: [Int32],
    progress: ProgressHandler? = nil
  ) throws -> [RowScores] {
    try score(
      groups.map { group in (group.head, try group.streams.map { try HeadRows(group.head, $0, rows) }) },
      targets: targets, progress: progress)
  }

  /// The same for rows that have been taken from their streams.
  static func score(
    _ groups: [(head: LanguageModelHead, operands: [HeadRows])], targets: [Int32],
    progress: ProgressHandler? = nil
  ) throws -> [RowScores] {
    let subjects = groups.indices.flatMap { group in
      groups[group].operands.map { (group: group, operands: $0) }
    }
    let rows = targets.indices
    guard let first = groups.first?.head, !rows.isEmpty else { return subjects.map { _ in RowScores() } }
    let context = first.context
    let slices = try groups.map { try SlicedHead($0.head) }
    let tokenSlices = slices[0].tokenSlices
    for (group, slice) in zip(groups, slices) where slice.tokenSlices != tokenSlices {
      throw ModelError(
        group.head.model.path,
        "its vocabulary has \(slice.tokenSlices.last?.upperBound ?? 0) tokens, that of \(first.model.path) has "
          + "\(tokenSlices.last?.upperBound ?? 0); models are compared token by token")
    }
    let operands = subjects.map(\.operands)
    var softmaxes = subjects.map { _ in StreamedLogSoftmax(targets: targets) }
    var divergences = subjects.map { _ in StreamedDivergence(rows: rows.count) }
    let size = slices[0].largestSlice(rows.count)
    var reference = unsafe AlignedBuffer<Float>(uninitializedCount: size)
    var other = unsafe AlignedBuffer<Float>(uninitializedCount: subjects.count > 1 ? size : 0)
    try reference.withUnsafeMutableBufferPointer { reference in
      try other.withUnsafeMutableBufferPointer { other in
        guard let reference = reference.baseAddress, let other = other.baseAddress else { return }
        for tokens in tokenSlices {
          for slice in slices { try slice.load(tokens) }
          for range in slices[0].rowSlices(rows.count) {
            try slices[0].compute(operands[0], range, into: reference)
            for index in subjects.indices.dropFirst() {
              try slices[subjects[index].group].compute(operands[index], range, into: other)
              divergences[index].consume(context, reference, other, rows: range, width: tokens.count)
              softmaxes[index].consume(
                context, other, rows: range, firstToken: tokens.lowerBound, width: tokens.count)
            }
            softmaxes[0].consume(
              context, reference, rows: range, firstToken: tokens.lowerBound, width: tokens.count)
            progress?(
              tokens.lowerBound * rows.count + range.upperBound * tokens.count,
              first.model.configuration.vocabulary * rows.count)
          }
        }
      }
    }
    return subjects.indices.map { index in
      RowScores(
        logProbabilities: rows.indices.map { softmaxes[index].logProbability($0) },
        bestTokens: rows.indices.map { softmaxes[index].bestToken($0) },
        divergences: rows.indices.map {
          index == 0
            ? 0
            : divergences[index].divergence(
              $0, logNormalizer: softmaxes[0].logNormalizer($0), other: softmaxes[index].logNormalizer($0))
        })
    }
  }
}
