internal import Checkpoints
internal import Foundation
package import Kernels
internal import Storage
internal import Tokenization

/// An encoder with a classification head: from texts to one logit for each label.
///
/// Each text gets the special tokens of the model's tokenizer and is cut at the model's number of positions, as
/// transformers does it with `truncation=True`. Texts are packed without padding.
package struct SequenceClassifier: Sendable {
  /// What makes scores of logits.
  package enum Scoring: String, Sendable {
    /// The labels exclude each other: softmax.
    case softmax
    /// Each label for itself: the logistic function.
    case sigmoid
    /// The logits are the scores: regression.
    case identity
  }

  /// The labels' names, in the order of the logits.
  package let labels: [String]
  /// What `problem_type` says; without it softmax, or the logistic function where there is one label.
  package let scoring: Scoring
  private let model: Model
  private let context: ComputeContext
  private let tokenizer: Tokenizer
  private let dense: Linear
  private let output: Linear

  /// Tokens that go through the blocks together: they bound the memory, and make re-reading the weights cheap.
  private static let batchTokens = 1 << 16

  /// A linear layer held in f32.
  private struct Linear: Sendable {
    /// `[outputs, inputs]`.
    var weight: [Float]
    var bias: [Float]?
  }

  /// Reads the head of `model`.
  ///
  /// - Throws: ``ModelError`` where the checkpoint has none.
  package init(_ model: Model, _ context: ComputeContext) throws {
    func linear(_ role: WeightRole) throws -> Linear {
      guard let weight = model.entry(role) else {
        let name = model.tensorName(role).map { ", tensor \"\($0)\" is missing" } ?? ""
        throw ModelError(
          model.path,
          "\(model.family.name) has no classification head here\(name); give a …ForSequenceClassification folder"
        )
      }
      return Linear(
        weight: try model.tensors.floats(weight),
        bias: try model.entry(role, part: .bias).map { try model.tensors.floats($0) })
    }
    self.model = model
    self.context = context
    dense = try linear(.classifierDense)
    output = try linear(.classifier)
    labels = model.configuration.labels
    switch model.config["problem_type"] {
    case .string("regression")?: scoring = .identity
    case .string("multi_label_classification")?: scoring = .sigmoid
    case .string("single_label_classification")?, .null?, nil:
      scoring = labels.count == 1 ? .sigmoid : .softmax
    case let value?:
      throw ModelError(
        model.path,
        "\"problem_type\" is \(value.serialized()); supported: regression, single_label_classification, "
          + "multi_label_classification")
    }
    tokenizer = try model.tokenizer()
  }

  /// One logit for each label, for each text.
  ///
  /// - Throws: ``ModelError`` for a text without tokens, or a result that is not finite.
  package func logits(_ texts: [String], progress: ProgressHandler? = nil) throws -> [[Float]] {
    let limit = model.configuration.maximumPositions
    let tokens = try texts.map { try tokenizer.encode($0, limit: limit) }
    if let empty = tokens.firstIndex(where: \.isEmpty) {
      throw ModelError(model.path, "text \(empty + 1) has no tokens, so it has no label")
    }
    let total = tokens.reduce(0) { $0 + $1.count } * model.configuration.blocks
    var completed = 0
    var result: [[Float]] = []
    var first = 0
    while first < tokens.count {
      var end = first
      var size = 0
      while end < tokens.count, end == first || size + tokens[end].count <= Self.batchTokens {
        size += tokens[end].count
        end += 1
      }
      result += try logits(Array(tokens[first..<end])) { done, _ in progress?(completed + done, total) }
      completed += size * model.configuration.blocks
      first = end
    }
    return result
  }

  /// The logits' scores, as transformers' text-classification pipeline gives them.
  package func scores(_ logits: [Float]) -> [Double] {
    let logits = logits.map(Double.init)
    switch scoring {
    case .identity: return logits
    case .sigmoid: return logits.map { 1 / (1 + exp(-$0)) }
    case .softmax:
      let largest = logits.max() ?? 0
      let powers = logits.map { exp($0 - largest) }
      let sum = powers.reduce(0, +)
      return powers.map { $0 / sum }
    }
  }

  /// The logits of texts that go through the blocks together.
  private func logits(_ tokens: [[Int32]], progress: @escaping ProgressHandler) throws -> [[Float]] {
    let last = model.configuration.blocks
    let forest = TokenForest(
      tokens, chunkTokens: ForwardPass.chunkTokens, sharing: model.configuration.isCausal)
    let firstRows = tokens.indices.compactMap { forest.ranges(ofText: $0).first?.lowerBound }
    var result: [[Float]] = []
    try ForwardPass(model, context, forest, outputRows: firstRows).run(
      throughBlock: last, progress: progress,
      afterBlock: { block, stream in
        guard block == last else { return }
        result = try head(try stream.gathered(firstRows))
      })
    guard result.allSatisfy({ $0.allSatisfy(\.isFinite) }) else {
      throw try model.explainNonFinite(throughBlock: last)
    }
    return result
  }

  /// output · act(dense · row), for each row.
  private func head(_ rows: ResidualStream) throws -> [[Float]] {
    let hidden = try apply(dense, rows, outputs: rows.width)
    try hidden.withRows {
      model.configuration.classifierActivation.apply(
        context, $0, rows: hidden.rows, width: hidden.width, to: $0, .f32)
    }
    let logits = try apply(output, hidden, outputs: labels.count)
    return try logits.withRows { values in
      (0..<logits.rows).map { row in (0..<labels.count).map { values[row * labels.count + $0] } }
    }
  }

  private func apply(_ layer: Linear, _ rows: ResidualStream, outputs: Int) throws -> ResidualStream {
    let full = ComputeContext(threads: context.threads, precision: .f32, seed: context.seed)
    let result = ResidualStream(rows: rows.rows, width: outputs)
    try rows.withRows { source in
      try result.withRows {
        linear(
          full, source, rows: rows.rows, weight: layer.weight, outputs: outputs, inputs: rows.width, into: $0)
        if let bias = layer.bias {
          addBias(full, bias, to: $0, rows: rows.rows, width: outputs, stride: outputs)
        }
      }
    }
    return result
  }
}
