internal import Kernels
internal import SubspaceEditing
internal import Transformer

/// The texts of a pass there and back that serves steps of one or several samples of the pairs, those that this process
/// computes: pairs that are in any sample, and then neutral passages that have a token to score.
///
/// For one sample, beginnings that texts share are computed once. The gradient of a row that is shared is that of all its texts
/// together, so for several samples no text shares anything, and each row's part goes to the samples that its pair is in.
struct StepTexts {
  /// The samples.
  let samples: [PairSample]
  private let texts: FitTexts
  /// This process's pairs.
  private let pairs: [Int]
  private let passages: [Int]
  /// Of each pair of all, the samples that it is in, with its share in the mean over the sample, negative where its sides are
  /// exchanged.
  private let shares: [[(sample: Int, share: Double)]]

  /// - Parameter samples: at least one, none of them empty.
  init(_ texts: FitTexts, _ samples: [PairSample], _ context: ComputeContext) {
    (self.texts, self.samples) = (texts, samples)
    var shares = Array(repeating: [(sample: Int, share: Double)](), count: texts.pairs)
    for (index, sample) in samples.enumerated() {
      let share = 1 / Double(sample.pairs.count)
      for pair in sample.pairs {
        shares[pair].append((index, sample.flipped.contains(pair) ? -share : share))
      }
    }
    self.shares = shares
    let used = shares.indices.filter { !shares[$0].isEmpty }
    let own = context.ranks.share(
      of: used.map { texts.sides[$0].count + texts.sides[texts.pairs + $0].count })
    pairs = Array(used[own])
    let scored = texts.passages.indices.filter { texts.passages[$0].count > 1 }
    passages = Array(scored[context.ranks.share(of: scored.map { texts.passages[$0].count })])
  }

  /// Pairs and passages.
  var count: Int { pairs.count + passages.count }
  /// Tokens of all of them, beginnings that they share counted twice.
  var tokenCount: Int { (0..<count).reduce(0) { $0 + tokens($1) } }

  /// Tokens of a pair or passage.
  func tokens(_ index: Int) -> Int {
    guard index < pairs.count else { return texts.passages[passages[index - pairs.count]].count }
    return sides(index).reduce(0) { $0 + $1.count }
  }

  /// Chosen side and rejected side.
  private func sides(_ index: Int) -> [[Int32]] {
    [texts.sides[texts.pairs + pairs[index]], texts.sides[pairs[index]]]
  }

  /// Some of the pairs and passages, as one pass computes them.
  struct Batch {
    /// What is scored, the neutral passages last.
    private(set) var sequences: [ScoredSequence] = []
    /// How much each counts in the gradient.
    private(set) var weights: [Double] = []
    /// How many of them, the last ones, share no beginnings.
    private(set) var alone = 0
    /// How many of them are neutral passages.
    private(set) var neutral = 0
    /// Of each sequence of a pair, the samples that its rows count in; none where all count in the one there is.
    private var shares: [[(sample: Int, share: Double)]] = []
    private let isShared: Bool

    fileprivate init(_ texts: StepTexts, _ range: Range<Int>) {
      isShared = texts.samples.count == 1
      for index in range {
        guard index < texts.pairs.count else {
          let tokens = texts.texts.passages[texts.passages[index - texts.pairs.count]]
          sequences.append(ScoredSequence(tokens: tokens, responseStart: 1))
          weights.append(1)
          neutral += 1
          continue
        }
        // What the sides of a pair begin with has the same log-probability in both, so it need not be scored.
        let sides = texts.sides(index)
        let common = zip(sides[0], sides[1]).prefix { $0 == $1 }.count
        sequences += sides.map { ScoredSequence(tokens: $0, responseStart: common) }
        let shares = texts.shares[texts.pairs[index]]
        let weight = isShared ? shares[0].share : 1
        weights += [weight, -weight]
        if !isShared { self.shares += [shares, shares] }
      }
      alone = isShared ? neutral : sequences.count
    }

    /// What the rows of `pass`, which computed the batch, count in.
    func rows(of pass: ResponsePass) -> StepRows {
      func place(_ sequence: Int) -> [Range<Int>] { pass.rows(ofText: sequence) }
      let neutralFrom = sequences.indices.suffix(neutral).lazy.compactMap { place($0).first?.lowerBound }
        .first
      return StepRows(
        firstNeutral: neutralFrom ?? .max,
        ofPairs: shares.enumerated().flatMap { index, shares in
          place(index).map { (rows: $0, shares: shares) }
        })
    }
  }

  /// The pairs and passages with these indices.
  func batch(_ range: Range<Int>) -> Batch { Batch(self, range) }
}

/// What the rows of a pass there and back count in.
struct StepRows {
  /// The first row of a neutral passage; all behind it are too.
  let firstNeutral: Int
  /// Runs of rows of one text of a pair, in order, and the samples that they count in; empty where there is one sample, in which
  /// all count.
  let ofPairs: [(rows: Range<Int>, shares: [(sample: Int, share: Double)])]

  /// The parts of `run`, rows of pairs, that are of one text each.
  fileprivate func texts(in run: Range<Int>) -> [(rows: Range<Int>, shares: [(sample: Int, share: Double)])] {
    // The first that ends behind the run's beginning.
    var (low, high) = (0, ofPairs.count)
    while low < high {
      let middle = (low + high) / 2
      if ofPairs[middle].rows.upperBound <= run.lowerBound { low = middle + 1 } else { high = middle }
    }
    return ofPairs[low...].prefix { $0.rows.lowerBound < run.upperBound }.map {
      ($0.rows.clamped(to: run), $0.shares)
    }
  }
}

extension StepMoments {
  /// Adds a chunk of tokens.
  ///
  /// The first tokens of texts are left out: what is written there is of another size than elsewhere.
  mutating func add(_ seen: MLPOutputGradient, _ rows: StepRows) throws {
    var ofSamples: [Int: (gradient: [Float], output: [Float])] = [:]
    for run in seen.rowsBehindFirst {
      let neutral = max(run.lowerBound, min(run.upperBound, rows.firstNeutral))..<run.upperBound
      if !neutral.isEmpty {
        try neutralGradient.add(seen.gradient(of: neutral).span)
        try neutralOutput.add(seen.output(of: neutral).span)
      }
      let ofPairs = run.lowerBound..<neutral.lowerBound
      guard !ofPairs.isEmpty else { continue }
      guard !rows.ofPairs.isEmpty else {
        try addPairs(gradient: seen.gradient(of: ofPairs).span, output: seen.output(of: ofPairs).span)
        continue
      }
      for (part, shares) in rows.texts(in: ofPairs) {
        for (sample, share) in shares {
          ofSamples[sample, default: ([], [])].gradient += seen.gradient(of: part).lazy.map {
            $0 * Float(share)
          }
          ofSamples[sample, default: ([], [])].output += seen.output(of: part)
        }
      }
    }
    for (sample, values) in ofSamples {
      try addPairs(of: sample, gradient: values.gradient.span, output: values.output.span)
    }
  }
}

extension MLPOutputGradient {
  /// Runs of rows, by their places in the pass, that are not the first tokens of their texts.
  fileprivate var rowsBehindFirst: [Range<Int>] {
    var runs: [Range<Int>] = []
    for (place, position) in zip(positions.indices, positions) where position > 0 {
      if let last = runs.last, last.upperBound == place {
        runs[runs.count - 1] = last.lowerBound..<place + 1
      } else {
        runs.append(place..<place + 1)
      }
    }
    return runs
  }

  /// Elements of the rows in these places of the pass.
  private func elements(_ rows: Range<Int>) -> Range<Int> {
    (rows.lowerBound - positions.startIndex) * width..<(rows.upperBound - positions.startIndex) * width
  }

  fileprivate func gradient(of rows: Range<Int>) -> UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(rebasing: gradient[elements(rows)])
  }

  fileprivate func output(of rows: Range<Int>) -> UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(rebasing: output[elements(rows)])
  }
}
