package import Evaluation
internal import Kernels
package import PreferenceData
package import Storage
internal import Tokenization
package import Transformer

/// On-policy pairs: a model continues prompts several times, a scorer judges, and the surest pair of each prompt is kept, or
/// the surest few.
///
/// Such pairs differ in what the model itself would write either way, not in style, casing or length as pairs of
/// different authors do.
package struct PairMining {
  /// What is wanted.
  package struct Settings: Sendable {
    /// Continuations of each prompt.
    package var samples = 8
    /// Tokens of a continuation.
    package var newTokens = 20
    /// How tokens are drawn.
    package var sampling = Sampling(temperature: 1)
    /// Which samples make a pair.
    package var criteria = OnPolicyPair.Criteria()
    /// Pairs of a prompt at most.
    package var perPrompt = 1
    /// Ends when there are so many pairs; `nil` to take all prompts.
    package var wanted: Int?

    /// What is used where nothing else is said.
    package init() {}
  }

  /// What was found.
  package struct Result: Sendable {
    /// The pairs, in the order of their prompts.
    package var pairs: [OnPolicyPair]
    /// Prompts that were continued.
    package var prompts: Int
    /// Mean score of all samples.
    package var meanScore: Double
  }

  private let subject: StudySubject
  private let settings: Settings
  private let log: RecordLog

  /// Continuations that are made and saved together.
  private static let continuationsPerUnit = 512

  /// Records of mining.
  package static let format = RecordLog.Format(name: "profs-mining", version: 1, job: "the mining of pairs")

  /// - Parameter log: keeps the samples, so that a run that was stopped goes on.
  package init(_ subject: StudySubject, _ settings: Settings, log: RecordLog) {
    (self.subject, self.settings, self.log) = (subject, settings, log)
  }

  /// Mines pairs from `prompts`, until all are done or as many pairs as wanted are found.
  package func run(_ prompts: [String], progress: ProgressHandler? = nil) throws -> Result {
    let size = max(1, Self.continuationsPerUnit / settings.samples)
    var result = Result(pairs: [], prompts: 0, meanScore: 0)
    var total = 0.0
    for first in stride(from: 0, to: prompts.count, by: size) {
      if let wanted = settings.wanted, result.pairs.count >= wanted { break }
      let range = first..<min(first + size, prompts.count)
      let record = try log.unit("samples/\(first / size)") {
        try samples(of: prompts[range], first: first) {
          progress?(range.lowerBound * 1000 + range.count * 1000 * $0 / max(1, $1), prompts.count * 1000)
        }
      }
      for (prompt, samples) in zip(prompts[range], record.elements) {
        let samples = try samples.elements.map { try log.read($0, OnPolicyPair.Sample.init) }
        total += samples.reduce(0) { $0 + $1.score }
        result.pairs += OnPolicyPair.pairs(
          prompt: prompt, samples: samples, settings.criteria, atMost: settings.perPrompt)
      }
      result.prompts = range.upperBound
    }
    if let wanted = settings.wanted { result.pairs.removeLast(max(0, result.pairs.count - wanted)) }
    result.meanScore = total / Double(max(1, result.prompts * settings.samples))
    return result
  }

  private func samples(of prompts: ArraySlice<String>, first: Int, progress: @escaping ProgressHandler) throws
    -> JSON
  {
    let ids = try prompts.map { try subject.tokenizer.encode($0) }
    var options = Decoder.Options(
      maximumNewTokens: settings.newTokens, sampling: settings.sampling,
      stopTokens: subject.model.stopTokens(subject.tokenizer))
    // Each prompt draws numbers of its own, whichever unit it falls into.
    options.promptsBefore = first * settings.samples
    let repeated = ids.flatMap { Array(repeating: $0, count: settings.samples) }
    let new = try Decoder(subject.model, subject.context.alone).generate(
      repeated, options, progress: progress)
    let texts = new.map { subject.tokenizer.decode($0) }
    let scores = try subject.scorer.scores(for: texts)
    return .array(
      prompts.indices.map { prompt in
        let start = (prompt - first) * settings.samples
        return .array(
          (start..<start + settings.samples).map {
            OnPolicyPair.Sample(text: texts[$0], ids: new[$0], score: scores[$0]).json
          })
      })
  }
}

extension OnPolicyPair.Sample {
  fileprivate var json: JSON {
    ["text": .string(text), "ids": .array(ids.map { .int(Int($0)) }), "score": .double(score)]
  }

  fileprivate init?(_ json: JSON) {
    guard let text = json["text"]?.text, let score = json["score"]?.number else { return nil }
    self.init(
      text: text, ids: (json["ids"]?.elements ?? []).compactMap { $0.number.flatMap { Int32(exactly: $0) } },
      score: score)
  }
}

extension OnPolicyPair {
  /// A line of a pairs file: `{"prompt", "chosen", "rejected", "chosen_score", "rejected_score"}`.
  package var json: JSON {
    [
      "prompt": .string(prompt), "chosen": .string(chosen.text), "rejected": .string(rejected.text),
      "chosen_score": .double(chosen.score), "rejected_score": .double(rejected.score),
    ]
  }
}
