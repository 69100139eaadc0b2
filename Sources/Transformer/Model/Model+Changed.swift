package import Checkpoints
internal import Kernels
internal import Storage

extension Model {
  /// What becomes of the values of one tensor, in f32 as they are stored, row after row.
  package typealias TensorChange = (_ entry: TensorEntry, _ values: inout [Float]) throws -> Void

  /// The same model with some tensors changed in memory; all others are its own.
  ///
  /// A changed tensor is rounded to the type it had, and in f32 where that was quantised.
  /// - Parameters:
  ///   - changes: each with the tensor it is of; no tensor twice.
  ///   - name: what changed them, for messages.
  package func changed(_ changes: [(entry: TensorEntry, change: TensorChange)], by name: String) throws
    -> Model
  {
    func type(_ entry: TensorEntry) -> ElementType {
      entry.type.isNarrowable && !entry.type.isQuantized ? entry.type : .f32
    }
    func byteCount(_ entry: TensorEntry) -> Int { type(entry).byteCount(elements: entry.elementCount) ?? 0 }
    var offsets: [String: Int] = [:]
    var size = 0
    for (entry, _) in changes {
      offsets[entry.name] = size
      size += (byteCount(entry) + 63) / 64 * 64
    }
    let memory = try MappedFile(zeroedBytes: size, name: "\(name), added to \(path)")
    try memory.withMutableBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      for (entry, change) in changes {
        var values = try tensors.floats(entry)
        try change(entry, &values)
        try values.withUnsafeBufferPointer { values in
          guard let first = values.baseAddress else { return }
          try narrow(type(entry), from: first, count: values.count, to: start + (offsets[entry.name] ?? 0))
        }
      }
    }
    return try withTensors(
      TensorStore(
        files: tensors.files + [memory],
        entries: tensors.entries.map { entry in
          guard let offset = offsets[entry.name] else { return entry }
          return TensorEntry(
            name: entry.name, shape: entry.shape, type: type(entry), file: tensors.files.count,
            bytes: offset..<offset + byteCount(entry))
        }))
  }
}
