package import Kernels

/// How the next token is chosen from the logits.
package struct Sampling: Sendable, Hashable {
  /// Divides the logits; 0 takes the most probable token.
  package var temperature: Double
  /// Keep only this many of the most probable tokens.
  package var topK: Int?
  /// Keep the fewest most probable tokens whose probabilities reach this sum, in (0, 1].
  ///
  /// Source: Holtzman, Buys, Du, Forbes and Choi 2020, arXiv 1904.09751.
  package var topP: Double?

  /// Always the most probable token.
  package static let greedy = Sampling(temperature: 0)

  /// Sampling from the whole vocabulary, unless `topK` or `topP` narrows it.
  package init(temperature: Double, topK: Int? = nil, topP: Double? = nil) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
  }

  /// Chooses a token; ties go to the lower id.
  ///
  /// - Parameter logits: used up: what they hold afterwards means nothing.
  package func choose(_ logits: UnsafeMutableBufferPointer<Float>, using generator: inout SplitMix64) -> Int32
  {
    guard let base = logits.baseAddress else { return 0 }
    guard temperature > 0 else { return Int32(firstLargest(base, logits.count).index) }
    exponentialWeights(base, logits.count, temperature: Float(temperature))
    guard topK != nil || topP != nil else {
      return Int32(place(ofShare: generator.nextUnit(), base, logits.count))
    }
    let candidates = filtered(logits.enumerated().map { (token: $0, weight: Double($1)) })
    let weights = candidates.map { Float($0.weight) }
    return weights.withUnsafeBufferPointer { weights in
      guard let base = weights.baseAddress else { return 0 }
      return Int32(candidates[place(ofShare: generator.nextUnit(), base, weights.count)].token)
    }
  }

  /// The tokens that top-k and top-p leave, most probable first.
  private func filtered(_ all: [(token: Int, weight: Double)]) -> [(token: Int, weight: Double)] {
    var candidates = all
    if let topP, topK == nil {
      // Tokens this improbable sum to less than 1 − p even together, so none of them is needed to reach p: what is left
      // to sort is a small part of the vocabulary.
      let negligible = all.reduce(0) { $0 + $1.weight } * (1 - topP) / Double(all.count)
      candidates.removeAll { $0.weight < negligible }
    }
    candidates.sort { ($0.weight, $1.token) > ($1.weight, $0.token) }
    if let topK { candidates.removeLast(max(0, candidates.count - max(1, topK))) }
    if let topP {
      // As in transformers, p is a share of what top-k left.
      let limit = (topK == nil ? all : candidates).reduce(0) { $0 + $1.weight } * topP
      var sum = 0.0
      let last = candidates.firstIndex { candidate in
        sum += candidate.weight
        return sum >= limit
      }
      if let last { candidates.removeSubrange((last + 1)...) }
    }
    return candidates
  }
}
