import Evaluation
import Foundation
import Kernels
import Storage
import Testing
import Tokenization
import Transformer

/// Perplexity against sums that PyTorch takes over transformers' logits.
@Suite("Perplexity")
struct PerplexityTests {
  static let context = ComputeContext(threads: 2, precision: .f32)
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  static let smolLM2 = root.appending(path: ".models/SmolLM2-135M-Instruct.Q4_1.gguf").path
  static let gemma = root.appending(path: ".models/gemma-3-270m-q4_k_m.gguf").path

  static func json(_ path: String) throws -> JSONValue {
    try JSONDocument(
      parsing: try FileSystem.readFile(root.appending(path: "Tests/" + path).path, limit: 1 << 20),
      source: path
    ).root
  }

  static func model(_ name: String) throws -> Model {
    try Model(path: root.appending(path: "Tests/TransformerTests/Fixtures/" + name).path)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var model: String
    var text: String
    var window: Int
    var stride: Int
    var loss: Double
    var tokens: Int
    var testDescription: String { "\(model), window \(window), stride \(stride)" }
  }

  static func cases() throws -> [Case] {
    let golden = try json("EvaluationTests/Fixtures/tiny-perplexity.json")
    return try (golden["cases"]?.elements ?? []).map { value in
      Case(
        model: try #require(value["model"]?.string), text: try #require(golden["text"]?.string),
        window: try #require(value["window"]?.int), stride: try #require(value["stride"]?.int),
        loss: try #require(value["nll"]?.double), tokens: try #require(value["tokens"]?.int))
    }
  }

  @Test("sums of losses over windows of all kinds are the reference's", arguments: try cases())
  func agrees(_ test: Case) throws {
    let model = try Self.model(test.model)
    let found = try Perplexity(
      model, Self.context, tokens: try model.tokenizer().encode(test.text), length: test.window,
      stride: test.stride)
    #expect(found.tokens == test.tokens)
    #expect(abs(found.negativeLogLikelihood / test.loss - 1) < 1e-5)
    #expect(found.meanLoss == found.negativeLogLikelihood / Double(found.tokens))
    #expect(abs(log(found.perplexity) - found.meanLoss) < 1e-12)
  }

  @Test("weighted by windows, a short last window counts as much as a long one")
  func windowWeighting() throws {
    let test = try #require(try Self.cases().first)
    let model = try Self.model(test.model)
    let tokens = try model.tokenizer().encode(test.text)
    // Windows side by side are texts of their own.
    let means = try stride(from: 0, to: tokens.count, by: 40).map { start in
      let window = Array(tokens[start..<min(start + 40, tokens.count)])
      return try Perplexity(model, Self.context, tokens: window, length: 64, stride: 64).meanLoss
    }
    #expect(means.count == 3 && tokens.count % 40 != 0)
    let found = try Perplexity(
      model, Self.context, tokens: tokens, length: 40, stride: 40, weighting: .windows)
    #expect(abs(found.meanLoss - means.reduce(0, +) / 3) < 1e-6)
    #expect(abs(log(found.perplexity) - found.meanLoss) < 1e-12)
  }

  @Test(
    "windows score each token once, and the last ends with the text", arguments: 2...40,
    [(8, 8), (8, 3), (9, 1)])
  func windows(tokens: Int, shape: (length: Int, stride: Int)) throws {
    let text = try TextWindows(
      [Array(repeating: 5, count: tokens)], length: shape.length, stride: shape.stride)
    let windows = text.windows
    #expect(windows.reduce(0) { $0 + $1.scored } == tokens)
    #expect(windows.last?.range.upperBound == tokens)
    for (index, window) in windows.enumerated() {
      #expect(window.range.lowerBound == index * shape.stride)
      #expect(window.range.count <= shape.length && window.scored >= 1 && window.scored <= window.range.count)
    }
  }

  @Test("several texts are scored each by itself, and those of one token left out")
  func severalTexts() throws {
    let test = try #require(try Self.cases().first)
    let model = try Self.model(test.model)
    let text = try model.tokenizer().encode(test.text)
    let parts = [Array(text[..<40]), [5], Array(text[40..<51])]
    let together = try Perplexity(model, Self.context, TextWindows(parts, length: 16, stride: 8))
    let alone = try [parts[0], parts[2]].map {
      try Perplexity(model, Self.context, tokens: $0, length: 16, stride: 8)
    }
    #expect(together.tokens == 39 + 10)
    let sum = alone.reduce(0) { $0 + $1.negativeLogLikelihood }
    #expect(abs(together.negativeLogLikelihood / sum - 1) < 1e-6)
  }

  @Test("progress rises to its total")
  func progress() throws {
    let test = try #require(try Self.cases().first)
    let model = try Self.model(test.model)
    var calls: [Int] = []
    var last = 0
    _ = try Perplexity(
      model, Self.context, tokens: try model.tokenizer().encode(test.text), length: 32, stride: 16,
      progress: { completed, total in
        calls.append(completed)
        last = total
      })
    #expect(calls == calls.sorted() && calls.count > 3)
    #expect(calls.last == last)
  }

  @Test(
    "too short a text, and windows that cannot be, are refused",
    arguments: [(1, 1), (8, 0), (8, 9), (0, 0), (8, -1)])
  func refusals(length: Int, stride: Int) throws {
    let model = try Self.model("llama-tied")
    #expect(throws: EvaluationError.self) {
      try Perplexity(model, Self.context, tokens: [5, 6, 7], length: length, stride: stride)
    }
    for tokens: [Int32] in [[], [5]] {
      #expect(throws: EvaluationError.self) {
        try Perplexity(model, Self.context, tokens: tokens, length: 8, stride: 8)
      }
    }
    #expect(throws: ModelError.self) {
      try Perplexity(model, Self.context, tokens: Array(repeating: 5, count: 200), length: 129, stride: 129)
    }
  }

  @Test(
    "SmolLM2 on the neutral text: the loss is transformers' to 0.05 %",
    .enabled(if: FileManager.default.fileExists(atPath: smolLM2), "the SmolLM2 GGUF is absent: make models"),
    arguments: ComputePrecision.allCases)
  func smolLM2Agrees(_ precision: ComputePrecision) throws {
    let golden = try Self.json("TransformerTests/Fixtures/smollm2/perplexity.json")
    let text = try #require(golden["texts"]?["neutral"])
    let bytes = try FileSystem.readFile(
      Self.root.appending(path: try #require(text["file"]?.string)).path, limit: 1 << 20)
    #expect(bytes.count == text["bytes"]?.int, "the text is not the one that the golden was made from")
    let model = try Model(path: Self.smolLM2)
    let found = try Perplexity(
      model, ComputeContext(threads: 2, precision: precision),
      tokens: try model.tokenizer().encode(String(decoding: bytes, as: UTF8.self)),
      length: try #require(golden["window"]?.int), stride: try #require(golden["stride"]?.int))
    let expected = try #require(text["nll"]?.double)
    let error = abs(found.negativeLogLikelihood / expected - 1)
    print("SmolLM2 perplexity, \(precision): \(found.perplexity), relative error of the loss \(error)")
    #expect(found.tokens == text["tokens"]?.int)
    #expect(error < (precision == .f32 ? 5e-4 : 2e-3))
  }

  @Test(
    "Gemma 3 270M on the neutral text: ids and loss are transformers', the loss to 0.02 %",
    .enabled(
      if: FileManager.default.fileExists(atPath: gemma), "Gemma is absent: Scripts/fetch-models.py gemma"))
  func gemmaAgrees() throws {
    let golden = try Self.json("EvaluationTests/Fixtures/gemma-perplexity.json")
    let text = try FileSystem.readFile(
      Self.root.appending(path: try #require(golden["text"]?.string)).path, limit: 1 << 20)
    let model = try Model(path: Self.gemma)
    let ids = (golden["ids"]?.elements ?? []).compactMap { $0.int.map(Int32.init) }
    let tokens = Array(try model.tokenizer().encode(String(decoding: text, as: UTF8.self)).prefix(ids.count))
    #expect(tokens == ids)
    let found = try Perplexity(
      model, Self.context, tokens: tokens, length: try #require(golden["window"]?.int),
      stride: try #require(golden["stride"]?.int))
    let expected = try #require(golden["perplexity"]?.double)
    print("Gemma 3 270M perplexity: \(found.perplexity), transformers \(expected)")
    #expect(found.tokens == golden["tokens"]?.int)
    #expect(abs(found.meanLoss / log(expected) - 1) < 2e-4)
  }
}

extension Perplexity {
  /// Of one text.
  fileprivate init(
    _ model: Model, _ context: ComputeContext, tokens: [Int32], length: Int, stride: Int,
    weighting: Weighting = .tokens, progress: ProgressHandler? = nil
  ) throws {
    let text = try TextWindows([tokens], length: length, stride: stride)
    try self.init(model, context, text, weighting: weighting, progress: progress)
  }
}
