/// A zero-shot task, named, worded and scored as in lm-evaluation-harness (version 0.4.13).
package enum ZeroShotTask: String, Sendable, CaseIterable {
  case boolq
  case rte
  case hellaswag
  case winogrande
  case arcEasy = "arc_easy"
  case arcChallenge = "arc_challenge"
  case openBookQA = "openbookqa"
  case piqa
  case lambada = "lambada_openai"

  /// What is reported for it, the accuracy first.
  package var metrics: [TaskMetric] {
    switch self {
    case .boolq, .rte, .winogrande: [.accuracy]
    case .hellaswag, .arcEasy, .arcChallenge, .openBookQA, .piqa: [.accuracy, .normalizedAccuracy]
    case .lambada: [.accuracy, .perplexity]
    }
  }

  /// The split that is scored: test, or validation where the answers of the test split are secret.
  var split: DataSplit {
    switch self {
    case .arcEasy, .arcChallenge, .openBookQA, .lambada: .test
    case .boolq, .rte, .hellaswag, .winogrande, .piqa: .validation
    }
  }
}

/// A figure over the questions of a task.
package enum TaskMetric: String, Sendable, CaseIterable {
  /// Share of the questions whose right answer has the highest log-probability, the first of equals counting; for
  /// LAMBADA, whose right word is the greedy choice token by token.
  case accuracy = "acc"
  /// The same with each log-probability divided by the answer's bytes in UTF-8.
  ///
  /// The harness divides by characters, which for ASCII is the same.
  case normalizedAccuracy = "acc_norm"
  /// exp of the mean of −log p of the right word.
  case perplexity
}

/// A part of a data set.
enum DataSplit {
  case validation, test, unknown
}
