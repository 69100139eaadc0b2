import Storage

/// A GGUF file: metadata and tensors of a model, version 2 or 3, little-endian.
///
/// | part | content |
/// |---|---|
/// | start | magic `GGUF`, u32 version, u64 number of tensors, u64 number of metadata values |
/// | metadata | each: string key, u32 type, value; a string is a u64 length and its bytes, an array a u32 element type, a u64 count and the elements |
/// | tensors | each: string name, u32 number of dimensions, u64 dimensions (innermost first), u32 type, u64 offset |
/// | data | begins at the next multiple of the alignment (`general.alignment`, 32 without); offsets count from here |
package struct GGUFFile: Sendable {
  /// The format's version, 2 or 3.
  package let version: Int
  /// The metadata in file order.
  package let metadata: [(key: String, value: GGUFValue)]
  /// What the tensor data and every tensor in it are aligned to, in bytes.
  package let alignment: Int
  /// Offset of the tensor data.
  package let dataStart: Int
  /// The tensors, with dimensions outermost first; in a file with only a vocabulary there are none.
  package let tensors: TensorStore
  /// Where the metadata values stand in the file, from the first key to the end of the last value.
  package let metadataBytes: Range<Int>
  /// The tensors' names in the order of their descriptions.
  package let describedNames: [String]
  private let indexByKey: [String: Int]

  /// The metadata value called `key`.
  package subscript(key: String) -> GGUFValue? { indexByKey[key].map { metadata[$0].value } }

  /// Maps the file and reads all but the tensors' bytes and the arrays' elements.
  ///
  /// Throws when the file is not GGUF as above, or of a type or version that cannot be read.
  package init(path: String) throws(CheckpointError) {
    let file = try CheckpointError.wrapping { try MappedFile(path: path) }
    let parsed = try CheckpointError.wrapping {
      try unsafe file.withBytes { bytes in
        var parser = unsafe GGUFParser(bytes, file: file)
        return try parser.parse()
      }
    }
    version = parsed.version
    metadata = parsed.metadata
    indexByKey = parsed.indexByKey
    alignment = parsed.alignment
    dataStart = parsed.dataStart
    metadataBytes = parsed.metadataBytes
    describedNames = parsed.describedNames
    tensors = try TensorStore(files: [file], entries: parsed.entries)
    if let parts = self["split.count"]?.int, parts > 1 {
      throw CheckpointError(
        path: path, subject: "key \"split.count\"", reason: "this is one of \(parts) parts of a model",
        advice: "join them first (llama.cpp: gguf-split --merge)")
    }
  }
}
