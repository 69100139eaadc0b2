internal import Foundation
package import Kernels
package import Storage
package import Tokenization
package import Transformer

/// How a model answered one question.
package struct TaskItemResult: Sendable, Equatable {
  /// The scores of the candidates.
  package let scores: [ContinuationScore]
  /// Bytes of each candidate's answer.
  package let byteLengths: [Int]
  /// Index of the right one.
  package let gold: Int

  /// The scores of `item`'s candidates, in their order.
  package init(_ item: TaskItem, _ scores: [ContinuationScore]) {
    precondition(scores.count == item.candidates.count, "every candidate has a score")
    self.scores = scores
    byteLengths = item.candidates.map(\.byteLength)
    gold = item.gold
  }

  /// The candidate with the highest log-probability; the first of equals.
  package var choice: Int { Self.firstMaximum(scores.map(\.logProbability)) }

  /// The candidate with the highest log-probability a byte; the first of equals.
  package var choiceByLength: Int {
    Self.firstMaximum(zip(scores, byteLengths).map { $0.logProbability / Double($1) })
  }

  private static func firstMaximum(_ values: [Double]) -> Int {
    values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 }
  }
}

/// How a model did on a task: every question by itself, so that models can be compared question by question.
package struct TaskResult: Sendable {
  /// The task.
  package let task: ZeroShotTask
  /// The questions, in the order of the set.
  package let items: [TaskItemResult]

  /// The results of the set's questions, in its order.
  package init(_ task: ZeroShotTask, _ items: [TaskItemResult]) {
    self.task = task
    self.items = items
  }

  /// Puts the questions of `set` to `model`.
  package init(
    _ set: TaskSet, _ model: Model, tokenizer: Tokenizer, _ context: ComputeContext,
    progress: ProgressHandler? = nil
  ) throws {
    let requests = try set.requests(tokenizer, maximumPositions: model.configuration.maximumPositions)
    let scores = try ContinuationScorer(model, context).scores(requests, progress: progress)
    self.init(set.task, zip(set.items, scores).map { TaskItemResult($0, $1) })
  }

  /// What each question contributes to a metric: 1 where it was answered rightly and 0 otherwise, or log p of the right
  /// word for ``TaskMetric/perplexity``.
  package func values(of metric: TaskMetric) -> [Double] {
    items.map { item in
      switch metric {
      case .accuracy:
        task == .lambada ? (item.scores[item.gold].isGreedy ? 1 : 0) : item.choice == item.gold ? 1 : 0
      case .normalizedAccuracy: item.choiceByLength == item.gold ? 1 : 0
      case .perplexity: item.scores[item.gold].logProbability
      }
    }
  }

  /// The metric over all questions.
  package func value(of metric: TaskMetric) -> Double {
    let values = values(of: metric)
    let mean = values.reduce(0, +) / Double(values.count)
    return metric == .perplexity ? exp(-mean) : mean
  }

  /// The figures, and for every question the right candidate, all log-probabilities and whether the right one is the
  /// greedy choice.
  package var json: JSON {
    var members: [(key: String, value: JSON)] = [
      ("task", .string(task.rawValue)), ("items", .int(items.count)),
    ]
    members += task.metrics.map { ($0.rawValue, .double(value(of: $0))) }
    let records = items.map { item -> JSON in
      [
        "gold": .int(item.gold), "log_probabilities": .array(item.scores.map { .double($0.logProbability) }),
        "bytes": .array(item.byteLengths.map { .int($0) }), "greedy": .bool(item.scores[item.gold].isGreedy),
      ]
    }
    return .object(members + [("records", .array(records))])
  }
}

extension TaskSet {
  /// What is to be scored: a group of requests for each question.
  package func requests(_ tokenizer: Tokenizer, maximumPositions: Int) throws -> [[ContinuationRequest]] {
    var encoder = ContinuationEncoder(tokenizer, maximumPositions: maximumPositions)
    return try items.enumerated().map {
      try encoder.requests(for: $1, place: "\(path), question \($0 + 1)")
    }
  }
}
