/// How many directions a subspace has.
public enum RankChoice: Sendable, Hashable, ExpressibleByIntegerLiteral, LosslessStringConvertible {
  /// As many as said.
  case fixed(Int)
  /// As many as ``ScreeThreshold`` tells from noise, block by block: at least 1, at most ``automaticBound``.
  case automatic

  /// The most directions that ``automatic`` takes, as in the paper.
  public static let automaticBound = 10

  /// A fixed rank.
  public init(integerLiteral value: Int) { self = .fixed(value) }

  /// Reads a number, or `auto`.
  public init?(_ description: String) {
    if description == "auto" {
      self = .automatic
    } else if let rank = Int(description) {
      self = .fixed(rank)
    } else {
      return nil
    }
  }

  /// The number, or `auto`.
  public var description: String {
    switch self {
    case .fixed(let rank): "\(rank)"
    case .automatic: "auto"
    }
  }

  /// The largest rank that can come of it.
  public var largest: Int {
    switch self {
    case .fixed(let rank): rank
    case .automatic: Self.automaticBound
    }
  }
}

extension PreferenceMatrix {
  /// The rank for this matrix; an automatic one is no larger than the matrix allows.
  ///
  /// The spectrum that is judged is that of the space that is not protected. Throws where it has fewer than three values.
  public func rank(_ choice: RankChoice) throws(SubspaceError) -> Int {
    switch choice {
    case .fixed(let rank): return rank
    case .automatic:
      let free = max(1, hidden - protectedRank)
      let values = try singularValues().prefix(min(pairs, free))
      let scree = try ScreeThreshold(
        singularValues: Array(values), rows: pairs, columns: free, upperBound: RankChoice.automaticBound)
      return min(max(1, scree.rank), RankChoice.automaticBound)
    }
  }
}
