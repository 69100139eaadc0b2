internal import Editing
internal import Evaluation
internal import Storage
internal import Transformer

extension Tuning {
  /// The rounds of a search, as they go on.
  struct Search {
    private let tuning: Tuning
    private var candidates: [(candidate: EditCandidate, subspace: EditSubspace)]
    private let prompts: [[Int32]]
    private let text: TextWindows
    private let progress: ProgressHandler?
    /// What each candidate was last found to do.
    private var latest: [Int: CandidateOutcome] = [:]
    /// What was measured of each candidate in all its rounds, and of the base beside it.
    private var measured: [Int: (own: CandidateMeasure, base: CandidateMeasure)] = [:]
    private var baseToxicity = Double.nan
    /// Passes done in each round, and the share of the whole work that they were.
    private var passes: [Int]
    private var finished = 0.0
    /// The share of the whole work that each round is, and after them the strengths tried around the best.
    private let shares: [Double]

    /// Candidates of one pass.
    private static let candidatesPerPass = 14
    /// How many times a budget may be exceeded while there is little evidence.
    private static let slack = 1.5

    /// - Parameter prompts: their token ids.
    init(
      _ tuning: Tuning, _ candidates: [(candidate: EditCandidate, subspace: EditSubspace)],
      _ prompts: [[Int32]], _ text: TextWindows, _ progress: ProgressHandler?
    ) {
      (self.tuning, self.candidates, self.prompts) = (tuning, candidates, prompts)
      (self.text, self.progress) = (text, progress)
      passes = Array(repeating: 0, count: tuning.settings.rounds.count)
      shares = Self.shares(tuning.settings.rounds, of: candidates.count)
    }

    /// All rounds: the best of each go on, and around the best of the last more strengths are tried.
    ///
    /// Where all that came to the last round turn out beyond a budget there, those that ranked behind them have their turn.
    mutating func run() throws -> Result {
      let rounds = tuning.settings.rounds
      var ranking = Array(candidates.indices)
      var entering = ranking.count
      for (index, round) in rounds.dropLast().enumerated() {
        try measure(ranking[..<entering], inRound: index)
        // To the last round go first those that are within the budgets so far.
        let slack = index == rounds.count - 2 ? 1 : Self.slack
        ranking.replaceSubrange(..<entering, with: ranked(ranking[..<entering], slack: slack))
        entering = round.kept(of: entering)
      }
      var (chosen, tried): (Int?, [Int]) = (nil, [])
      for start in stride(from: 0, to: ranking.count, by: max(1, entering)) where chosen == nil {
        let batch = ranking[start..<min(start + entering, ranking.count)].filter {
          start == 0 || latest[$0].map { tuning.settings.excess(of: $0) <= Self.slack } ?? false
        }
        try measure(batch[...], inRound: rounds.count - 1)
        tried += batch
        chosen = best(of: batch)
      }
      // With so few prompts that none is surely within a budget, the best of those that seem to be.
      chosen = chosen ?? best(of: tried, caution: 0)
      if let found = chosen { chosen = try refined(found) }
      return Result(
        chosen: chosen.flatMap { latest[$0] }, outcomes: candidates.indices.compactMap { latest[$0] },
        baseToxicity: baseToxicity)
    }

    /// The best of some candidates by all that they were measured on; `nil` where none is within the budgets.
    ///
    /// - Parameter caution: standard errors to have room for; those of the settings where `nil`.
    private func best(of some: [Int], caution: Double? = nil) -> Int? {
      let caution = caution ?? tuning.settings.caution
      return ranked(some[...], slack: 1, caution: caution).first.flatMap { index in
        latest[index].flatMap { tuning.settings.excess(of: $0, caution: caution) <= 1 ? index : nil }
      }
    }

    /// The best of `chosen` and of strengths between it and the next larger one of the same recipe that was tried.
    private mutating func refined(_ chosen: Int) throws -> Int {
      let (candidate, subspace) = candidates[chosen]
      let larger = candidates.map(\.candidate).filter {
        $0.isAlike(candidate) && $0.strength > candidate.strength
      }
      guard let next = larger.map(\.strength).min() else { return chosen }
      let first = candidates.count
      for strength in EditCandidate.strengths(between: candidate.strength, and: next) {
        var between = candidate
        between.strength = strength
        candidates.append((between, subspace))
      }
      let tried = Array(first..<candidates.count)
      let rounds = tuning.settings.rounds.count
      try measure(tried[...], inRound: rounds - 1, work: rounds)
      return best(of: [chosen] + tried) ?? chosen
    }

    /// Measures some candidates beside the base, many in one pass, on what a round looks at and they were not measured on.
    ///
    /// - Parameter work: what of `shares` it is; that of the round where `nil`.
    private mutating func measure(_ chosen: ArraySlice<Int>, inRound index: Int, work: Int? = nil) throws {
      let seen = Dictionary(grouping: chosen) { latest[$0]?.round ?? 0 }
      for (round, alike) in seen.sorted(by: { $0.key < $1.key }) {
        let prompts = Array(
          prompts[extent(prompts.count, \.prompts, round)..<extent(prompts.count, \.prompts, index + 1)])
        let count = text.windows.count
        let windows = text[extent(count, \.text, round)..<extent(count, \.text, index + 1)]
        for start in stride(from: 0, to: alike.count, by: Self.candidatesPerPass) {
          let batch = alike[start..<min(start + Self.candidatesPerPass, alike.count)]
          let share = shares[work ?? index] * Double(batch.count) / Double(chosen.count)
          let measures = try measures(batch, inRound: index, prompts, windows, share)
          for (candidate, measure) in zip(batch, measures.dropFirst()) {
            var sums = measured[candidate] ?? (CandidateMeasure(), CandidateMeasure())
            sums.own += measure
            sums.base += measures[0]
            guard sums.base.scores > 0 else {
              throw EvaluationError(
                "--prompts",
                "the scorer gives every continuation of the base 0; give prompts that lead it to write worse")
            }
            measured[candidate] = sums
            latest[candidate] = CandidateOutcome(
              candidates[candidate].candidate, round: index + 1, sums.own, base: sums.base)
            baseToxicity = sums.base.toxicity
          }
          finished += share
        }
      }
    }

    /// What is measured of the base and then of each candidate of a batch, or what the records say of it.
    private mutating func measures(
      _ batch: ArraySlice<Int>, inRound index: Int, _ prompts: [[Int32]], _ windows: TextWindows,
      _ share: Double
    ) throws -> [CandidateMeasure] {
      defer { passes[index] += 1 }
      let record = try tuning.log.unit("round\(index + 1)/\(passes[index])") {
        let panel = try ModelPanel(
          base: tuning.subject.model,
          others: try batch.map {
            .variant(try candidates[$0].subspace.variant(strength: candidates[$0].candidate.strength))
          })
        let measures = try tuning.measure(panel, prompts, windows) { [finished, progress] done, total in
          let done = finished + share * Double(done) / Double(max(1, total))
          progress?(Int(1000 * min(1, done)), 1000)
        }
        return .array(measures.map(\.json))
      }
      let measures = try record.elements.map { try tuning.log.read($0, CandidateMeasure.init) }
      guard measures.count == batch.count + 1 else {
        throw EvaluationError(
          tuning.log.name,
          "holds the records of \(measures.count) models where \(batch.count + 1) were tried")
      }
      return measures
    }

    /// How many of `count` prompts or windows have been looked at when `round` is over, from 1; none after round 0.
    private func extent(_ count: Int, _ share: KeyPath<Round, Double>, _ round: Int) -> Int {
      round == 0 ? 0 : max(1, Int(Double(count) * tuning.settings.rounds[round - 1][keyPath: share]))
    }

    /// The shares of the whole work on `count` candidates.
    private static func shares(_ rounds: [Round], of count: Int) -> [Double] {
      var (entering, seen) = (count, 0.0)
      var work = rounds.map { round in
        defer { (entering, seen) = (round.kept(of: entering), round.prompts + round.text) }
        return Double(entering) * (round.prompts + round.text - seen)
      }
      work.append(3 * seen)
      return work.map { $0 / work.reduce(0, +) }
    }

    /// Those within `slack` times the budgets by toxicity, then the others by what they exceed them by.
    private func ranked(_ candidates: ArraySlice<Int>, slack: Double, caution: Double = 0) -> [Int] {
      let known = candidates.compactMap { index in
        latest[index].map {
          (index: index, toxicity: $0.toxicity, excess: tuning.settings.excess(of: $0, caution: caution))
        }
      }
      let within = known.filter { $0.excess <= slack }
        .sorted { ($0.toxicity, $0.index) < ($1.toxicity, $1.index) }
      let beyond = known.filter { $0.excess > slack }.sorted { ($0.excess, $0.index) < ($1.excess, $1.index) }
      return (within + beyond).map(\.index)
    }
  }
}
