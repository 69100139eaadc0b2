internal import Kernels
internal import SubspaceEditing

/// What the preference matrices of one block are made of: the embeddings of all pairs, or sums over them, and what of
/// neutral text they are to leave alone.
struct BlockPreferences {
  /// The coordinates of ``EditRecipe/Method/oblique``, in which the embeddings are; `nil` for the other methods.
  let whitening: Whitening?
  private let method: EditRecipe.Method
  private let pairs: Pairs
  /// Principal directions of the neutral text, most important first.
  private let directions: Embeddings?

  /// What is kept of the pairs.
  private enum Pairs {
    /// The embeddings of both sides, `[pairs, hidden]` each.
    case rows(rejected: Embeddings, chosen: Embeddings)
    /// Sums over them.
    case moments(PairMoments)
  }

  /// - Parameters:
  ///   - sums: what was kept of the pairs and, of the methods that use it, of neutral text.
  ///   - hidden: width of the residual stream.
  ///   - count: the most directions that a matrix will protect.
  init(_ method: EditRecipe.Method, _ sums: BlockSums, hidden: Int, protecting count: Int) throws {
    self.method = method
    let kept: Pairs
    switch sums.pairs {
    case .rows(let rejected, let chosen):
      func rows(_ values: [Float]) throws -> Embeddings {
        try Embeddings(count: values.count / hidden, hidden: hidden, values: values)
      }
      kept = .rows(rejected: try rows(rejected), chosen: try rows(chosen))
    case .moments(let moments): kept = .moments(moments)
    }
    if method == .oblique, let neutral = sums.neutral {
      let whitening = try Whitening(neutral)
      self.whitening = whitening
      switch kept {
      case .rows(let rejected, let chosen):
        pairs = .rows(
          rejected: try whitening.whitened(rejected), chosen: try whitening.whitened(chosen))
      case .moments(let moments): pairs = .moments(try moments.whitened(by: whitening))
      }
      directions = nil
    } else {
      whitening = nil
      pairs = kept
      directions = try sums.neutral.map { try Self.principalDirections($0, count) }
    }
  }

  /// The preference matrix of all pairs.
  ///
  /// - Parameter count: directions of neutral text that it protects.
  func matrix(protecting count: Int) throws -> PreferenceMatrix {
    let protection = try protection(count, centred: true)
    switch pairs {
    case .rows(let rejected, let chosen):
      return try PreferenceMatrix(rejected: rejected, chosen: chosen, protecting: protection)
    case .moments(let moments): return try PreferenceMatrix(moments, protecting: protection)
    }
  }

  /// The preference matrix of some pairs.
  func matrix(of sample: PairSample, protecting count: Int, centred: Bool) throws -> PreferenceMatrix {
    guard case .rows(let rejected, let chosen) = pairs else {
      preconditionFailure("sums over all pairs have none of some")
    }
    return try PreferenceMatrix(
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
