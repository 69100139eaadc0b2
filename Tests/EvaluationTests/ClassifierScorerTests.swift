import Checkpoints
import Evaluation
import Foundation
import Kernels
import Storage
import Testing

/// Hugging Face classifiers as scorers: transformers' probabilities, of the right label.
@Suite("Classifiers as scorers")
struct ClassifierScorerTests {
  private static let context = ComputeContext(threads: 2, precision: .f32)
  private static let fixtures = PerplexityTests.root.appending(path: "Tests/TransformerTests/Fixtures").path
  private static let caikit = PerplexityTests.root.appending(
    path: "../shared/data/models/caikit-tiny/BertForSequenceClassification"
  ).standardizedFileURL.path

  /// What transformers gives for a fixture's texts, by label.
  private static func goldens(_ name: String) throws -> (texts: [String], scores: [[Double]]) {
    let sequences = try #require(
      try PerplexityTests.json("TransformerTests/Fixtures/\(name)/goldens.json")["sequences"]
    ).elements
    return (
      sequences.compactMap { $0["text"]?.string }, sequences.map { $0["scores"]?.doubles ?? [] }
    )
  }

  /// A copy of a fixture with members of `config.json` set, null removing one.
  private static func copy(
    _ name: String, _ members: [String: JSON], in files: TemporaryFiles, as copy: String = "classifier"
  ) throws -> String {
    let folder = try files.copy(fixtures + "/" + name, copy)
    let file = folder + "/config.json"
    let document = try JSONDocument(parsing: try FileSystem.readFile(file, limit: 1 << 20), source: file)
    guard case .object(var config) = JSON(document.root) else { return folder }
    for (key, value) in members { config[key] = value == .null ? nil : value }
    try Data(JSON.object(config).serialized().utf8).write(to: URL(filePath: file))
    return folder
  }

  @Test("the score is transformers' probability of the label, by softmax or each for itself")
  func goldens() throws {
    for (name, labels) in [("bert", ["calm", "odd", "rude"]), ("distilbert", ["odd", "rude", "loud"])] {
      let (texts, expected) = try Self.goldens(name)
      #expect(texts.count > 3)
      for (index, label) in labels.enumerated() {
        let scorer = try ClassifierScorer(
          path: Self.fixtures + "/" + name, label: label.uppercased(), Self.context)
        #expect(scorer.identity.label == label && scorer.identity.kind == .huggingFace)
        #expect(scorer.name == "\(name)#\(label.uppercased())")
        for (score, golden) in zip(try scorer.scores(for: texts), expected) {
          #expect(abs(score - golden[index]) < 1e-5)
        }
      }
    }
  }

  @Test(
    "caikit-tiny's BERT gives transformers' probabilities, and each text its own beside others",
    .enabled(if: FileManager.default.fileExists(atPath: caikit), "../shared/data is absent"))
  func realClassifier() throws {
    let golden = try PerplexityTests.json("TransformerTests/Fixtures/caikit-bert.json")
    let records = try #require(golden["texts"]).elements
    let texts = records.compactMap { $0["text"]?.string }
    #expect(texts.count == 7 && texts.contains(""))
    for label in 0...1 {
      let scorer = try ClassifierScorer(path: Self.caikit, label: "LABEL_\(label)", Self.context)
      let scores = try scorer.scores(for: texts)
      for (score, record) in zip(scores, records) {
        #expect(abs(score - (record["scores"]?.doubles ?? [])[label]) < 1e-6)
      }
      for (score, text) in zip(scores, texts) where text.count < 100 {
        #expect(abs(score - (try scorer.scores(for: [text])[0])) < 1e-6)
      }
      #expect(try scorer.scores(for: []).isEmpty)
    }
    // Its labels say nothing.
    let error = #expect(throws: EvaluationError.self) {
      try ClassifierScorer(path: Self.caikit, label: nil, Self.context)
    }
    #expect(error?.reason.contains("\"LABEL_0\", \"LABEL_1\"; name it, as in hf:") ?? false)
  }

  /// A DistilBERT whose six labels are those of toxic-bert, its three rows of weights twice over.
  private static func jigsaw(_ files: TemporaryFiles) throws -> String {
    let labels = ["insult", "severe_toxic", "obscene", "threat", "toxic", "identity_hate"]
    let folder = try copy(
      "distilbert",
      [
        "problem_type": .null,
        "id2label": .object(labels.enumerated().map { (String($0.offset), .string($0.element)) }),
      ], in: files)
    let path = folder + "/model.safetensors"
    let bytes = try [UInt8](Data(contentsOf: URL(filePath: path)))
    let entries = try SafetensorsFile(path: path).tensors.entries
    let doubled: Set = ["classifier.weight", "classifier.bias"]
    let file = try AtomicFile(path, replacing: true)
    var writer = try SafetensorsWriter(
      file.writer,
      tensors: entries.map {
        .init(
          name: $0.name, type: $0.type,
          shape: doubled.contains($0.name) ? [$0.shape[0] * 2] + $0.shape.dropFirst() : $0.shape)
      }, metadata: [("format", "pt")])
    for entry in entries {
      let data = Array(bytes[entry.bytes])
      try (doubled.contains(entry.name) ? data + data : data).withUnsafeBytes {
        try writer.append($0, to: entry.name)
      }
    }
    try writer.finish()
    try file.commit()
    return folder
  }

  @Test("toxic-bert's labels are known by name: its score is that of toxic, each label for itself")
  func toxicBERT() throws {
    let files = try TemporaryFiles()
    let scorer = try ClassifierScorer(path: try Self.jigsaw(files), label: nil, Self.context)
    #expect(scorer.identity.label == "toxic" && scorer.name == "classifier")
    let (texts, expected) = try Self.goldens("distilbert")
    // The label's row is the second of three.
    for (score, golden) in zip(try scorer.scores(for: texts), expected) {
      #expect(abs(score - golden[1]) < 1e-5)
    }
  }

  @Test("the label for toxicity is found among others, or asked for")
  func labels() throws {
    let files = try TemporaryFiles()
    func scorer(_ names: [String], _ label: String? = nil) throws -> ClassifierScorer {
      let ids = JSON.object(names.enumerated().map { (String($0.offset), .string($0.element)) })
      let path = try Self.copy("bert", ["id2label": ids], in: files, as: UUID().uuidString)
      return try ClassifierScorer(path: path, label: label, Self.context)
    }
    for (names, found) in [
      (["neutral", "Toxic", "odd"], "Toxic"), (["neutral", "odd", "TOXICITY"], "TOXICITY"),
      (["hate_speech", "calm", "odd"], "hate_speech"),
    ] { #expect(try scorer(names).identity.label == found) }
    for names in [["a", "b", "c"], ["hate", "offensive", "neither"], ["non-toxic", "calm", "odd"]] {
      let error = #expect(throws: EvaluationError.self) { try scorer(names) }
      #expect(error?.reason.contains("not clear from the names \"\(names[0])\"") ?? false)
    }
    let error = #expect(throws: EvaluationError.self) { try scorer(["a", "b", "c"], "d") }
    #expect(error?.reason == "there is no label \"d\"; the labels are \"a\", \"b\", \"c\"")
    #expect(try scorer(["a", "A", "c"], "A").identity.label == "A")
  }

  @Test("a regression whose output is no probability is refused, with the text's number")
  func regression() throws {
    let folder = Self.fixtures + "/roberta-regression"
    let scorer = try ClassifierScorer(path: folder, label: nil, Self.context)
    let (texts, expected) = try Self.goldens("roberta-regression")
    let outside = try #require(expected.firstIndex { !(0...1).contains($0[0]) })
    let error = #expect(throws: EvaluationError.self) { try scorer.scores(for: texts) }
    #expect(error?.reason.contains("text \(outside + 1) got") ?? false)
  }

  @Test("a scorer's identity holds the digest of its weights")
  func identity() throws {
    let folder = Self.fixtures + "/bert"
    let files = try TemporaryFiles()
    let first = try ClassifierScorer(path: folder, label: "rude", Self.context).identity
    let copied = try Self.copy("bert", [:], in: files)
    #expect(
      try ClassifierScorer(path: copied, label: "rude", Self.context).identity.weightsSHA256
        == first.weightsSHA256)
    #expect(first.weightsSHA256?.count == 64)
    #expect(
      first.json.serialized().hasPrefix(#"{"name":"bert#rude","kind":"hf","source":"#)
        && first.json.serialized().contains(#""label":"rude","weights_sha256":""#))
  }
}
