internal import Kernels
internal import SubspaceEditing

/// What a fit keeps of one block from portion to portion of the texts.
struct BlockSums {
  /// What is kept of the pairs.
  enum Pairs {
    /// The embeddings of both sides, `[pairs, hidden]` each.
    case rows(rejected: Embeddings, chosen: Embeddings)
    /// Sums over them.
    case moments(PairMoments)
  }

  /// What is kept of the pairs that were added.
  private(set) var pairs: Pairs
  /// The second moment of the neutral text that was added; `nil` where there was none.
  private(set) var neutral: SecondMoment?

  /// No pairs.
  ///
  /// - Parameter side: which products of the preference matrix with itself will be decomposed: of its rows, so that the
  ///   embeddings are kept, or of its columns.
  init(_ method: EditRecipe.Method, _ side: GramSide, hidden: Int) throws {
    switch side {
    case .rows:
      let none = try Embeddings(count: 0, hidden: hidden, values: [])
      pairs = .rows(rejected: none, chosen: none)
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
    case .rows(let rejected, let chosen):
      pairs = .rows(
        rejected: try rejected.appending(embeddings[..<half]),
        chosen: try chosen.appending(embeddings[half...]))
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

extension Embeddings {
  /// These vectors and `values`, `[any number, hidden]`, behind them.
  fileprivate func appending(_ more: ArraySlice<Float>) throws -> Embeddings {
    try Embeddings(
      count: count + more.count / max(1, hidden), hidden: hidden,
      values: count == 0 ? Array(more) : values + more)
  }
}
