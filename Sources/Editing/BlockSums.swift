internal import Kernels
internal import SubspaceEditing

/// What a fit keeps of one block from portion to portion of the texts.
struct BlockSums {
  /// What is kept of the pairs.
  enum Pairs {
    /// The embeddings of both sides, `[pairs, hidden]` each, row after row.
    case rows(rejected: [Float], chosen: [Float])
    /// Sums over them.
    case moments(PairMoments)
  }

  /// What is kept of the pairs that were added.
  private(set) var pairs: Pairs
  /// The second moment of the neutral text that was added; `nil` where there was none.
  private(set) var neutral: SecondMoment?

  /// No pairs.
  ///
  /// - Parameters:
  ///   - side: which products of the preference matrix with itself will be decomposed: of its rows, so that the embeddings
  ///     are kept, or of its columns.
  ///   - count: pairs that will be added.
  init(_ method: EditRecipe.Method, _ side: GramSide, pairs count: Int, hidden: Int) {
    switch side {
    case .rows:
      var (rejected, chosen) = ([Float](), [Float]())
      rejected.reserveCapacity(count * hidden)
      chosen.reserveCapacity(count * hidden)
      pairs = .rows(rejected: rejected, chosen: chosen)
    case .columns:
      pairs = .moments(PairMoments(hidden: hidden, withChosenMoment: method == .detoxEdit))
    }
  }

  /// Adds a portion.
  ///
  /// - Parameters:
  ///   - embeddings: `[2 · pairs, hidden]`, the rejected sides first.
  ///   - moment: the second moment of the portion's neutral text, where it has any.
  mutating func add(_ embeddings: [Float], _ moment: SecondMoment?) throws {
    let half = embeddings.count / 2
    switch pairs {
    case .rows(var rejected, var chosen):
      // In place: nothing else may hold the rows.
      pairs = .rows(rejected: [], chosen: [])
      rejected += embeddings[..<half]
      chosen += embeddings[half...]
      pairs = .rows(rejected: rejected, chosen: chosen)
    case .moments(var moments):
      pairs = .moments(PairMoments(hidden: 0))
      let values = embeddings.span
      try moments.add(
        rejected: values.extracting(0..<half), chosen: values.extracting(half..<embeddings.count))
      pairs = .moments(moments)
    }
    guard let moment else { return }
    if neutral == nil { neutral = moment } else { neutral?.add(moment) }
  }
}
