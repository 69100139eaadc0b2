/// Which right singular vectors of the preference matrix span the subspace.
public enum DirectionRanking: String, Sendable, Hashable, CaseIterable {
  /// Those with the largest singular values: where the pairs differ most.
  case singularValue = "singular-value"
  /// Those, among the first ``candidates``, along which the rows of T agree most: by |mean| / standard deviation.
  ///
  /// Pairs can differ much along a direction without agreeing on its sign; such a direction is variety of wording, not
  /// what makes one side the rejected one.
  case consistency
  /// The mean of T's rows, and then the first right singular vectors of what is left without it.
  case mean

  /// How many singular vectors ``consistency`` chooses from, unless the rank is larger.
  public static let candidates = 40
}
