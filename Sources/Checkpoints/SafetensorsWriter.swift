package import Kernels
package import Storage

/// Writes one safetensors file from its start to its end: the header, then the tensors' bytes as they come.
package struct SafetensorsWriter: ~Copyable {
  /// What the header declares about a tensor.
  package struct Tensor: Sendable {
    /// Its name.
    package let name: String
    /// How its elements are stored; a plain type.
    package let type: ElementType
    /// Its dimensions, outermost first.
    package let shape: [Int]

    /// Declares a tensor.
    package init(name: String, type: ElementType, shape: [Int]) {
      self.name = name
      self.type = type
      self.shape = shape
    }
  }

  /// The tensors in the order in which their bytes must be appended.
  package let tensors: [Tensor]
  private let writer: FileWriter
  private let byteCounts: [Int]
  private var current = 0
  private var written = 0

  /// Writes a new header for `tensors` and `metadata` to `writer`.
  ///
  /// The tensors are laid out by element size, largest first, and otherwise as given, which keeps every one
  /// aligned; the header is padded to a multiple of eight bytes for the same reason.
  /// Throws when a name occurs twice, a type or shape cannot be written, or the system refuses.
  package init(
    _ writer: FileWriter, tensors: [Tensor], metadata: [(key: String, value: String)] = []
  ) throws(CheckpointError) {
    let order = tensors.indices.sorted {
      (tensors[$1].type.blockBytes, $0) < (tensors[$0].type.blockBytes, $1)
    }
    let tensors = order.map { tensors[$0] }
    var members: [(key: String, value: JSON)] = []
    if !metadata.isEmpty {
      members.append(("__metadata__", .object(metadata.map { ($0.key, .string($0.value)) })))
    }
    var names: Set<String> = ["__metadata__"]
    var counts: [Int] = []
    var end = 0
    for tensor in tensors {
      let subject = "tensor \"\(tensor.name)\""
      guard names.insert(tensor.name).inserted else {
        throw CheckpointError(path: writer.path, subject: subject, reason: "this name cannot be used twice")
      }
      guard !tensor.type.isQuantized, let elements = TensorEntry.elementCount(of: tensor.shape),
        let count = tensor.type.byteCount(elements: elements),
        end <= .max - count - SafetensorsHeader.byteLimit
      else {
        throw CheckpointError(
          path: writer.path, subject: subject,
          reason: "\(tensor.type.name) with shape \(tensor.shape) cannot be written in this format")
      }
      members.append(
        (
          tensor.name,
          .object([
            ("dtype", .string(tensor.type.name)),
            ("shape", .array(tensor.shape.map { .int($0) })),
            ("data_offsets", .array([.int(end), .int(end + count)])),
          ])
        ))
      counts.append(count)
      end += count
    }
    var text = Array(JSON.object(members).serialized().utf8)
    text += Array(repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
    try self.init(writer, tensors: tensors, byteCounts: counts, text: text)
  }

  /// Writes `header` to `writer` byte by byte as it was read, for a file with the same tensors.
  package init(_ writer: FileWriter, repeating header: SafetensorsHeader) throws(CheckpointError) {
    try self.init(
      writer, tensors: header.entries.map { Tensor(name: $0.name, type: $0.type, shape: $0.shape) },
      byteCounts: header.entries.map(\.bytes.count), text: header.text)
  }

  private init(
    _ writer: FileWriter, tensors: [Tensor], byteCounts: [Int], text: [UInt8]
  ) throws(CheckpointError) {
    self.writer = writer
    self.tensors = tensors
    self.byteCounts = byteCounts
    try CheckpointError.wrapping {
      try writer.reserve(byteCounts.reduce(8 + text.count, +))
      try writer.write((0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) })
      try writer.write(text)
    }
  }

  /// Appends some bytes of the tensor `name`: all of it, or the next part.
  ///
  /// Tensors come in the order of `tensors`, each complete before the next begins; anything else is the
  /// programmer's error. Throws when the system refuses to write.
  package mutating func append(_ bytes: UnsafeRawBufferPointer, to name: String) throws(CheckpointError) {
    skipComplete(upTo: name)
    precondition(
      current < tensors.count && tensors[current].name == name
        && written + bytes.count <= byteCounts[current],
      "\(name) is not the next tensor, or has too many bytes")
    try CheckpointError.wrapping { try unsafe writer.write(bytes) }
    written += bytes.count
  }

  /// Appends the bytes of `range` of the file at `path` as all of the tensor `name`, inside the kernel where it can.
  ///
  /// As ``append(_:to:)`` otherwise.
  package mutating func copy(_ range: Range<Int>, of path: String, to name: String) throws(CheckpointError) {
    skipComplete(upTo: name)
    precondition(
      current < tensors.count && tensors[current].name == name && written == 0
        && range.count == byteCounts[current],
      "\(name) is not the next tensor, or has another size")
    try CheckpointError.wrapping { try writer.copy(range, of: path) }
    written += range.count
  }

  /// Ends the file and forces it onto the disk.
  ///
  /// Every tensor must be complete.
  package consuming func finish() throws(CheckpointError) {
    skipComplete(upTo: nil)
    precondition(current == tensors.count, "\(tensors[min(current, tensors.count - 1)].name) is not complete")
    try CheckpointError.wrapping { try writer.finish() }
  }

  /// Moves on from tensors that have all their bytes, empty ones included, but never past `name`.
  private mutating func skipComplete(upTo name: String?) {
    while current < tensors.count, written == byteCounts[current], tensors[current].name != name {
      current += 1
      written = 0
    }
  }
}
