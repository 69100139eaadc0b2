import Foundation
import SubspaceEditing
import Testing

/// Pairs that differ along planted axes, a share of the pairs each, and by noise of length about 1 in every direction.
private func planted(
  _ pairs: Int, _ hidden: Int, _ strengths: [Float], seed: UInt64
) throws -> PreferenceMatrix {
  let noise = try randomEmbeddings(pairs, hidden, seed: seed).values
  let chosen = try randomEmbeddings(pairs, hidden, seed: seed + 1).values.map { $0 + 2 }
  var rejected = zip(chosen, noise).map { $0 + $1 }
  for row in 0..<pairs {
    for (axis, strength) in strengths.enumerated() where row % strengths.count == axis {
      // Axes of four alternating signs, which the mean of the chosen side has no part in.
      for index in 0..<4 {
        rejected[row * hidden + 4 * axis + index] += index % 2 == 0 ? strength : -strength
      }
    }
  }
  return try PreferenceMatrix(
    rejected: Embeddings(count: pairs, hidden: hidden, values: rejected),
    chosen: Embeddings(count: pairs, hidden: hidden, values: chosen))
}

@Suite("Rank and stability of a subspace")
struct RankEvidenceTests {
  @Test("an automatic rank is the number of planted directions, and one at least", arguments: [1, 2, 4])
  func automaticRank(planted count: Int) throws {
    let preference = try planted(240, 60, Array(repeating: 20, count: count), seed: 3)
    #expect(try preference.rank(.automatic) == count)
    #expect(try preference.rank(.fixed(7)) == 7)
    #expect(try planted(240, 60, [0], seed: 9).rank(.automatic) == 1)
    #expect(throws: SubspaceError.self) { try planted(2, 60, [20], seed: 9).rank(.automatic) }
  }

  @Test("a protected direction does not count among those of an automatic rank")
  func protectedRank() throws {
    let hidden = 40
    let noise = try randomEmbeddings(100, hidden, seed: 5).values
    let chosen = try randomEmbeddings(100, hidden, seed: 6).values
    var rejected = zip(chosen, noise).map { $0 + $1 }
    for row in 0..<100 { rejected[row * hidden + row % 3] += 30 }
    let axis = try Embeddings(count: 1, hidden: hidden, values: [1] + Array(repeating: 0, count: hidden - 1))
    for (protection, rank) in [(Protection.none, 3), (.directions(axis, withChosenMean: false), 2)] {
      let preference = try PreferenceMatrix(
        rejected: Embeddings(count: 100, hidden: hidden, values: rejected),
        chosen: Embeddings(count: 100, hidden: hidden, values: chosen), protecting: protection)
      #expect(try preference.rank(.automatic) == rank)
    }
  }

  @Test("halves of the pairs agree on what is planted, and on noise no more than chance has it")
  func stability() throws {
    let strong = try SubspaceStability(of: planted(240, 60, [20, 20], seed: 3), rank: 2)
    #expect(strong.overlap > 0.95 && strong.overlap <= 1 && strong.pairs == 240 && strong.rank == 2)
    #expect(strong.angles.count == 2 && strong.angles[0] <= strong.angles[1] && strong.angles[1] < 0.3)
    #expect(abs(strong.chanceOverlap - 2.0 / 59) < 1e-12)
    let noise = try SubspaceStability(of: planted(240, 60, [0], seed: 3), rank: 2, trials: 20)
    #expect(noise.overlap < 0.25)
    // A third direction where two are planted is half chance.
    let more = try SubspaceStability(of: planted(240, 60, [20, 20], seed: 3), rank: 3)
    #expect(more.overlap < 0.9 && more.angles[2] > 1)
  }

  @Test("more pairs make a subspace more stable, equal seeds give equal figures, others about the same")
  func samples() throws {
    let preference = try planted(400, 60, [3, 3], seed: 7)
    let overlaps = try [20, 80, 400].map {
      try SubspaceStability(of: preference, rank: 2, pairs: $0).overlap
    }
    #expect(overlaps[0] < overlaps[1] && overlaps[1] < overlaps[2])
    let one = try SubspaceStability(of: preference, rank: 2, pairs: 100, seed: 4)
    #expect(try SubspaceStability(of: preference, rank: 2, pairs: 100, seed: 4) == one)
    let other = try SubspaceStability(of: preference, rank: 2, pairs: 100, seed: 5)
    #expect(other != one && abs(other.overlap - one.overlap) < 0.1)
    #expect(try SubspaceStability(of: preference, rank: 2, pairs: 9999).pairs == 400)
  }

  @Test("halves that are smaller than the rank are refused")
  func tooFew() throws {
    let preference = try planted(10, 60, [20], seed: 3)
    #expect(throws: SubspaceError.self) { try SubspaceStability(of: preference, rank: 6) }
    #expect(throws: SubspaceError.self) { try SubspaceStability(of: preference, rank: 0) }
    #expect(throws: SubspaceError.self) { try SubspaceStability(of: preference, rank: 1, pairs: 1) }
  }

  @Test("a choice of rank is written as it is read", arguments: ["1", "10", "auto"])
  func description(_ text: String) throws {
    #expect(RankChoice(text)?.description == text)
    #expect(RankChoice("some") == nil && RankChoice("") == nil)
  }
}
