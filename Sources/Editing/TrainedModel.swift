internal import Checkpoints
package import Storage
package import Transformer

/// Writes a model whose weights, or adapters beside them, were trained in memory.
package struct TrainedModel {
  /// Name of the file that tells of the training step by step.
  static let recordName = "profs-training.json"

  private let base: Model
  private let model: Model
  private let output: OutputFormat
  private let changed: Set<String>
  private let layout: OutputLayout

  /// Plans the output of trained weights: the base's files with the weights as they are now, in the types of the base; of a
  /// GGUF file a folder.
  ///
  /// - Parameters:
  ///   - base: the model as it was read.
  ///   - model: the same with its weights as they are now.
  ///   - changed: names of the tensors that may differ.
  package init(_ base: Model, trained model: Model, changed: Set<String>) throws {
    (self.base, self.model, self.changed, output) = (base, model, changed, .checkpoint)
    layout = try OutputLayout(base, trained: model, changed: changed)
  }

  /// Plans the output of trained adapters, in PEFT's format.
  ///
  /// - Throws: ``EditingError`` where `base` is a GGUF file, whose matrices PEFT has otherwise.
  package init(_ base: Model, adapters: AdapterValues) throws {
    (self.base, model, output) = (base, base, .lora)
    changed = Set(adapters.layout.parameters.map(\.name))
    layout = try OutputLayout(base, adapters: adapters)
  }

  /// Writes the folder `path`, with receipt and model card, complete or not at all.
  ///
  /// - Parameters:
  ///   - provenance: how and on what it was trained.
  ///   - record: what `profs-training.json` is to say.
  package func write(
    to path: String, _ provenance: TrainingReceipt.Provenance, record: JSON, progress: ProgressHandler? = nil
  ) throws -> TrainingReceipt {
    let folder = try OutputFolder(path)
    do {
      var digest = Digest()
      let pool = DigestPool(threads: 1)
      defer { pool.close() }
      let sources = try layout.sourceFiles.map { path in
        let file = try MappedFile(path: path)
        return (name: FileSystem.lastComponent(of: path), digest: pool.add(file, 0..<file.byteCount))
      }
      let tensors = try layout.write(model, into: folder, nil, hashing: &digest, pool, progress: progress)
      let digests = try pool.wait()
      var receipt = TrainingReceipt(
        version: profsVersion, output: output, baseName: FileSystem.lastComponent(of: base.path),
        baseFiles: sources.map { Receipt.File(name: $0.name, digest: digests[$0.digest]) },
        modelDigest: try base.identityDigest(), provenance: provenance, tensors: tensors,
        trained: Set(trainedNames))
      try folder.writeFile(Self.recordName, Array((record.serialized(pretty: true) + "\n").utf8))
      try folder.writeFile(Receipt.cardName, Array(TrainingCard(receipt).text.utf8))
      receipt.files =
        try layout.writtenFiles(base, in: folder)
        + [Self.recordName, Receipt.cardName].map { try Receipt.OutputFile($0, in: folder) }
      try folder.writeFile(Receipt.fileName, Array(receipt.serialized().utf8))
      try folder.commit()
      return receipt
    } catch {
      folder.discard()
      throw error
    }
  }

  /// Names in the output of the tensors that were trained: of an adapter all.
  private var trainedNames: [String] {
    layout.files.flatMap(\.tensors).compactMap { tensor in
      guard let tensor = tensor as? CheckpointTensor else { return tensor.name }
      return changed.contains(tensor.source.name) ? tensor.name : nil
    }
  }
}
