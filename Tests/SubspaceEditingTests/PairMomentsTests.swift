import SubspaceEditing
import Testing

/// Sums over pairs stand for the pairs: the same directions, whatever the portions were.
@Suite struct PairMomentsTests {
  /// The sums over the pairs of both sides, added `portion` at a time.
  private static func sums(
    _ rejected: [Float], _ chosen: [Float], hidden: Int, portion: Int, principal: Bool = false
  ) throws -> PairMoments {
    var sums = PairMoments(hidden: hidden, withChosenMoment: principal)
    for start in stride(from: 0, to: chosen.count, by: portion * hidden) {
      let range = start..<min(start + portion * hidden, chosen.count)
      try sums.add(rejected: rejected.span.extracting(range), chosen: chosen.span.extracting(range))
    }
    return sums
  }

  @Test(
    "Directions, signs and singular values are those of NumPy's float64 SVD",
    arguments: Goldens.shared.cases, [1, 7, 5000])
  func agreesWithNumPy(golden: Goldens.Case, portion: Int) throws {
    let sums = try Self.sums(golden.rejected, golden.chosen, hidden: golden.hidden, portion: portion)
    let preference = try PreferenceMatrix(sums, protecting: golden.protecting())
    #expect(preference.pairs == golden.pairs && preference.hidden == golden.hidden)
    let subspace = try BlockSubspace(
      fitting: preference, rank: golden.rank, by: #require(DirectionRanking(rawValue: golden.ranking)))
    let largest = try #require(golden.singularValues.first)
    for (ours, reference) in zip(subspace.singularValues, golden.singularValues) {
      #expect(abs(ours - reference) <= (reference > 1e-4 * largest ? 1e-8 : 1e-6) * largest)
    }
    try golden.expectDirections(of: subspace, within: 1e-6)
  }

  @Test(
    "The first principal direction of the chosen side, the mean first, and an automatic rank are those of the rows"
  )
  func agreesWithRows() throws {
    let (pairs, hidden) = (200, 24)
    let chosen = try randomEmbeddings(pairs, hidden, seed: 4).values.map { $0 + 1 }
    var rejected = try zip(chosen, randomEmbeddings(pairs, hidden, seed: 5).values).map { $0 + 0.3 * $1 }
    for row in 0..<pairs { rejected[row * hidden + row % 3] += 4 }
    let rows = try PreferenceMatrix(
      rejected: Embeddings(count: pairs, hidden: hidden, values: rejected),
      chosen: Embeddings(count: pairs, hidden: hidden, values: chosen), protecting: .chosenPrincipal)
    let sums = try PreferenceMatrix(
      Self.sums(rejected, chosen, hidden: hidden, portion: 33, principal: true), protecting: .chosenPrincipal)
    #expect(rows.protectedRank == 1 && sums.protectedRank == 1)
    for (mine, other) in zip(sums.chosenMean, rows.chosenMean) { #expect(abs(mine - other) < 1e-12) }
    #expect(try sums.rank(.automatic) == rows.rank(.automatic))
    for ranking in DirectionRanking.allCases {
      let one = try BlockSubspace(fitting: sums, rank: 3, by: ranking)
      let other = try BlockSubspace(fitting: rows, rank: 3, by: ranking)
      #expect(try PrincipalAngles(between: one.directions, and: other.directions).largestSine < 1e-6)
      for (a, b) in zip(one.singularValues, other.singularValues) { #expect(abs(a - b) < 1e-9 * b + 1e-6) }
    }
  }

  @Test("Directions that are rounding, no pairs, a mean of zero, and values that are not finite are refused")
  func refusals() throws {
    let hidden = 6
    // All differences are multiples of one vector.
    let chosen = try randomEmbeddings(40, hidden, seed: 8).values.map { $0 + 1 }
    let step = try randomEmbeddings(1, hidden, seed: 9).values
    let rejected = chosen.indices.map { chosen[$0] + Float($0 / hidden % 4) * step[$0 % hidden] }
    let sums = try Self.sums(rejected, chosen, hidden: hidden, portion: 16)
    let preference = try PreferenceMatrix(sums)
    #expect(throws: Never.self) { try BlockSubspace(fitting: preference, rank: 1) }
    #expect(throws: SubspaceError(reason: .rankUnavailable(requested: 2, available: 1))) {
      try BlockSubspace(fitting: preference, rank: 2)
    }
    #expect(throws: SubspaceError(reason: .empty(what: "pairs"))) {
      try PreferenceMatrix(PairMoments(hidden: hidden))
    }
    let mirrored = chosen + chosen.map { -$0 }
    #expect(throws: SubspaceError(reason: .meanHasNoDirection)) {
      try PreferenceMatrix(Self.sums(mirrored.reversed(), mirrored, hidden: hidden, portion: 9))
    }
    var bad = rejected
    bad[17 * hidden + 2] = .nan
    #expect(throws: SubspaceError(reason: .notFinite(what: "rejected embeddings", row: 17))) {
      try Self.sums(bad, chosen, hidden: hidden, portion: 16)
    }
  }
}
