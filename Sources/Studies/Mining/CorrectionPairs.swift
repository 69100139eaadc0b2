internal import Evaluation
internal import Kernels
package import Storage
internal import Tokenization
package import Transformer

/// Pairs that bring an edited model back to what its base might as well have written.
///
/// An edit turns unwanted texts into others, but not into the most probable harmless ones. Of every prompt that the base continues
/// with an unwanted text, the most probable harmless text that leaves the base's own at a single token is preferred
/// to what the edited model writes, where that is less probable under the base.
package struct CorrectionPairs {
  /// What makes a pair.
  package struct Settings: Sendable {
    /// Tokens of a continuation.
    package var newTokens = 12
    /// The base's text counts as unwanted from this score on.
    package var unwantedFrom = 0.5
    /// The preferred text scores at most this.
    package var chosenUpTo = 0.2
    /// ln p under the base by which the edited model's text is less probable at least.
    package var leastGap = 0.3
    /// Tokens that are tried at each place, beside the base's own.
    package var alternatives = 3
    /// Texts of a prompt: those whose first other token is least less probable than the base's own.
    package var branches = 16

    /// What is used where nothing else is said.
    package init() {}
  }

  /// Token ids of a prompt with each of the two sides.
  package struct Pair: Sendable, Equatable {
    /// The prompt and the most probable harmless text.
    package var chosen: [Int32]
    /// The prompt and what the edited model writes.
    package var rejected: [Int32]

    /// A pair from its sides.
    package init(chosen: [Int32], rejected: [Int32]) {
      (self.chosen, self.rejected) = (chosen, rejected)
    }
  }

  private let subject: StudySubject
  private let settings: Settings
  private let options: Decoder.Options

  /// Prompts whose branches are written together.
  private static let promptsTogether = 128

  /// - Parameter subject: the base, with the scorer that judges.
  package init(_ subject: StudySubject, _ settings: Settings = Settings()) {
    (self.subject, self.settings) = (subject, settings)
    options = Decoder.Options(
      maximumNewTokens: settings.newTokens, stopTokens: subject.model.stopTokens(subject.tokenizer))
  }

  /// The pairs of `prompts`, in their order; a prompt has one or none.
  ///
  /// Where the context has several processes, each looks at a run of the prompts, and all get all pairs.
  package func run(_ prompts: [[Int32]], edited: ModelVariant, progress: ProgressHandler? = nil) throws
    -> [Pair]
  {
    let ranks = subject.context.ranks
    let own = Array(prompts[ranks.share(of: prompts.map(\.count))])
    let panel = try ModelPanel(base: subject.model, others: [.variant(edited)])
    // A prompt's two texts take about as long as its branches, which the unwanted ones alone have.
    let texts = try panel.continuations(
      subject.context.alone, of: own, samples: 1, options, subject.tokenizer, scorers: [subject.scorer]
    ) { progress?($0, 2 * $1) }
    let unwanted = own.indices.filter { texts[$0][0][0].scores[0].score >= settings.unwantedFrom }
    var pairs: [Pair] = []
    for first in stride(from: 0, to: unwanted.count, by: Self.promptsTogether) {
      let part = unwanted[first..<min(first + Self.promptsTogether, unwanted.count)]
      pairs += try self.pairs(part.map { (own[$0], texts[$0][0][0], texts[$0][1][0]) })
      progress?(unwanted.count + part.endIndex, 2 * unwanted.count)
    }
    guard ranks.size > 1 else { return pairs }
    let record = JSON.array(pairs.map(\.json))
    return try ranks.parts(Array(record.serialized().utf8)).flatMap { bytes in
      try JSON(JSONDocument(parsing: bytes, source: "pairs of another process").root).elements
    }.map { record in
      guard let pair = Pair(record) else {
        throw EvaluationError(
          "pairs", "another process sent \(record.serialized().prefix(80)); start all with one profs")
      }
      return pair
    }
  }

  /// The pairs of prompts whose own text is unwanted.
  private func pairs(_ items: [(prompt: [Int32], own: Continuation, edited: Continuation)]) throws -> [Pair] {
    let branches = try branches(of: items.map { ($0.prompt, $0.own.ids) })
    return try zip(items, harmless(branches, of: items.map(\.prompt))).compactMap { item, harmless in
      guard let harmless, harmless.loss + settings.leastGap < item.edited.baseLoss else { return nil }
      return Pair(chosen: item.prompt + harmless.ids, rejected: item.prompt + item.edited.ids)
    }
  }

  /// Texts that leave a text at one place for one of the next most probable tokens and go on greedily, of the text's length.
  ///
  /// The last place is left out: nothing follows from it.
  private func branches(of texts: [(prompt: [Int32], own: [Int32])]) throws -> [[[Int32]]] {
    struct Branch {
      var text: Int
      var beginning: [Int32]
      var left: Int
    }
    var branches: [Branch] = []
    for (index, likely) in try likelyTokens(in: texts).enumerated() {
      let own = texts[index].own
      let departures = likely.enumerated().flatMap { place, tokens in
        let kept = tokens.first { $0.token == own[place] }?.logit ?? tokens.first?.logit ?? 0
        return tokens.filter { $0.token != own[place] && !options.stopTokens.contains($0.token) }
          .prefix(settings.alternatives)
          .map { (gap: kept - $0.logit, place: place, token: $0.token) }
      }
      for departure in departures.sorted(by: { ($0.gap, $0.place) < ($1.gap, $1.place) })
        .prefix(settings.branches)
      {
        branches.append(
          Branch(
            text: index, beginning: own.prefix(departure.place) + [departure.token],
            left: own.count - departure.place - 1))
      }
    }
    var found = [[[Int32]]](repeating: [], count: texts.count)
    let decoder = Decoder(subject.model, subject.context.alone)
    for (left, alike) in Dictionary(grouping: branches, by: \.left).sorted(by: { $0.key < $1.key }) {
      var options = options
      options.maximumNewTokens = left
      let ends = try decoder.generate(alike.map { texts[$0.text].prompt + $0.beginning }, options)
      for (branch, end) in zip(alike, ends) where end.count == left {
        found[branch.text].append(branch.beginning + end)
      }
    }
    return found
  }

  /// The most probable tokens at each place of the texts but the last, the text's own among them if it is greedy.
  private func likelyTokens(in texts: [(prompt: [Int32], own: [Int32])]) throws -> [[[LikelyToken]]] {
    let (model, context) = (subject.model, subject.context.alone)
    let forest = TokenForest(
      texts.map { $0.prompt + $0.own }, chunkTokens: ForwardPass.chunkTokens)
    let rows = texts.enumerated().map { index, text in
      forest.ranges(ofText: index).flatMap { Array($0) }
        .dropFirst(text.prompt.count - 1).prefix(max(0, text.own.count - 1))
    }
    let all = rows.flatMap(\.self)
    guard !all.isEmpty else { return texts.map { _ in [] } }
    let pass = try ForwardPass(model, context, forest, outputRows: all)
    var remaining = try LanguageModelHead(model, context)
      .mostProbable(settings.alternatives + 1, after: all, of: pass.finalStreams()[0])[...]
    return rows.map { rows in
      defer { remaining = remaining.dropFirst(rows.count) }
      return Array(remaining.prefix(rows.count))
    }
  }

  /// The most probable harmless one of each prompt's texts, with −ln p under the base; `nil` where there is none.
  private func harmless(_ texts: [[[Int32]]], of prompts: [[Int32]]) throws -> [(
    ids: [Int32], loss: Double
  )?] {
    let limit = subject.model.configuration.maximumPositions
    // Scores are cheap beside ln p, which needs the output head.
    let harmless = try texts.map { texts in
      let written = texts.map { subject.tokenizer.decode($0) }
      let scores = try subject.scorer.scores(for: written)
      return texts.indices.filter {
        scores[$0] <= settings.chosenUpTo && !written[$0].allSatisfy(\.isWhitespace)
      }.map { texts[$0] }
    }
    let requests = zip(prompts, harmless).map { prompt, texts in
      texts.compactMap {
        ContinuationRequest(context: prompt, continuation: $0, maximumPositions: limit)
      }
    }
    let scored = try ContinuationScorer(subject.model, subject.context.alone).scores(requests)
    return zip(harmless, scored).map { texts, scored in
      zip(texts, scored).map { (ids: $0, loss: -$1.logProbability) }.min { $0.loss < $1.loss }
    }
  }
}

extension CorrectionPairs.Pair {
  /// `{"chosen": [ids], "rejected": [ids]}`.
  package var json: JSON {
    func ids(_ side: [Int32]) -> JSON { .array(side.map { .int(Int($0)) }) }
    return ["chosen": ids(chosen), "rejected": ids(rejected)]
  }

  /// What ``json`` has written; `nil` for anything else.
  package init?(_ json: JSON) {
    func ids(_ side: String) -> [Int32] {
      (json[side]?.elements ?? []).compactMap { $0.number.flatMap { Int32(exactly: $0) } }
    }
    self.init(chosen: ids("chosen"), rejected: ids("rejected"))
    guard !chosen.isEmpty, !rejected.isEmpty else { return nil }
  }
}
