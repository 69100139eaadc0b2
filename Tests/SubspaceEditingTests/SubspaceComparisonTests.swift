import Foundation
import SubspaceEditing
import Testing

@Suite("Comparing subspaces and choosing a rank")
struct SubspaceComparisonTests {
  @Test("principal angles are the planted ones, from a hundred-thousandth to a right angle")
  func plantedAngles() throws {
    let golden = Goldens.shared.angles
    let first = try Embeddings(count: 5, hidden: golden.hidden, values: golden.first)
    let second = try Embeddings(count: 5, hidden: golden.hidden, values: golden.second)
    let found = try PrincipalAngles(between: first, and: second)
    #expect(found.angles.count == 5)
    // The vectors were rounded to single precision, 6·10⁻⁸ an element.
    for (angle, planted) in zip(found.angles, golden.angles) { #expect(abs(angle - planted) < 5e-7) }
    #expect(abs(found.largestSine - 1) < 1e-12)
    let overlap = golden.angles.reduce(0) { $0 + cos($1) * cos($1) } / 5
    #expect(abs(found.overlap - overlap) < 1e-6)
    #expect(try PrincipalAngles(between: second, and: first).angles.count == 5)
  }

  @Test("a subspace lies wholly in a larger one that contains it, and at no angle to itself")
  func containment() throws {
    let large = try randomEmbeddings(4, 12, seed: 61)
    // Sums of rows: inside the span, and not orthonormal.
    let small = try Embeddings(
      count: 1, hidden: 12, values: (0..<12).map { large.values[$0] - 2 * large.values[36 + $0] })
    for angles in [
      try PrincipalAngles(between: small, and: large), try PrincipalAngles(between: large, and: small),
    ] {
      #expect(angles.angles.count == 1 && angles.largestSine < 1e-6 && abs(angles.overlap - 1) < 1e-12)
    }
    let itself = try PrincipalAngles(between: large, and: large)
    #expect(itself.largestSine < 1e-14 && itself.angles.count == 4)
    #expect(throws: SubspaceError.self) {
      try PrincipalAngles(between: small, and: randomEmbeddings(1, 11, seed: 1))
    }
    #expect(throws: SubspaceError.self) {
      try PrincipalAngles(between: randomEmbeddings(5, 4, seed: 1), and: randomEmbeddings(1, 4, seed: 1))
    }
  }

  /// Spectra, and thresholds computed for them in float64 outside this project.
  struct Scree: Sendable {
    var values: [Double]
    var rows: Int
    var columns: Int
    var bound: Int
    var threshold: Double
    var rank: Int
  }

  @Test(
    "the singular value threshold is ScreeNOT's, at any scale",
    arguments: [
      Scree(
        values: (1...60).map { 10 / Double($0) }, rows: 60, columns: 100, bound: 5, threshold: 3.2232314,
        rank: 3),
      Scree(
        values: [30, 20, 12] + (0...96).map { 5 - 4 * Double($0) / 96 }, rows: 400, columns: 100, bound: 10,
        threshold: 6.2658564, rank: 3),
    ], [1, 1e-30, 1e12])
  func screeThreshold(golden: Scree, scale: Double) throws {
    let found = try ScreeThreshold(
      singularValues: golden.values.map { $0 * scale }, rows: golden.rows, columns: golden.columns,
      upperBound: golden.bound)
    #expect(abs(found.threshold / scale - golden.threshold) < 5e-8)
    #expect(found.rank == golden.rank)
  }

  @Test("noise alone has no rank, a few values lower the bound, and too few are refused")
  func screeEdges() throws {
    let flat = try ScreeThreshold(singularValues: Array(repeating: 2, count: 40), rows: 40, columns: 80)
    #expect(flat.rank == 0 && flat.threshold > 2)
    let few = try ScreeThreshold(singularValues: [100, 1, 1, 1, 0.9], rows: 5, columns: 9)
    #expect(few.rank == 1)
    let zeros = try ScreeThreshold(singularValues: [0, 0, 0], rows: 3, columns: 3)
    #expect(zeros.rank == 0)
    #expect(throws: SubspaceError.self) { try ScreeThreshold(singularValues: [2, 1], rows: 2, columns: 2) }
    #expect(throws: SubspaceError.self) {
      try ScreeThreshold(singularValues: [2, .nan, 1], rows: 3, columns: 3)
    }
  }
}
