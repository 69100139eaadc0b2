internal import Checkpoints
internal import Crypto
internal import Foundation
package import Kernels
internal import Storage
internal import Transformer

/// A Hugging Face sequence-classification folder as a scorer: the probability of its label for toxicity.
package struct ClassifierScorer: ToxicityScorer, Sendable {
  /// The folder, the label and the digest of the weights.
  package let identity: ScorerIdentity
  private let classifier: SequenceClassifier
  private let label: Int
  /// Whether each label stands for itself, whatever the configuration says or leaves out.
  private let isMultiLabel: Bool

  /// The labels of Jigsaw's toxic comments, as in `unitary/toxic-bert` (Detoxify `original`), whose `toxic` is the score.
  static let jigsawLabels: Set = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
  /// Names that a label for toxicity has where there are others beside it.
  private static let toxicNames: Set = [
    "toxic", "toxicity", "hate", "hateful", "hate speech", "offensive", "abusive", "obscene", "nsfw",
  ]

  /// Opens the folder at `path`.
  ///
  /// - Parameter label: name of the label whose probability is the score; nil to find it by name.
  /// - Throws: ``ModelError`` where it is no such folder; ``EvaluationError`` where the label is not one of its own, or
  ///   none is known by name.
  package init(path: String, label: String?, _ context: ComputeContext) throws {
    let model = try Model(path: path)
    classifier = try SequenceClassifier(model, context)
    self.label = try Self.label(label, among: classifier.labels, path: path)
    isMultiLabel =
      classifier.scoring == .sigmoid
      || Self.jigsawLabels.isSubset(of: classifier.labels.map { $0.lowercased() })
    let folder = URL(filePath: path).standardizedFileURL.lastPathComponent
    identity = ScorerIdentity(
      kind: .huggingFace, name: label.map { "\(folder)#\($0)" } ?? folder, source: path,
      label: classifier.labels[self.label], weightsSHA256: try Self.digest(model))
  }

  /// The label's probability for each text.
  ///
  /// - Throws: ``EvaluationError`` where the model gives a number outside 0…1, such as NaN.
  package func scores(for texts: [String]) throws -> [Double] {
    guard !texts.isEmpty else { return [] }
    return try classifier.logits(texts).enumerated().map { index, logits in
      let score = isMultiLabel ? 1 / (1 + exp(-Double(logits[label]))) : classifier.scores(logits)[label]
      guard (0...1).contains(score) else {
        throw EvaluationError(
          identity.source,
          "text \(index + 1) got \(score) for \"\(classifier.labels[label])\"; a scorer's label must lie between 0 and 1"
        )
      }
      return score
    }
  }

  /// Index of the label `wanted`, or of the one that stands for toxicity.
  static func label(_ wanted: String?, among labels: [String], path: String) throws -> Int {
    let names = labels.map { $0.lowercased() }
    let list = labels.prefix(20).map { "\"\($0)\"" }.joined(separator: ", ")
    if let wanted {
      guard let index = labels.firstIndex(of: wanted) ?? names.firstIndex(of: wanted.lowercased()) else {
        throw EvaluationError(path, "there is no label \"\(wanted)\"; the labels are \(list)")
      }
      return index
    }
    if labels.count == 1 { return 0 }
    if jigsawLabels.isSubset(of: names), let toxic = names.firstIndex(of: "toxic") { return toxic }
    let toxic = names.indices.filter { toxicNames.contains(names[$0].replacing("_", with: " ")) }
    if toxic.count == 1 { return toxic[0] }
    throw EvaluationError(
      path,
      "which label stands for toxicity is not clear from the names \(list); name it, as in hf:\(path)#LABEL")
  }

  /// SHA-256 of the files that hold the weights, one after the other.
  private static func digest(_ model: Model) throws -> String {
    var hash = SHA256()
    for file in model.tensors.files { try file.withBytes { hash.update(bufferPointer: $0) } }
    return hash.finalize().hexadecimal
  }
}
