import Foundation
import SubspaceEditing
import Testing

@Suite("Fitting a subspace")
struct SubspaceFitTests {
  @Test("singular values and directions are those of NumPy's float64 SVD", arguments: Goldens.shared.cases)
  func agreesWithNumPy(golden: Goldens.Case) throws {
    let subspace = try golden.fit()
    let largest = try #require(golden.singularValues.first)
    #expect(subspace.rank == golden.rank && subspace.hidden == golden.hidden)
    // A Gram matrix leaves √(2⁻⁵³ · size) σ₁ of noise in values that are zero.
    // Principal directions are rounded to single precision on their way.
    let relative = golden.neutralTokens == nil ? 1e-12 : 1e-8
    for (ours, reference) in zip(subspace.singularValues, golden.singularValues) {
      #expect(abs(ours - reference) <= (reference > 1e-4 * largest ? relative : 1e-7) * largest)
    }
    #expect(subspace.singularValues.count == golden.singularValues.count)

    try golden.expectDirections(of: subspace, within: 1e-7)
  }

  @Test("nothing is fitted along what is protected", arguments: Goldens.shared.cases)
  func protectedDirectionsStayOut(golden: Goldens.Case) throws {
    let preference = try golden.preference()
    let directions = try golden.fit().directions
    var forbidden: [[Double]] = []
    if golden.protection.hasSuffix("mean") { forbidden.append(preference.chosenMean) }
    let vectors = try golden.protectedVectors()
    for start in stride(from: 0, to: vectors.count, by: golden.hidden) {
      forbidden.append(vectors[start..<start + golden.hidden].map(Double.init))
    }
    #expect(preference.protectedRank == forbidden.count)
    for vector in forbidden {
      let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
      for row in 0..<directions.count {
        let product = (0..<golden.hidden).reduce(0.0) {
          $0 + Double(directions.values[row * golden.hidden + $1]) * vector[$1]
        }
        #expect(abs(product) < 1e-6 * length)
      }
    }
  }

  @Test("swapping the sides of any pairs leaves the subspace where it is, the mean held fixed")
  func labelFlipsDoNotMatter() throws {
    let golden = Goldens.shared.cases[0]
    let mean = try golden.preference().chosenMean
    let protection = Protection.directions(
      try Embeddings(count: 1, hidden: golden.hidden, values: mean.map(Float.init)), withChosenMean: false)
    func fit(flipping flipped: Set<Int>) throws -> BlockSubspace {
      var (rejected, chosen) = (golden.rejected, golden.chosen)
      for row in flipped {
        for index in row * golden.hidden..<(row + 1) * golden.hidden {
          (rejected[index], chosen[index]) = (chosen[index], rejected[index])
        }
      }
      return try BlockSubspace(
        fitting: PreferenceMatrix(
          rejected: Embeddings(count: golden.pairs, hidden: golden.hidden, values: rejected),
          chosen: Embeddings(count: golden.pairs, hidden: golden.hidden, values: chosen),
          protecting: protection), rank: golden.rank)
    }
    let straight = try fit(flipping: [])
    for flipped: Set<Int> in [[0], [1, 4, 7], Set(0..<golden.pairs)] {
      let other = try fit(flipping: flipped)
      #expect(try PrincipalAngles(between: straight.directions, and: other.directions).largestSine < 1e-6)
      for (a, b) in zip(straight.singularValues, other.singularValues) {
        #expect(abs(a - b) < 1e-7 * straight.singularValues[0])
      }
    }
    // Swapping all of them negates every row's mean, so every direction must turn round.
    let reversed = try fit(flipping: Set(0..<golden.pairs))
    #expect(zip(straight.directions.values, reversed.directions.values).allSatisfy { abs($0 + $1) < 1e-6 })
  }

  @Test("neither a common shift nor the order of the pairs matters without protection, and scale only scales")
  func invariances() throws {
    let golden = Goldens.shared.cases[1]
    let straight = try golden.fit()
    func embeddings(_ values: [Float]) throws -> Embeddings {
      try Embeddings(count: golden.pairs, hidden: golden.hidden, values: values)
    }
    func reversedRows(_ values: [Float]) -> [Float] {
      (0..<golden.pairs).reversed().flatMap { values[$0 * golden.hidden..<($0 + 1) * golden.hidden] }
    }
    let changes: [([Float]) -> [Float]] = [{ $0.map { $0 + 0.5 } }, reversedRows, { $0.map { $0 * 8 } }]
    for (change, scale) in zip(changes, [1.0, 1, 8]) {
      let other = try BlockSubspace(
        fitting: PreferenceMatrix(
          rejected: embeddings(change(golden.rejected)), chosen: embeddings(change(golden.chosen)),
          protecting: .none), rank: golden.rank)
      #expect(zip(straight.directions.values, other.directions.values).allSatisfy { abs($0 - $1) < 1e-5 })
      #expect(
        abs(other.singularValues[0] - scale * straight.singularValues[0]) < 1e-5 * scale
          * straight.singularValues[0])
    }
  }

  @Test("directions far below the largest are found too, where the Gram matrix cannot see them")
  func illConditioned() throws {
    // T = c aᵀ + 2⁻²⁰ d bᵀ, all its elements exact in single precision, with a ⟂ b of length 2 and c ⟂ d.
    let (c, d): ([Float], [Float]) = ([3, 5, 7], [1, -2, 1])
    let (a, b): ([Float], [Float]) = ([1, 1, 1, 1], [1, -1, 1, -1])
    var values: [Float] = []
    for row in 0..<3 {
      for column in 0..<4 { values.append(c[row] * a[column] + 0x1p-20 * d[row] * b[column]) }
    }
    let rejected = try Embeddings(count: 3, hidden: 4, values: values)
    let chosen = try Embeddings(count: 3, hidden: 4, values: Array(repeating: 0, count: 12))
    let subspace = try BlockSubspace(
      fitting: PreferenceMatrix(rejected: rejected, chosen: chosen, protecting: .none), rank: 2)
    let exact: [Double] = [2 * 83.0.squareRoot(), 0x1p-19 * 6.0.squareRoot()]
    for (value, exact) in zip(subspace.singularValues, exact) { #expect(abs(value / exact - 1) < 1e-9) }
    // The mean of d is zero, so the largest component settles the second sign; all four are equal in size.
    let sign: Float = subspace.directions.values[4] > 0 ? 0.5 : -0.5
    let expected: [Float] = a.map { $0 / 2 } + b.map { $0 * sign }
    for (value, expected) in zip(subspace.directions.values, expected) {
      #expect(abs(value - expected) < 1e-6)
    }
  }

  @Test("a rank that the pairs do not support is refused with the one they do")
  func rankBounds() throws {
    let golden = try #require(Goldens.shared.cases.first { $0.name == "tied largest singular values" })
    let preference = try golden.preference()
    for (rank, available) in [(0, 6), (-3, 6), (7, 6), (.max, 6), (4, 3), (6, 3)] {
      #expect(throws: SubspaceError(reason: .rankUnavailable(requested: rank, available: available))) {
        try BlockSubspace(fitting: preference, rank: rank)
      }
    }
    #expect(try BlockSubspace(fitting: preference, rank: 3).rank == 3)
    let same = try Embeddings(count: golden.pairs, hidden: golden.hidden, values: golden.chosen)
    #expect(throws: SubspaceError(reason: .rankUnavailable(requested: 1, available: 0))) {
      try BlockSubspace(fitting: PreferenceMatrix(rejected: same, chosen: same), rank: 1)
    }
    let parallel = try Embeddings(
      count: golden.pairs, hidden: golden.hidden, values: golden.chosen.map { $0 * 1.5 })
    #expect(throws: SubspaceError(reason: .rankUnavailable(requested: 1, available: 0))) {
      try BlockSubspace(fitting: PreferenceMatrix(rejected: parallel, chosen: same), rank: 1)
    }
  }

  @Test("bad embeddings are refused, naming side and row", arguments: [Float.nan, .infinity, -.infinity])
  func notFinite(value: Float) throws {
    let good = try randomEmbeddings(3, 4, seed: 1)
    var values = good.values
    values[9] = value
    let bad = try Embeddings(count: 3, hidden: 4, values: values)
    #expect(throws: SubspaceError(reason: .notFinite(what: "rejected embeddings", row: 2))) {
      try PreferenceMatrix(rejected: bad, chosen: good)
    }
    #expect(throws: SubspaceError(reason: .notFinite(what: "chosen embeddings", row: 2))) {
      try PreferenceMatrix(rejected: good, chosen: bad)
    }
  }

  @Test("sides that do not match, no pairs at all and a mean without direction are refused")
  func wrongShapes() throws {
    let three = try randomEmbeddings(3, 4, seed: 1)
    #expect(throws: SubspaceError.self) {
      try PreferenceMatrix(rejected: randomEmbeddings(2, 4, seed: 2), chosen: three)
    }
    #expect(throws: SubspaceError.self) {
      try PreferenceMatrix(rejected: randomEmbeddings(3, 5, seed: 2), chosen: three)
    }
    #expect(throws: SubspaceError(reason: .empty(what: "pairs"))) {
      let none = try Embeddings(count: 0, hidden: 4, values: [])
      return try PreferenceMatrix(rejected: none, chosen: none)
    }
    #expect(throws: SubspaceError(reason: .meanHasNoDirection)) {
      let centred = try Embeddings(count: 2, hidden: 2, values: [1, 2, -1, -2])
      return try PreferenceMatrix(rejected: randomEmbeddings(2, 2, seed: 3), chosen: centred)
    }
    for (count, hidden) in [(2, 3), (-1, -5), (.max, 2)] {
      #expect(throws: SubspaceError.self) {
        try Embeddings(count: count, hidden: hidden, values: [1, 2, 3, 4, 5])
      }
    }
  }

  @Test("protected directions that repeat each other or the mean count once")
  func dependentProtection() throws {
    let golden = Goldens.shared.cases[0]
    let mean = try golden.preference().chosenMean.map(Float.init)
    let repeated = try Embeddings(
      count: 3, hidden: golden.hidden,
      values: mean + mean.map { -3 * $0 } + Array(repeating: 0, count: golden.hidden))
    let preference = try PreferenceMatrix(
      rejected: Embeddings(count: golden.pairs, hidden: golden.hidden, values: golden.rejected),
      chosen: Embeddings(count: golden.pairs, hidden: golden.hidden, values: golden.chosen),
      protecting: .directions(repeated, withChosenMean: true))
    #expect(preference.protectedRank == 1)
    let subspace = try BlockSubspace(fitting: preference, rank: golden.rank)
    #expect(
      try PrincipalAngles(between: subspace.directions, and: golden.fit().directions).largestSine < 1e-6)
  }

  @Test("ranking by consistency only orders anew what the singular values allow")
  func consistency() throws {
    let golden = try #require(Goldens.shared.cases.first { $0.ranking == "consistency" && $0.pairs == 100 })
    let preference = try golden.preference()
    let (three, two) = (try golden.fit(), try BlockSubspace(fitting: preference, rank: 2, by: .consistency))
    #expect(three.directions.values.starts(with: two.directions.values))
    let first = try BlockSubspace(fitting: preference, rank: 3)
    #expect(try PrincipalAngles(between: first.directions, and: three.directions).largestSine > 0.5)
    #expect(first.singularValues.prefix(40) == three.singularValues.prefix(40))
    // With all of forty directions taken, the order is all that is left of the ranking.
    let (all, ranked) = (
      try BlockSubspace(fitting: preference, rank: 40),
      try BlockSubspace(fitting: preference, rank: 40, by: .consistency)
    )
    #expect(try PrincipalAngles(between: all.directions, and: ranked.directions).largestSine < 1e-6)
    #expect(all.directions != ranked.directions)
    #expect(throws: SubspaceError(reason: .rankUnavailable(requested: 45, available: 44))) {
      try BlockSubspace(fitting: preference, rank: 45, by: .consistency)
    }
  }

  @Test("a subspace survives being taken apart, and a damaged one is refused")
  func fromParts() throws {
    let subspace = try Goldens.shared.cases[0].fit()
    #expect(
      try BlockSubspace(directions: subspace.directions, singularValues: subspace.singularValues) == subspace)
    let two = try subspace.truncated(toRank: 2)
    #expect(two.directions.values == Array(subspace.directions.values.prefix(2 * subspace.hidden)))
    #expect(throws: SubspaceError.self) { try subspace.truncated(toRank: 4) }
    #expect(throws: SubspaceError.self) { try subspace.truncated(toRank: 0) }

    var values = subspace.directions.values
    values[0] += 0.01
    let damaged = try Embeddings(count: subspace.rank, hidden: subspace.hidden, values: values)
    #expect(throws: SubspaceError.self) {
      try BlockSubspace(directions: damaged, singularValues: subspace.singularValues)
    }
    for wrong in [[], [1, 2, 3], [3, 2, -1], [.nan, 1, 1]] {
      #expect(throws: SubspaceError.self) {
        try BlockSubspace(directions: subspace.directions, singularValues: wrong)
      }
    }
  }

  @Test("a fit of 500 pairs in 576 dimensions takes tens of milliseconds")
  func speed() throws {
    let rejected = try randomEmbeddings(500, 576, seed: 5)
    let chosen = try randomEmbeddings(500, 576, seed: 6)
    var best = Duration.seconds(100)
    for _ in 0..<5 {
      best = try min(
        best,
        ContinuousClock().measure {
          _ = try BlockSubspace(fitting: PreferenceMatrix(rejected: rejected, chosen: chosen), rank: 10)
        })
    }
    print("fit of 500 pairs, 576 dimensions, rank 10:", best)
    // Loose: a shared machine may be several times slower than a quiet one, and debug builds are too.
    #expect(best < .seconds(2))
  }
}
