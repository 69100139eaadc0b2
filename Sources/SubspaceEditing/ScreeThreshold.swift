internal import Foundation

/// A threshold under which singular values are noise, for noise of any (also correlated) kind.
///
/// ScreeNOT (Donoho, Gavish, Romanov, "ScreeNOT: Exact MSE-optimal singular value thresholding in correlated
/// noise", Annals of Statistics 2023): the threshold that is asymptotically best for the squared error of the
/// reconstruction. The top values, which may hold signal, are replaced by what the values behind them suggest
/// for noise; the threshold is then a functional of the spectrum that results.
public struct ScreeThreshold: Sendable, Equatable {
  /// Values above it are signal.
  public let threshold: Double
  /// Number of singular values above the threshold: 0 when all look like noise, at most the upper bound.
  public let rank: Int

  /// Computes the threshold from all singular values, largest first, of a `[rows, columns]` matrix.
  ///
  /// `upperBound` is a loose bound on the rank of the signal. It is lowered to (count − 1)/2 where there are
  /// too few values. The answer scales with the values. Throws when there are fewer than three, or one is not
  /// finite.
  public init(
    singularValues: [Double], rows: Int, columns: Int, upperBound: Int = 10
  ) throws(SubspaceError) {
    precondition(rows > 0 && columns > 0, "an empty matrix has no singular values")
    try self.init(
      singularValues: singularValues,
      aspect: Double(min(rows, columns)) / Double(max(rows, columns)), upperBound: upperBound)
  }

  /// As above, with γ = min(rows, columns)/max(rows, columns) given.
  init(singularValues: [Double], aspect gamma: Double, upperBound: Int) throws(SubspaceError) {
    precondition(upperBound > 0, "a rank bound starts at 1")
    guard singularValues.count >= 3 else {
      throw SubspaceError(
        reason: .sizesDisagree(
          what: "singular values for choosing a rank, at least", expected: 3, found: singularValues.count))
    }
    if let index = singularValues.firstIndex(where: { !$0.isFinite }) {
      throw SubspaceError(reason: .notFinite(what: "singular values", row: index))
    }
    let bound = min(upperBound, (singularValues.count - 1) / 2)
    var noise = singularValues
    let (edge, inner) = (singularValues[bound], singularValues[2 * bound])
    for index in 0..<bound {
      let position = pow(Double(index) / Double(bound), 2.0 / 3)
      noise[index] = edge + (1 - position) / (pow(2, 2.0 / 3) - 1) * (edge - inner)
    }
    let threshold = Self.solve(noise, gamma)
    self.threshold = threshold
    rank = singularValues.count { $0 > threshold }
  }

  /// The z above the largest of `noise` where z·D′(z)/D(z) = −4, D(z) = φ(z)·(γφ(z) + (1−γ)/z) and
  /// φ(z) = mean of z/(z² − y²).
  private static func solve(_ noise: [Double], _ gamma: Double) -> Double {
    let largest = noise.max() ?? 0
    guard largest > 0 else { return 0 }
    // The logarithmic slope rises from −∞ at the largest value towards −2; the answer is linear in the
    // values, so bisect in units of the largest one.
    func slope(_ z: Double) -> Double {
      var (phi, derivative) = (0.0, 0.0)
      for value in noise {
        let y = value / largest
        let gap = (z - y) * (z + y)
        phi += z / gap
        derivative -= (z * z + y * y) / (gap * gap)
      }
      phi /= Double(noise.count)
      derivative /= Double(noise.count)
      let other = gamma * phi + (1 - gamma) / z
      let otherDerivative = gamma * derivative - (1 - gamma) / (z * z)
      return z * (derivative / phi + otherDerivative / other)
    }
    var (low, high) = (1.0, 2.0)
    while slope(high) < -4 { (low, high) = (high, 2 * high) }
    while true {
      let middle = low + (high - low) / 2
      if middle <= low || middle >= high { return high * largest }
      if slope(middle) < -4 { low = middle } else { high = middle }
    }
  }
}
