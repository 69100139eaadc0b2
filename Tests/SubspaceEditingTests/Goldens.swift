import Foundation
import Kernels
import SubspaceEditing
import Testing

/// What `Scripts/fixtures/subspace_goldens.py` computed in float64.
struct Goldens: Decodable {
  struct Case: Decodable, Sendable, CustomTestStringConvertible {
    var name: String
    var pairs: Int
    var hidden: Int
    var rank: Int
    var protection: String
    var separated: Bool
    var rejected: [Float]
    var chosen: [Float]
    var protectedRows: [Float]
    var ranking: String
    /// Tokens whose first principal directions are protected, and how many of those.
    var neutralTokens: [Float]?
    var neutralDirections: Int?
    var singularValues: [Double]
    var directions: [Double]
    var weight: [Float]
    var strength: Double
    var edited: [Double]

    var testDescription: String { name }

    func preference() throws -> PreferenceMatrix {
      try PreferenceMatrix(
        rejected: Embeddings(count: pairs, hidden: hidden, values: rejected),
        chosen: Embeddings(count: pairs, hidden: hidden, values: chosen), protecting: protecting())
    }

    /// The rows that are protected, besides the mean.
    func protectedVectors() throws -> [Float] {
      guard let neutralTokens, let neutralDirections else { return protectedRows }
      var moment = SecondMoment(width: hidden)
      try moment.add(neutralTokens.span)
      return try moment.principalDirections(neutralDirections).narrowed
    }

    func protecting() throws -> Protection {
      let vectors = try protectedVectors()
      let rows = try Embeddings(count: vectors.count / hidden, hidden: hidden, values: vectors)
      return switch protection {
      case "none": .none
      case "mean": .chosenMean
      default: .directions(rows, withChosenMean: protection == "directions+mean")
      }
    }

    func fit() throws -> BlockSubspace {
      try BlockSubspace(
        fitting: preference(), rank: rank, by: #require(DirectionRanking(rawValue: ranking)))
    }
  }

  struct Angles: Decodable {
    var hidden: Int
    var angles: [Double]
    var first: [Float]
    var second: [Float]
  }

  var cases: [Case]
  var angles: Angles

  static let shared: Goldens = {
    do {
      let file = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Fixtures/subspace-goldens.json")
      return try JSONDecoder().decode(Goldens.self, from: Data(contentsOf: file))
    } catch {
      fatalError("the fixture cannot be read: \(error)")
    }
  }()
}

extension Goldens.Case {
  /// The subspace spans NumPy's, and where singular values are separated its directions are NumPy's, signs included.
  ///
  /// - Parameter tolerance: of an element of a direction.
  func expectDirections(of subspace: BlockSubspace, within tolerance: Double) throws {
    let reference = try Embeddings(count: rank, hidden: hidden, values: directions.map(Float.init))
    #expect(try PrincipalAngles(between: subspace.directions, and: reference).largestSine < 1e-6)
    guard separated else { return }
    for (ours, theirs) in zip(subspace.directions.values, directions) {
      #expect(abs(Double(ours) - theirs) < tolerance, "direction and sign")
    }
  }
}

/// A small deterministic generator, so that a failing case can be repeated.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Vectors with independent elements between −1 and 1.
func randomEmbeddings(_ count: Int, _ hidden: Int, seed: UInt64) throws -> Embeddings {
  var generator = SplitMix(state: seed)
  return try Embeddings(
    count: count, hidden: hidden,
    values: (0..<count * hidden).map { _ in Float.random(in: -1...1, using: &generator) })
}

/// ‖V W′‖_F by plain loops, for `[outputs, inputs]` weights.
func naiveResidual(_ directions: Embeddings, _ weight: [Float]) -> Double {
  let inputs = weight.count / directions.hidden
  var total = 0.0
  for row in 0..<directions.count {
    for input in 0..<inputs {
      var sum = 0.0
      for output in 0..<directions.hidden {
        sum +=
          Double(directions.values[row * directions.hidden + output])
          * Double(weight[output * inputs + input])
      }
      total += sum * sum
    }
  }
  return total.squareRoot()
}
