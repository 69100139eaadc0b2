import Foundation
import Kernels
import Testing
import Transformer

@Suite("Sampling")
struct SamplingTests {
  static let logits: [Float] = [0.3, -1.2, 2.1, 0.3, 1.4, -30, 2.0]

  struct Case: Sendable, CustomTestStringConvertible {
    var sampling: Sampling
    /// The tokens that may be drawn.
    var kept: [Int]
    var testDescription: String {
      "temperature \(sampling.temperature), top-k \(sampling.topK.map(String.init) ?? "–"), "
        + "top-p \(sampling.topP.map { "\($0)" } ?? "–")"
    }
  }

  // At temperature 1 the probabilities are, in order of the tokens, 0.062, 0.014, 0.374, 0.062, 0.186, 0, 0.338 (and
  // from the largest on 0.374, 0.712, 0.898 …).
  static let cases = [
    Case(sampling: Sampling(temperature: 1), kept: Array(0..<7)),
    Case(sampling: Sampling(temperature: 0.5), kept: Array(0..<7)),
    Case(sampling: Sampling(temperature: 3), kept: Array(0..<7)),
    Case(sampling: Sampling(temperature: 1e-60), kept: [2]),
    Case(sampling: Sampling(temperature: 1, topK: 1), kept: [2]),
    Case(sampling: Sampling(temperature: 1, topK: 3), kept: [2, 4, 6]),
    // Tokens 0 and 3 are equal: the lower one is kept.
    Case(sampling: Sampling(temperature: 2, topK: 4), kept: [0, 2, 4, 6]),
    Case(sampling: Sampling(temperature: 1, topK: 100), kept: Array(0..<7)),
    Case(sampling: Sampling(temperature: 1, topP: 0.05), kept: [2]),
    Case(sampling: Sampling(temperature: 1, topP: 0.5), kept: [2, 6]),
    Case(sampling: Sampling(temperature: 1, topP: 0.75), kept: [2, 4, 6]),
    Case(sampling: Sampling(temperature: 1, topP: 1), kept: Array(0..<7)),
    // The sum is over what top-k left: 0.416 and 0.376 of three tokens are enough.
    Case(sampling: Sampling(temperature: 1, topK: 3, topP: 0.75), kept: [2, 6]),
  ]

  @Test("tokens are drawn with the probabilities of the softmax over those kept", arguments: cases)
  func distribution(_ test: Case) {
    // Less the largest, for a temperature next to 0.
    var weights = Self.logits.map { exp((Double($0) - Double(Self.logits[2])) / test.sampling.temperature) }
    for index in weights.indices where !test.kept.contains(index) { weights[index] = 0 }
    let sum = weights.reduce(0, +)
    let draws = 100_000
    var counts = Array(repeating: 0, count: weights.count)
    var generator = SplitMix64(seed: 11)
    for _ in 0..<draws {
      var logits = Self.logits
      let token = logits.withUnsafeMutableBufferPointer { test.sampling.choose($0, using: &generator) }
      counts[Int(token)] += 1
    }
    for (count, weight) in zip(counts, weights) {
      let probability = weight / sum
      // Five standard deviations of a count; the seed is fixed, so this does not come and go.
      let bound = 5 * (Double(draws) * probability * (1 - probability)).squareRoot()
      #expect(abs(Double(count) - Double(draws) * probability) <= bound)
    }
  }

  @Test("a large vocabulary is drawn from in proportion too, without its improbable half")
  func largeVocabulary() {
    // 997 tokens, in ninths by their place: e^0 to e^−2, and what cannot be drawn.
    let values = (0..<997).map { index -> Float in index % 2 == 1 ? -1000 : -Float(index % 9) / 4 }
    let weights = values.map { exp(Double($0)) }
    let sum = weights.reduce(0, +)
    var generator = SplitMix64(seed: 3)
    var counts = Array(repeating: 0, count: 9)
    let draws = 50_000
    for _ in 0..<draws {
      var logits = values
      let token = logits.withUnsafeMutableBufferPointer {
        Sampling(temperature: 1).choose($0, using: &generator)
      }
      #expect(token % 2 == 0)
      counts[Int(token) % 9] += 1
    }
    for ninth in 0..<9 {
      let probability = stride(from: ninth, to: 997, by: 9).reduce(0) { $0 + weights[$1] } / sum
      let bound = 5 * (Double(draws) * probability * (1 - probability)).squareRoot()
      #expect(abs(Double(counts[ninth]) - Double(draws) * probability) <= bound)
    }
  }

  @Test("greedy takes the largest logit, the first of equals, and draws nothing")
  func greedy() {
    var generator = SplitMix64(seed: 1)
    var untouched = generator
    let many = (0..<50).map { Float([31, 40].contains($0) ? 2 : 1) }
    for (logits, best) in [
      ([1, 3, 3, 2], 1), ([-5], 0), ([7, 7, 7], 0), ([-.infinity, -1], 1), (many, 31), (many.reversed(), 9),
    ] as [([Float], Int32)] {
      var logits = logits
      let found = logits.withUnsafeMutableBufferPointer { Sampling.greedy.choose($0, using: &generator) }
      #expect(found == best)
    }
    #expect(generator.next() == untouched.next())
  }

  @Test("SplitMix64 gives the numbers of its authors' program")
  func splitMix() {
    var generator = SplitMix64(seed: 1_234_567)
    #expect(
      (0..<5).map { _ in generator.next() } == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
        4_593_380_528_125_082_431,
        16_408_922_859_458_223_821,
      ])
    for _ in 0..<10_000 {
      let unit = generator.nextUnit()
      #expect(unit >= 0 && unit < 1)
    }
  }
}
