internal import Checkpoints
internal import Crypto
internal import Storage
package import Transformer

/// What tells the inputs of evaluations apart, so that records are not mixed.
package enum Fingerprint {
  /// Bytes of each end of a tensor that are looked at.
  private static let sampledBytes = 4096

  /// SHA-256 of a model's tensors: name, type and shape of each, and its first and last 4 KiB.
  ///
  /// Tells models apart that differ by an edit or by training, without reading them whole; no proof against somebody
  /// who means to deceive.
  package static func model(_ model: Model) throws -> String {
    var hash = SHA256()
    for entry in model.tensors.entries {
      hash.update(data: Array("\(entry.name) \(entry.type) \(entry.shape)\n".utf8))
      try model.tensors.files[entry.file].withBytes(entry.bytes) { bytes in
        let head = bytes.prefix(sampledBytes)
        let tail = bytes.dropFirst(head.count).suffix(sampledBytes)
        hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: head))
        hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: tail))
      }
    }
    return hash.finalize().hexadecimal
  }

  /// SHA-256 of texts, each with its length.
  package static func texts(_ texts: some Sequence<String>) -> String {
    var hash = SHA256()
    for text in texts {
      hash.update(data: Array("\(text.utf8.count) \(text)".utf8))
    }
    return hash.finalize().hexadecimal
  }

  /// SHA-256 of a file.
  package static func file(_ path: String) throws -> String {
    var hash = SHA256()
    try MappedFile(path: path).withBytes { hash.update(bufferPointer: $0) }
    return hash.finalize().hexadecimal
  }

  /// SHA-256 of token ids, each text with its length.
  package static func tokens(_ texts: [[Int32]]) -> String {
    var hash = SHA256()
    for text in texts {
      hash.update(data: Array("\(text.count) ".utf8))
      text.withUnsafeBytes { hash.update(bufferPointer: $0) }
    }
    return hash.finalize().hexadecimal
  }

  /// SHA-256 of the tokens of windows and of where each begins and ends.
  package static func windows(_ text: TextWindows) -> String {
    var hash = SHA256()
    text.tokens.withUnsafeBytes { hash.update(bufferPointer: $0) }
    for window in text.windows {
      hash.update(
        data: Array("\(window.range.lowerBound) \(window.range.upperBound) \(window.scored)\n".utf8))
    }
    return hash.finalize().hexadecimal
  }

  /// SHA-256 of a task's questions: contexts, candidates and the right answers.
  package static func task(_ set: TaskSet) -> String {
    texts(
      set.items.flatMap { item in
        item.candidates.flatMap { [$0.context, $0.continuation] } + [String(item.gold)]
      })
  }
}
