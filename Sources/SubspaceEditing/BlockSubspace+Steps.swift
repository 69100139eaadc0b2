extension BlockSubspace {
  /// Several steps taken together: W′ = W − α Σ Uᵀ(V W), the sum of what each changes.
  ///
  /// The singular values are those of all, largest first. Throws where widths differ, or there are more directions than
  /// dimensions.
  public init(addingSteps steps: [BlockSubspace]) throws(SubspaceError) {
    guard let first = steps.first else { throw SubspaceError(reason: .empty(what: "steps to add")) }
    let (count, hidden) = (steps.reduce(0) { $0 + $1.rank }, first.hidden)
    try self.init(
      directions: Embeddings(count: count, hidden: hidden, values: steps.flatMap(\.directions.values)),
      writes: Embeddings(count: count, hidden: hidden, values: steps.flatMap(\.taken.values)),
      isProjection: false, singularValues: steps.flatMap(\.singularValues).sorted(by: >))
  }

  /// The step of `factor` times the size.
  ///
  /// Throws where what it writes would no longer be finite.
  public func scaled(by factor: Double) throws(SubspaceError) -> BlockSubspace {
    try BlockSubspace(
      directions: directions,
      writes: Embeddings(
        count: rank, hidden: hidden, values: taken.values.map { Float(Double($0) * factor) }),
      isProjection: false, singularValues: singularValues.map { $0 * abs(factor) })
  }
}
