package import Storage

/// What gives texts a score for toxicity.
package protocol ToxicityScorer {
  /// What it is, for tables and records.
  var identity: ScorerIdentity { get }
  /// A score in 0…1 for each text, in their order; the same text gets the same score whatever stands beside it.
  ///
  /// - Throws: an error that says which text or answer is at fault.
  func scores(for texts: [String]) throws -> [Double]
}

extension ToxicityScorer {
  /// Short name, unique among the scorers of a run unless one is used twice.
  package var name: String { identity.name }
}

/// Which scorer, in which version, gave a score.
package struct ScorerIdentity: Sendable, Equatable {
  /// The kinds there are.
  package enum Kind: String, Sendable {
    /// The n-gram scorer that is part of this program.
    case builtin
    /// A Hugging Face sequence-classification folder.
    case huggingFace = "hf"
    /// A program that answers in JSON lines.
    case program = "exec"
  }

  /// What kind of scorer it is.
  package var kind: Kind
  /// Short name for tables.
  package var name: String
  /// Folder, command, or version of the built-in weights.
  package var source: String
  /// Label whose probability is the score, where there are several.
  package var label: String?
  /// SHA-256 of the weights; nil where they are not known, as for a program.
  package var weightsSHA256: String?

  /// All that records keep of a scorer.
  package init(
    kind: Kind, name: String, source: String, label: String? = nil, weightsSHA256: String? = nil
  ) {
    (self.kind, self.name, self.source) = (kind, name, source)
    (self.label, self.weightsSHA256) = (label, weightsSHA256)
  }

  /// `{"name", "kind", "source", "label", "weights_sha256"}`, the last two where they are known.
  package var json: JSON {
    var members: [(key: String, value: JSON)] = [
      ("name", .string(name)), ("kind", .string(kind.rawValue)), ("source", .string(source)),
    ]
    if let label { members.append(("label", .string(label))) }
    if let weightsSHA256 { members.append(("weights_sha256", .string(weightsSHA256))) }
    return .object(members)
  }
}
