package import Storage

/// `profs.json` of a trained model: what it was trained from, how and on what, and what each of its tensors must be.
///
/// Like the ``Receipt`` of an edit it holds no date and no path, and ends in the SHA-256 of itself.
package struct TrainingReceipt: Sendable {
  /// What `format` says in it.
  static let format = "profs-training"

  /// Pairs, as tokens.
  package struct Pairs: Sendable {
    /// How many.
    package var count: Int
    /// SHA-256 of their tokens.
    package var digest: String

    /// - Parameter texts: token ids of both sides of each pair, each side after the index of its response's first token.
    package init(count: Int, texts: [[Int32]]) {
      (self.count, digest) = (count, SubspaceFitting.digest(texts))
    }
  }

  /// How, and on what.
  package struct Provenance: Sendable {
    /// What is minimised: `dpo` or `ipo`.
    package var method: String
    /// What was trained, as a sentence without its end.
    package var trained: String
    /// Steps that were taken to the weights that are written.
    package var steps: Int
    /// All settings of the run, by name.
    package var settings: [(key: String, value: JSON)]
    /// What was trained on.
    package var pairs: Pairs
    /// What was only looked at.
    package var validation: Pairs

    /// A training from its parts.
    package init(
      method: String, trained: String, steps: Int, settings: [(key: String, value: JSON)], pairs: Pairs,
      validation: Pairs
    ) {
      (self.method, self.trained, self.steps) = (method, trained, steps)
      (self.settings, self.pairs, self.validation) = (settings, pairs, validation)
    }
  }

  /// The version of the software that wrote it.
  var version: String
  /// What was written: a checkpoint or an adapter.
  package let output: OutputFormat
  /// The base model's name: its folder's or file's.
  package let baseName: String
  /// The files of weights that were read.
  let baseFiles: [Receipt.File]
  /// Identifies the base whatever its file format.
  let modelDigest: String
  /// How it was trained, and on what.
  package let provenance: Provenance
  /// Every tensor of the output, in file order.
  let tensors: [Receipt.Tensor]
  /// Names of the tensors that were trained.
  let trained: Set<String>
  /// The files around the tensors.
  var files: [Receipt.OutputFile] = []

  /// The text of `profs.json`.
  func serialized() -> String {
    func pairs(_ pairs: Pairs) -> JSON { ["count": .int(pairs.count), "sha256": .string(pairs.digest)] }
    let members: [(key: String, value: JSON)] = [
      ("format", .string(Self.format)), ("version", 1), ("profs", .string(version)),
      ("output", .string(output.rawValue)),
      (
        "base",
        [
          "name": .string(baseName),
          "files": .array(baseFiles.map { ["name": .string($0.name), "sha256": .string($0.digest)] }),
          "model_sha256": .string(modelDigest),
        ]
      ),
      ("training", .object(provenance.settings)), ("steps", .int(provenance.steps)),
      ("pairs", pairs(provenance.pairs)), ("validation", pairs(provenance.validation)),
      ("files", .array(files.map(\.json))),
      (
        "tensors",
        .array(
          tensors.map { tensor in
            [
              "name": .string(tensor.name), "file": .string(tensor.file), "dtype": .string(tensor.type),
              "shape": .array(tensor.shape.map { .int($0) }), "sha256": .string(tensor.digest),
              "trained": .bool(trained.contains(tensor.name)),
            ]
          })
      ),
    ]
    return Receipt.sealed(
      JSON.object(members + [(Receipt.sealKey, .string(Receipt.unsealed))]).serialized(pretty: true) + "\n")
  }
}
