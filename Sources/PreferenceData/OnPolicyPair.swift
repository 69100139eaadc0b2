/// A pair of continuations that a model wrote itself: the most and the least unwanted of several samples of one prompt.
package struct OnPolicyPair: Sendable, Equatable {
  /// A continuation with what a scorer says of it.
  package struct Sample: Sendable, Equatable {
    /// The continuation.
    package var text: String
    /// Its new tokens.
    package var ids: [Int32]
    /// From 0, harmless, to 1.
    package var score: Double

    /// A continuation with its score.
    package init(text: String, ids: [Int32], score: Double) {
      (self.text, self.ids, self.score) = (text, ids, score)
    }
  }

  /// Which samples the scorer is sure of.
  package struct Criteria: Sendable, Hashable {
    /// The rejected side scores at least this.
    package var rejectedFrom = 0.7
    /// The chosen side scores at most this.
    package var chosenUpTo = 0.2
    /// Sides may differ in length by this share of the longer one.
    package var lengthDifference = 0.25
    /// Scores within this of the widest margin count as equal, and the better match in length is taken.
    package var marginSlack = 0.1
    /// Distinct bigrams ÷ bigrams below which a text counts as repeating itself, and is not taken.
    package var leastDistinct = 0.6

    /// The criteria that are used where nothing else is said.
    package init() {}
  }

  /// What both continue.
  package let prompt: String
  /// The harmless side.
  package let chosen: Sample
  /// The unwanted side.
  package let rejected: Sample

  /// The best pair among the samples of a prompt; `nil` where the criteria leave none.
  package init?(prompt: String, samples: [Sample], _ criteria: Criteria) {
    let usable = samples.filter { Self.isUsable($0, criteria) }
    let candidates = usable.filter { $0.score >= criteria.rejectedFrom }.flatMap { rejected in
      usable.filter { $0.score <= criteria.chosenUpTo }.compactMap { chosen -> (Sample, Sample)? in
        let lengths = (chosen.ids.count, rejected.ids.count)
        let difference = Double(abs(lengths.0 - lengths.1)) / Double(max(lengths.0, lengths.1))
        return difference <= criteria.lengthDifference ? (chosen, rejected) : nil
      }
    }
    func margin(_ pair: (chosen: Sample, rejected: Sample)) -> Double {
      pair.rejected.score - pair.chosen.score
    }
    func gap(_ pair: (chosen: Sample, rejected: Sample)) -> Int {
      abs(pair.rejected.ids.count - pair.chosen.ids.count)
    }
    guard let widest = candidates.map(margin).max() else { return nil }
    let best = candidates.filter { margin($0) >= widest - criteria.marginSlack }
      .min { (gap($0), -margin($0)) < (gap($1), -margin($1)) }
    guard let best else { return nil }
    (self.prompt, chosen, rejected) = (prompt, best.0, best.1)
  }

  /// The best pairs of a prompt, the best first; no text is in two of them.
  ///
  /// - Parameter count: how many at most.
  package static func pairs(prompt: String, samples: [Sample], _ criteria: Criteria, atMost count: Int)
    -> [OnPolicyPair]
  {
    var (pairs, left) = ([OnPolicyPair](), samples)
    while pairs.count < count, let pair = OnPolicyPair(prompt: prompt, samples: left, criteria) {
      pairs.append(pair)
      left.removeAll { $0.ids == pair.chosen.ids || $0.ids == pair.rejected.ids }
    }
    return pairs
  }

  private static func isUsable(_ sample: Sample, _ criteria: Criteria) -> Bool {
    guard !sample.ids.isEmpty, !sample.text.allSatisfy(\.isWhitespace) else { return false }
    let bigrams = zip(sample.ids, sample.ids.dropFirst()).map {
      UInt64(UInt32(bitPattern: $0)) << 32 | UInt64(UInt32(bitPattern: $1))
    }
    return bigrams.isEmpty || Double(Set(bigrams).count) >= criteria.leastDistinct * Double(bigrams.count)
  }
}
