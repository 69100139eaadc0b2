import Storage

/// One safetensors file.
package struct SafetensorsFile: Sendable {
  /// What the file says about its tensors, and its text.
  package let header: SafetensorsHeader
  /// The tensors.
  package let tensors: TensorStore

  /// The strings under `__metadata__`, in file order.
  package var metadata: [(key: String, value: String)] { header.metadata }

  /// Maps the file and reads its header.
  ///
  /// Throws when there is anything wrong with either.
  package init(path: String) throws(CheckpointError) {
    let file = try CheckpointError.wrapping { try MappedFile(path: path) }
    header = try SafetensorsHeader(of: file, index: 0)
    tensors = try TensorStore(files: [file], entries: header.entries)
  }
}
