package import Storage
package import Transformer

/// Writes a model whose weights were changed in memory.
package struct TrainedModel {
  private let model: Model
  private let layout: OutputLayout

  /// Plans the output.
  ///
  /// - Parameters:
  ///   - base: the model as it was read.
  ///   - model: the same with its weights as they are now.
  ///   - changed: names of the tensors that may differ.
  /// - Throws: ``EditingError`` where `base` is no folder of safetensors.
  package init(_ base: Model, trained model: Model, changed: Set<String>) throws {
    self.model = model
    layout = try OutputLayout(base, trained: model, changed: changed)
  }

  /// Writes the folder `path`, complete or not at all: the base's files with the weights as they are now, in the types
  /// of the base.
  ///
  /// - Parameter record: what `profs-training.json` is to say.
  package func write(to path: String, record: JSON, progress: ProgressHandler? = nil) throws {
    let folder = try OutputFolder(path)
    do {
      var digest = Digest()
      let pool = DigestPool(threads: 1)
      defer { pool.close() }
      _ = try layout.write(model, into: folder, nil, hashing: &digest, pool, progress: progress)
      try folder.writeFile("profs-training.json", Array((record.serialized(pretty: true) + "\n").utf8))
      try folder.commit()
    } catch {
      folder.discard()
      throw error
    }
  }
}
