import Foundation
import Kernels
import Storage
import Testing
import Tokenization
import Transformer

private let testsFolder = URL(filePath: #filePath).deletingLastPathComponent()
private let caikit = testsFolder.appending(
  path: "../../../shared/data/models/caikit-tiny/BertForSequenceClassification"
).standardizedFileURL.path

@Suite("Sequence classification")
struct SequenceClassifierTests {
  static let context = ComputeContext(threads: 2, precision: .f32)
  static let encoders = FamilyGoldens.all.filter { $0.name.contains("bert") && $0.name != "bert-pooled" }

  @Test("logits and scores are transformers'", arguments: encoders, ComputePrecision.allCases)
  func agrees(_ goldens: FamilyGoldens, _ precision: ComputePrecision) throws {
    let context = ComputeContext(threads: 2, precision: precision)
    let classifier = try SequenceClassifier(try Model(path: goldens.folder), context)
    let sequences = try Self.goldens(goldens.folder + "/goldens.json")["sequences"]?.elements ?? []
    let logits = try classifier.logits(sequences.compactMap { $0["text"]?.string })
    let tolerance = precision == .f32 ? 1e-5 : 2e-2
    #expect(relativeError(logits.joined().map(\.self), try goldens.tensor("logits")) < tolerance)
    for (found, sequence) in zip(logits, sequences) {
      let scores = sequence["scores"]?.elements.compactMap(\.double) ?? []
      #expect(scores.count == classifier.labels.count)
      for (score, expected) in zip(classifier.scores(found), scores) {
        #expect(abs(score - expected) < tolerance * max(1, abs(expected)))
      }
    }
  }

  @Test("labels and what they mean come from the configuration")
  func labels() throws {
    func classifier(_ name: String, _ config: [String: JSON] = [:]) throws -> SequenceClassifier {
      let copy = try ModelCopy(name)
      try copy.configure(config)
      return try SequenceClassifier(try Model(path: copy.path), Self.context)
    }
    let bert = try classifier("bert")
    #expect(bert.labels == ["calm", "odd", "rude"] && bert.scoring == .softmax)
    #expect(try classifier("distilbert").scoring == .sigmoid)
    #expect(try classifier("roberta-regression").scoring == .identity)
    #expect(try classifier("roberta-regression", ["problem_type": .null]).scoring == .sigmoid)
    let unnamed = try classifier("bert", ["id2label": .null, "num_labels": 3])
    #expect(unnamed.labels == ["LABEL_0", "LABEL_1", "LABEL_2"])
  }

  @Test("more texts than go through together come back in their order, each as alone")
  func batches() throws {
    let copy = try ModelCopy("bert")
    let classifier = try SequenceClassifier(try Model(path: copy.path), Self.context)
    let kinds = ["a", "Hello", "Hello there", "Hell", String(repeating: "rude ", count: 30)]
    let alone = try kinds.map { try classifier.logits([$0])[0] }
    // Together about 100,000 tokens.
    let texts = (0..<8000).map { $0 % kinds.count }
    var calls: [Int] = []
    let found = try classifier.logits(
      texts.map { kinds[$0] },
      progress: { completed, total in
        #expect(completed <= total)
        calls.append(completed)
      })
    #expect(found.count == texts.count && calls == calls.sorted())
    for (found, kind) in zip(found, texts) { #expect(relativeError(found, alone[kind]) < 1e-6) }
  }

  @Test(
    "caikit-tiny's BERT, a torch file, gives transformers' ids and logits",
    .enabled(if: FileManager.default.fileExists(atPath: caikit), "../shared/data is absent"))
  func realClassifier() throws {
    let golden = try Self.goldens(testsFolder.path + "/Fixtures/caikit-bert.json")
    let texts = golden["texts"]?.elements ?? []
    #expect(texts.count == 7)
    let model = try Model(path: caikit)
    let tokenizer = try model.tokenizer()
    let classifier = try SequenceClassifier(model, Self.context)
    #expect(classifier.labels == golden["labels"]?.elements.compactMap(\.string))
    #expect(classifier.scoring == .softmax)
    let logits = try classifier.logits(texts.compactMap { $0["text"]?.string })
    var worst = 0.0
    for (found, text) in zip(logits, texts) {
      let ids = try tokenizer.encode(text["text"]?.string ?? "", limit: 512)
      #expect(ids == text["ids"]?.elements.compactMap { $0.int.map(Int32.init) })
      let expected = text["logits"]?.elements.compactMap(\.double) ?? []
      let scores = text["scores"]?.elements.compactMap(\.double) ?? []
      try #require(expected.count == 2 && scores.count == 2)
      for label in 0..<2 {
        worst = max(worst, abs(Double(found[label]) - expected[label]))
        #expect(abs(classifier.scores(found)[label] - scores[label]) < 1e-6)
      }
    }
    print("caikit-tiny BERT: largest difference of a logit \(worst)")
    // The texts' own logits differ by 1e-5 and more.
    #expect(worst < 1e-6)
  }

  @Test("a model without a head, and a head that does not fit, are refused by name")
  func refusals() throws {
    func refusal(_ copy: ModelCopy) throws -> String {
      let error = #expect(throws: ModelError.self) {
        try SequenceClassifier(try Model(path: copy.path), Self.context)
      }
      return error?.description ?? ""
    }
    #expect(try refusal(try ModelCopy("llama-tied")).contains("no classification head"))
    #expect(try refusal(try ModelCopy("bert-pooled")).contains("tensor \"classifier.weight\" is missing"))
    let cases: [(config: [String: JSON], words: [String])] = [
      (["id2label": ["0": "calm", "1": "rude"]], ["\"classifier.weight\"", "[3, 32]", "[2, 32]"]),
      (["id2label": ["0": "calm", "1": "odd", "3": "rude"]], ["\"id2label\"", "\"3\""]),
      (["id2label": ["0": "calm", "1": 7]], ["\"id2label\"", "7"]),
      (["id2label": "calm"], ["\"id2label\"", "\"calm\""]),
      (["id2label": [:]], ["\"id2label\""]),
      (["id2label": .null, "num_labels": .int(1 << 28)], ["\"num_labels\" is 268435456"]),
      (["problem_type": "guess"], ["\"problem_type\"", "\"guess\"", "multi_label_classification"]),
      (["is_decoder": true], ["\"is_decoder\""]),
      (["position_embedding_type": "relative_key"], ["\"position_embedding_type\"", "absolute"]),
    ]
    for (config, words) in cases {
      let copy = try ModelCopy("bert")
      try copy.configure(config)
      let message = try refusal(copy)
      for word in words { #expect(message.contains(word), "\(message)") }
    }
  }

  @Test("a text without tokens is named, and so is a weight that is not a number")
  func faults() throws {
    let copy = try ModelCopy("bert")
    var classifier = try SequenceClassifier(try Model(path: copy.path), Self.context)
    let empty = #expect(throws: ModelError.self) { try classifier.logits(["a", ""]) }
    #expect(empty?.reason.contains("text 2 has no tokens") ?? false)
    #expect(try classifier.logits([]).isEmpty)
    try copy.overwrite("bert.pooler.dense.weight", element: 5, with: Float.nan.bitPattern)
    classifier = try SequenceClassifier(try Model(path: copy.path), Self.context)
    let damaged = #expect(throws: ModelError.self) { try classifier.logits(["a"]) }
    #expect(damaged?.reason.contains("tensor \"bert.pooler.dense.weight\" holds NaN") ?? false)
  }

  private static func goldens(_ path: String) throws -> JSONValue {
    try JSONDocument(parsing: try FileSystem.readFile(path, limit: 1 << 20), source: path).root
  }
}
