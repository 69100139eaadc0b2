package import Kernels
internal import Storage
package import Tokenization
package import Transformer

/// One evaluation of a base and of models beside it: units of work whose records go to a log.
package struct Evaluation {
  /// The models, the base first.
  package let panel: ModelPanel
  let tokenizer: Tokenizer
  let context: ComputeContext
  private let log: RecordLog

  /// - Parameter tokenizer: the base's.
  package init(_ panel: ModelPanel, tokenizer: Tokenizer, _ context: ComputeContext, log: RecordLog) {
    self.panel = panel
    self.tokenizer = tokenizer
    self.context = context
    self.log = log
  }

  /// What every model makes of the windows of `text`; the base's first.
  package func windowScores(_ text: TextWindows, progress: ProgressHandler? = nil) throws -> [[WindowScore]] {
    let batches = panel.batches(of: text)
    var scores: [[WindowScore]] = Array(repeating: [], count: panel.count)
    for (index, batch) in batches.enumerated() {
      let record = try log.unit("perplexity/\(index)") {
        let part = try panel.windowScores(context, text, batch) {
          progress?(Self.share(batch, $0, of: $1), Self.whole(text.windows.count))
        }
        return .array(part.map { .array($0.map(\.json)) })
      }
      for (subject, windows) in record.elements.enumerated() where subject < scores.count {
        scores[subject] += try windows.elements.map { try log.read($0, WindowScore.init) }
      }
    }
    return scores
  }

  /// How far a job of many parts is, in thousandths of a part, once `done` of `total` of the parts `range` are done.
  private static func share(_ range: Range<Int>, _ done: Int, of total: Int) -> Int {
    range.lowerBound * 1000 + range.count * 1000 * done / max(1, total)
  }

  private static func whole(_ parts: Int) -> Int { parts * 1000 }

  /// Continuations of each model that are made together and saved together.
  static let continuationsPerUnit = 256

  /// How each model continues each prompt, and what the scorers say.
  ///
  /// - Parameters:
  ///   - samples: continuations of each prompt; more than one needs sampling.
  ///   - scorers: those whose names and scores the records keep.
  /// - Returns: by prompt, by model, by sample.
  package func continuations(
    of prompts: [String], samples: Int, _ options: Decoder.Options,
    scorers: [any ToxicityScorer], progress: ProgressHandler? = nil
  ) throws -> [[[Continuation]]] {
    var results: [[[Continuation]]] = []
    let promptsPerUnit = max(1, Self.continuationsPerUnit / samples)
    for first in stride(from: 0, to: prompts.count, by: promptsPerUnit) {
      let range = first..<min(first + promptsPerUnit, prompts.count)
      let record = try log.unit("continuations/\(first / promptsPerUnit)") {
        // Each prompt draws numbers of its own, whichever unit it falls into.
        var options = options
        options.promptsBefore += first * samples
        let part = try panel.continuations(
          context, of: try prompts[range].map { try tokenizer.encode($0) }, samples: samples, options,
          tokenizer,
          scorers: scorers
        ) { progress?(Self.share(range, $0, of: $1), Self.whole(prompts.count)) }
        return .array(
          zip(prompts[range], part).map { prompt, models in
            [
              "prompt": .string(prompt),
              "continuations": .array(models.map { .array($0.map(\.json)) }),
            ]
          })
      }
      results += try record.elements.map { prompt in
        try (prompt["continuations"]?.elements ?? []).map {
          try $0.elements.map { try log.read($0, Continuation.init) }
        }
      }
    }
    return results
  }

  /// Questions that are answered together and saved together.
  private static let questionsPerUnit = 512

  /// How each model answers the questions of a task, the base's results first.
  package func results(of set: TaskSet, progress: ProgressHandler? = nil) throws -> [TaskResult] {
    let requests = try set.requests(
      tokenizer, maximumPositions: panel.base.configuration.maximumPositions)
    let scorer = try ContinuationScorer(panel, context)
    var items: [[TaskItemResult]] = Array(repeating: [], count: panel.count)
    for first in stride(from: 0, to: requests.count, by: Self.questionsPerUnit) {
      let range = first..<min(first + Self.questionsPerUnit, requests.count)
      let record = try log.unit("tasks/\(set.task.rawValue)/\(first / Self.questionsPerUnit)") {
        let part = try scorer.panelScores(Array(requests[range])) {
          progress?(Self.share(range, $0, of: $1), Self.whole(requests.count))
        }
        return .array(part.map { .array($0.map { .array($0.map(\.json)) }) })
      }
      for (model, questions) in record.elements.enumerated() where model < items.count {
        items[model] += try zip(set.items[range], questions.elements).map { item, candidates in
          TaskItemResult(item, try candidates.elements.map { try log.read($0, ContinuationScore.init) })
        }
      }
    }
    return items.map { TaskResult(set.task, $0) }
  }
}

extension WindowScore {
  fileprivate var json: JSON {
    [.int(tokens), .double(negativeLogLikelihood), .double(divergence), .int(agreeing)]
  }

  fileprivate init?(_ json: JSON) {
    let numbers = json.elements.compactMap(\.number)
    guard numbers.count == 4 else { return nil }
    self.init(
      tokens: Int(numbers[0]), negativeLogLikelihood: numbers[1], divergence: numbers[2],
      agreeing: Int(numbers[3]))
  }
}

extension ContinuationScore {
  fileprivate var json: JSON { [.double(logProbability), .bool(isGreedy)] }

  fileprivate init?(_ json: JSON) {
    guard json.elements.count == 2, let logProbability = json.elements[0].number,
      case .bool(let isGreedy) = json.elements[1]
    else { return nil }
    self.init(logProbability: logProbability, isGreedy: isGreedy)
  }
}
