package import Kernels
internal import Storage

/// A GGUF file to be written: all that comes before the tensors' bytes, and where each tensor's go.
package struct GGUFLayout: Sendable {
  /// A tensor and its place.
  package struct Tensor: Sendable {
    /// Its name.
    package let name: String
    /// How its elements are stored; a type that ggml numbers.
    package let type: ElementType
    /// Its dimensions, outermost first.
    package let shape: [Int]
    /// Where its bytes begin in the file.
    package fileprivate(set) var offset = 0
    /// Bytes of zeros before them.
    package fileprivate(set) var padding = 0

    /// Declares a tensor, whose place is still to be found.
    package init(name: String, type: ElementType, shape: [Int]) {
      self.name = name
      self.type = type
      self.shape = shape
    }

    /// Bytes of its elements.
    var byteCount: Int { type.byteCount(elements: shape.reduce(1, *)) ?? 0 }
  }

  /// The file's beginning, up to the tensors' bytes.
  package let header: [UInt8]
  /// The tensors in the order of their bytes.
  package let tensors: [Tensor]
  /// Bytes of zeros after the last.
  package let finalPadding: Int
  /// Bytes of the whole file.
  package let byteCount: Int

  /// A new file of version 3, its tensors in the order given.
  ///
  /// - Throws: where a name occurs twice, or a tensor cannot be in such a file.
  package init(metadata: GGUFMetadata, tensors: [Tensor], path: String) throws(CheckpointError) {
    try self.init(
      version: 3, metadata: metadata, described: tensors, order: tensors.map(\.name), alignment: 32,
      path: path)
  }

  /// The same file with some tensors stored as other types.
  ///
  /// The metadata stay as they are, byte for byte, and so do the descriptions of tensors but for their types and
  /// offsets. Where the types are the file's own, so are the offsets.
  /// - Parameter types: the new type of each tensor that gets one.
  package init(repeating file: GGUFFile, types: [String: ElementType]) throws {
    let entries = file.tensors.entries
    let described = try file.describedNames.map { name in
      guard let entry = file.tensors[name] else {
        throw CheckpointError(path: file.tensors.files[0].path, reason: "tensor \"\(name)\" is missing")
      }
      return Tensor(name: name, type: types[name] ?? entry.type, shape: entry.shape)
    }
    let isSame = entries.allSatisfy { (types[$0.name] ?? $0.type) == $0.type }
    try self.init(
      version: UInt32(file.version), metadata: GGUFMetadata(of: file), described: described,
      order: entries.map(\.name), alignment: file.alignment, path: file.tensors.files[0].path,
      places: isSame ? entries.map { $0.bytes.lowerBound - file.dataStart } : nil,
      end: isSame ? file.tensors.files[0].byteCount - file.dataStart : nil)
  }

  /// - Parameters:
  ///   - described: the tensors in the order of their descriptions.
  ///   - order: their names in the order of their bytes.
  ///   - places: offsets in that order, counted from where the data begins; as near as the alignment allows where `nil`.
  ///   - end: where the data ends; after the last tensor and what aligns it where `nil`.
  private init(
    version: UInt32, metadata: GGUFMetadata, described: [Tensor], order: [String], alignment: Int,
    path: String,
    places: [Int]? = nil, end: Int? = nil
  ) throws(CheckpointError) {
    var byName: [String: Tensor] = [:]
    for tensor in described {
      guard tensor.type.ggmlNumber != nil, tensor.shape.count <= 4,
        let elements = TensorEntry.elementCount(of: tensor.shape)
      else {
        throw CheckpointError(
          path: path, subject: "tensor \"\(tensor.name)\"",
          reason: "\(tensor.type.name) with shape \(tensor.shape) cannot be written in a GGUF file")
      }
      guard (tensor.shape.last ?? 1) % tensor.type.blockElements == 0,
        tensor.type.byteCount(elements: elements) != nil
      else {
        throw CheckpointError(
          path: path, subject: "tensor \"\(tensor.name)\"",
          reason:
            "rows of \(tensor.shape.last ?? 1) elements cannot be \(tensor.type.name), whose blocks have "
            + "\(tensor.type.blockElements)",
          advice: "choose another type: f16, bf16 and f32 take any row")
      }
      guard byName.updateValue(tensor, forKey: tensor.name) == nil else {
        throw CheckpointError(
          path: path, subject: "tensor \"\(tensor.name)\"", reason: "this name cannot be used twice")
      }
    }
    var tensors = order.compactMap { byName[$0] }
    var next = 0
    for index in tensors.indices {
      tensors[index].offset = places?[index] ?? next
      next = Self.aligned(tensors[index].offset + tensors[index].byteCount, alignment)
      byName[tensors[index].name] = tensors[index]
    }
    var header = Array("GGUF".utf8)
    header.append(littleEndian: version)
    header.append(littleEndian: UInt64(described.count))
    header.append(littleEndian: UInt64(metadata.count))
    header += metadata.bytes
    for tensor in described {
      header.append(string: tensor.name.utf8)
      header.append(littleEndian: UInt32(tensor.shape.count))
      for dimension in tensor.shape.reversed() { header.append(littleEndian: UInt64(dimension)) }
      header.append(littleEndian: tensor.type.ggmlNumber ?? 0)
      header.append(littleEndian: UInt64(byName[tensor.name]?.offset ?? 0))
    }
    header += Array(repeating: 0, count: Self.aligned(header.count, alignment) - header.count)
    var written = header.count
    for index in tensors.indices {
      tensors[index].offset += header.count
      tensors[index].padding = tensors[index].offset - written
      written = tensors[index].offset + tensors[index].byteCount
    }
    self.header = header
    self.tensors = tensors
    byteCount = header.count + (end ?? next)
    finalPadding = byteCount - written
  }

  /// `count` rounded up to whole units.
  private static func aligned(_ count: Int, _ unit: Int) -> Int { (count + unit - 1) / unit * unit }
}
