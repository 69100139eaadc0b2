import Evaluation
import Foundation
import Kernels
import Storage
import Testing
import Tokenization
import Transformer

/// Log-likelihoods and figures against lm-evaluation-harness with transformers.
@Suite("Task scores")
struct TaskScoreTests {
  static let context = PerplexityTests.context

  /// A continuation of the tiny models' goldens, and a task.
  struct Tiny: Sendable, CustomTestStringConvertible {
    var model: String
    var golden: JSONValue
    var testDescription: String { model + " " + (golden["file"]?.string ?? "") }
  }

  static func tinyModels() throws -> [JSONValue] { try TaskFixture.json("tiny-scores.json").elements }

  static func tinyTasks() throws -> [Tiny] {
    try tinyModels().flatMap { entry in
      (entry["tasks"]?.elements ?? []).map { Tiny(model: entry["model"]?.string ?? "", golden: $0) }
    }
  }

  @Test(
    "texts become the harness's tokens and scores: spaces at the end, no context, more than fits",
    arguments: try tinyModels())
  func pairs(_ golden: JSONValue) throws {
    let model = try PerplexityTests.model(try #require(golden["model"]?.string))
    let positions = model.configuration.maximumPositions
    #expect(positions == golden["positions"]?.int)
    var encoder = ContinuationEncoder(try model.tokenizer(), maximumPositions: positions)
    let pairs = golden["pairs"]?.elements ?? []
    let requests = try pairs.map { pair in
      let request = try encoder.request(
        context: try #require(pair["context"]?.string),
        continuation: try #require(pair["continuation"]?.string),
        place: "here")
      #expect(request.input == pair["input"]?.elements.compactMap { $0.int.map { Int32($0) } })
      #expect(request.continuation == pair["ids"]?.elements.compactMap { $0.int.map { Int32($0) } })
      return [request]
    }
    let scores = try ContinuationScorer(model, Self.context).scores(requests)
    #expect(scores.count == pairs.count && !pairs.isEmpty)
    for (score, pair) in zip(scores.joined(), pairs) {
      let expected = try #require(pair["log_probability"]?.double)
      #expect(abs(score.logProbability - expected) < 1e-4 * max(1, abs(expected)))
      #expect(score.isGreedy == pair["greedy"]?.bool)
    }
  }

  @Test("a continuation longer than the model's positions, or without tokens, is refused")
  func refusals() throws {
    let model = try PerplexityTests.model("llama-tied")
    var encoder = ContinuationEncoder(try model.tokenizer(), maximumPositions: 128)
    for continuation in ["", String(repeating: "d", count: 129)] {
      let error = try #require(throws: EvaluationError.self) {
        try encoder.request(context: "abc", continuation: continuation, place: "file, question 3")
      }
      #expect(error.description.contains("file, question 3") && error.description.contains("128"))
    }
  }

  @Test("tiny models answer every task as the harness has them", arguments: try tinyTasks())
  func tinyModel(_ test: Tiny) throws {
    let set = try TaskFixture.questions(try #require(test.golden["file"]?.string))
    let model = try PerplexityTests.model(test.model)
    let result = try TaskResult(set, model, tokenizer: try model.tokenizer(), Self.context)
    try Self.expect(result, test.golden, tolerance: 1e-4)
  }

  static let sharedTasks = try? TaskFixture.json("smollm2-scores.json").members.map(\.key)

  @Test(
    "SmolLM2 answers the first questions of every task as transformers does",
    .enabled(
      if: TaskFixture.hasShared && FileManager.default.fileExists(atPath: PerplexityTests.smolLM2),
      "../shared/data/zeroshot or the SmolLM2 GGUF is absent"), arguments: sharedTasks ?? [])
  func smolLM2(_ name: String) throws {
    let golden = try #require(try TaskFixture.json("smollm2-scores.json")[name])
    let count = try #require(golden["items"]?.count)
    let task = try #require(ZeroShotTask(rawValue: name))
    let set = try #require(
      try TaskFolder(path: TaskFixture.shared).questions(of: [task], limit: count).first)
    let model = try Model(path: PerplexityTests.smolLM2)
    let result = try TaskResult(set, model, tokenizer: try model.tokenizer(), Self.context)
    try Self.expect(result, golden, tolerance: 2e-4)
  }

  /// Every log-likelihood, greedy choice and figure.
  static func expect(_ result: TaskResult, _ golden: JSONValue, tolerance: Double) throws {
    let items = golden["items"]?.elements ?? []
    #expect(result.items.count == items.count && !items.isEmpty)
    for (index, (found, expected)) in zip(result.items, items).enumerated() {
      let logProbabilities = expected["log_probabilities"]?.elements.compactMap(\.double) ?? []
      #expect(found.scores.count == logProbabilities.count)
      for (score, golden) in zip(found.scores, logProbabilities) {
        #expect(abs(score.logProbability - golden) < tolerance * max(1, abs(golden)), "question \(index + 1)")
      }
      #expect(found.scores.map(\.isGreedy) == expected["greedy"]?.elements.compactMap(\.bool))
    }
    for metric in result.task.metrics {
      let values = result.values(of: metric)
      switch metric {
      case .accuracy, .normalizedAccuracy:
        // The harness's acc_norm divides by characters: the same where answers are ASCII, as all but a few are.
        #expect(values == items.compactMap { $0[metric.rawValue]?.double }, "\(metric)")
      case .perplexity: break
      }
      let figure = try #require(golden["metrics"]?[metric.rawValue]?.double)
      #expect(abs(result.value(of: metric) - figure) < 1e-3 * figure + 1e-12, "\(metric)")
    }
  }

  @Test("what candidates share is computed once, and batches of any size give the same scores")
  func batches() throws {
    let model = try PerplexityTests.model("llama-tied")
    let tokenizer = try model.tokenizer()
    let set = try TaskFixture.questions("ARC/ARC-Challenge/ARC-Challenge-Test.jsonl")
    let groups = try set.requests(tokenizer, maximumPositions: 128)
    let whole = ContinuationBatch(groups[...])
    #expect(whole.forest.tokens.count < groups.joined().reduce(0) { $0 + $1.input.count } / 2)
    let tokens = groups.joined().reduce(0) { $0 + $1.continuation.count }
    #expect(whole.rows.count == whole.targets.count && whole.rows.count < tokens)
    // The same continuations again are nothing to be scored again.
    let (once, twice) = (ContinuationBatch(groups[..<1]), ContinuationBatch([groups[0] + groups[0]][...]))
    #expect(once.rows == twice.rows && once.targets == twice.targets)
    let scorer = try ContinuationScorer(model, Self.context)
    let together = try scorer.scores(groups)
    for (group, expected) in zip(groups, together) {
      let alone = try scorer.scores(group.map { [$0] })
      for (a, b) in zip(alone.joined(), expected) {
        #expect(abs(a.logProbability / b.logProbability - 1) < 1e-6 && a.isGreedy == b.isGreedy)
      }
    }
    // Many groups: every one in exactly one batch, no batch but of one group beyond the bound.
    let many = (0..<400).map { _ in groups[0] }
    let ranges = ContinuationBatch.ranges(of: many)
    #expect(ranges.count > 1 && Array(ranges.joined()) == Array(0..<400))
    for range in ranges {
      #expect(ContinuationBatch(many[range]).forest.tokens.count <= ContinuationBatch.tokensPerPass)
    }
    #expect(ContinuationBatch.ranges(of: []) == [])
  }

  @Test("ties go to the first, and lengths decide acc_norm alone")
  func choices() throws {
    let set = try TaskFixture.questions("foundry/arc_easy.jsonl")
    let item = try #require(set.items.first)
    #expect(item.candidates.map(\.byteLength) == [4, 4, 5, 5] && item.gold == 1)
    func result(_ values: [Double]) -> TaskItemResult {
      TaskItemResult(item, values.map { ContinuationScore(logProbability: $0, isGreedy: false) })
    }
    #expect(result([-3, -2, -2, -4]).choice == 1 && result([-1, -1, -1, -1]).choice == 0)
    #expect(result([-8, -8, -9, -11]).choice == 0 && result([-8, -8, -9, -11]).choiceByLength == 2)
    let task = TaskResult(.arcEasy, [result([-3, -2, -2, -4]), result([-8, -8, -9, -11])])
    #expect(task.values(of: .accuracy) == [1, 0] && task.value(of: .accuracy) == 0.5)
    #expect(task.values(of: .normalizedAccuracy) == [0, 0])
  }

  @Test("progress rises to its total")
  func progress() throws {
    let model = try PerplexityTests.model("llama-tied")
    let set = try TaskFixture.questions("hub/arc_easy.jsonl")
    var calls: [(completed: Int, total: Int)] = []
    _ = try TaskResult(set, model, tokenizer: try model.tokenizer(), Self.context) { calls.append(($0, $1)) }
    #expect(calls.count > 3 && calls.map(\.completed) == calls.map(\.completed).sorted())
    #expect(calls.last?.completed == calls.last?.total)
  }
}
