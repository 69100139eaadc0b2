internal import Kernels
internal import SubspaceEditing

/// What the preference matrices of one block are made of: the embeddings of all pairs, and what of neutral text they are
/// to leave alone.
struct BlockPreferences {
  /// The coordinates of ``EditRecipe/Method/oblique``, in which the embeddings are; `nil` for the other methods.
  let whitening: Whitening?
  private let method: EditRecipe.Method
  private let rejected: Embeddings
  private let chosen: Embeddings
  /// Principal directions of the neutral text, most important first.
  private let directions: Embeddings?

  /// - Parameters:
  ///   - rejected: embeddings of the rejected sides, `[pairs, hidden]`.
  ///   - chosen: those of the chosen sides, of the same shape.
  ///   - neutral: the second moment of neutral text, of the methods that use it.
  ///   - count: the most directions that a matrix will protect.
  init(
    _ method: EditRecipe.Method, rejected: Embeddings, chosen: Embeddings, neutral: SecondMoment?,
    protecting count: Int
  ) throws {
    self.method = method
    if method == .oblique, let neutral {
      let whitening = try Whitening(neutral)
      self.whitening = whitening
      (self.rejected, self.chosen) = (try whitening.whitened(rejected), try whitening.whitened(chosen))
      directions = nil
    } else {
      whitening = nil
      (self.rejected, self.chosen) = (rejected, chosen)
      directions = try neutral.map { try Self.principalDirections($0, count) }
    }
  }

  /// The preference matrix of all pairs.
  ///
  /// - Parameter count: directions of neutral text that it protects.
  func matrix(protecting count: Int) throws -> PreferenceMatrix {
    try PreferenceMatrix(
      rejected: rejected, chosen: chosen, protecting: try protection(count, centred: true))
  }

  /// The preference matrix of some pairs.
  func matrix(of sample: PairSample, protecting count: Int, centred: Bool) throws -> PreferenceMatrix {
    try PreferenceMatrix(
      rejected: try rows(of: sample, rejected, flipped: chosen),
      chosen: try rows(of: sample, chosen, flipped: rejected),
      protecting: try protection(count, centred: centred))
  }

  private func protection(_ count: Int, centred: Bool) throws -> Protection {
    if let directions {
      let first = try Embeddings(
        count: count, hidden: directions.hidden,
        values: Array(directions.values.prefix(count * directions.hidden)))
      return .directions(first, withChosenMean: centred)
    }
    guard method != .oblique, centred else { return .none }
    return method == .detoxEdit ? .chosenPrincipal : .chosenMean
  }

  private func rows(of sample: PairSample, _ side: Embeddings, flipped other: Embeddings) throws -> Embeddings
  {
    var values: [Float] = []
    values.reserveCapacity(sample.pairs.count * side.hidden)
    for pair in sample.pairs {
      let range = pair * side.hidden..<(pair + 1) * side.hidden
      values += sample.flipped.contains(pair) ? other.values[range] : side.values[range]
    }
    return try Embeddings(count: sample.pairs.count, hidden: side.hidden, values: values)
  }

  /// The first principal directions of the neutral text, `[count, hidden]`.
  private static func principalDirections(_ neutral: SecondMoment, _ count: Int) throws -> Embeddings {
    let directions = try neutral.principalDirections(count)
    guard directions.rows == count else {
      throw EditingError(
        "--protect \(count)",
        "the neutral text spans only \(directions.rows) directions; protect fewer, or give more text")
    }
    return try Embeddings(count: count, hidden: neutral.width, values: directions.narrowed)
  }
}
