import Kernels
package import Storage

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The tensors of a checkpoint, whatever its format: names, shapes and types, over mapped files.
///
/// Nothing is read until a tensor is asked for. Every entry was checked when the store was made: its bytes
/// are inside its file and are exactly what its shape and type need.
package struct TensorStore: Sendable {
  /// The files that hold the tensors: shards in order.
  package let files: [MappedFile]
  /// The tensors in file order: shard by shard, by offset within a shard.
  package let entries: [TensorEntry]
  private let indexByName: [String: Int]

  /// Checks `entries` against `files`.
  ///
  /// Throws when a name occurs twice, a shape overflows, a type's blocks do not divide the innermost
  /// dimension, or the bytes are not those that shape and type need.
  package init(files: [MappedFile], entries: [TensorEntry]) throws(CheckpointError) {
    var indexByName = [String: Int](minimumCapacity: entries.count)
    for (index, entry) in entries.enumerated() {
      precondition(files.indices.contains(entry.file), "the caller numbers its own files")
      try Self.check(entry, in: files[entry.file])
      if let earlier = indexByName.updateValue(index, forKey: entry.name) {
        throw CheckpointError(
          path: files[entry.file].path, subject: "tensor \"\(entry.name)\"", offset: entry.bytes.lowerBound,
          reason: "this name was already used for the tensor at byte \(entries[earlier].bytes.lowerBound) of "
            + files[entries[earlier].file].path,
          advice: "every tensor needs a name of its own: convert the checkpoint again")
      }
    }
    self.files = files
    self.entries = entries
    self.indexByName = indexByName
  }

  /// The tensor called `name`.
  package subscript(name: String) -> TensorEntry? { indexByName[name].map { entries[$0] } }

  /// Lends the bytes of `entry` in row-major order; they must not be kept beyond `body`.
  ///
  /// They are the file's own, but for a tensor with strides, whose elements are gathered first.
  package func withBytes<R>(
    of entry: TensorEntry, _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R {
    if entry.strides != nil { return try unsafe withBytes(of: entry, rows: 0..<entry.rowCount, body) }
    return try unsafe files[entry.file].withBytes(entry.bytes, body)
  }

  /// Lends the bytes of some rows (the outermost dimension) of `entry` in row-major order.
  ///
  /// Throws when the rows are outside the tensor, or begin or end inside a quantised block.
  package func withBytes<R>(
    of entry: TensorEntry, rows: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R {
    let range = try byteRange(of: entry, rows: rows)
    if let strides = entry.strides { return try unsafe withGathered(entry, strides, rows: rows, body) }
    return try unsafe files[entry.file].withBytes(range, body)
  }

  /// Whether `entry` holds the same bytes, of the same type and shape, as `other` of another store.
  package func holdsSameBytes(_ entry: TensorEntry, as other: TensorEntry, of store: TensorStore) throws
    -> Bool
  {
    guard entry.type == other.type, entry.shape == other.shape else { return false }
    if files[entry.file] === store.files[other.file], entry.bytes == other.bytes,
      entry.strides == other.strides
    {
      return true
    }
    return try unsafe withBytes(of: entry) { a in
      try unsafe store.withBytes(of: other) { b in
        guard let x = a.baseAddress, let y = b.baseAddress else { return true }
        return unsafe a.count == b.count && memcmp(x, y, a.count) == 0
      }
    }
  }

  /// Widens some rows of `entry` to floats, `[rows.count, entry.rowElements]`, at `destination`.
  ///
  /// Throws when the rows are outside the tensor, or begin or end inside a quantised block.
  package func widen(
    _ entry: TensorEntry, rows: Range<Int>, to destination: UnsafeMutablePointer<Float>
  ) throws {
    try unsafe withBytes(of: entry, rows: rows) { bytes in
      guard let base = bytes.baseAddress, rows.count > 0 else { return }
      unsafe Kernels.widen(
        entry.type, from: base, count: rows.count * entry.rowElements, to: destination)
    }
  }

  /// Widens chosen rows of `entry` to floats, one behind another, `[indices.count, entry.rowElements]`, at `destination`.
  ///
  /// Throws as ``widen(_:rows:to:)`` does.
  package func widen(
    _ entry: TensorEntry, rowsAt indices: [Int32], to destination: UnsafeMutablePointer<Float>
  ) throws {
    for (place, index) in indices.enumerated() {
      let target = unsafe destination + place * entry.rowElements
      try unsafe widen(entry, rows: Int(index)..<Int(index) + 1, to: target)
    }
  }

  /// The whole of `entry` as floats, in row-major order.
  package func floats(_ entry: TensorEntry) throws -> [Float] {
    try unsafe [Float](unsafeUninitializedCapacity: entry.elementCount) { buffer, count in
      if let base = buffer.baseAddress, entry.elementCount > 0 {
        try unsafe widen(entry, rows: 0..<entry.rowCount, to: base)
      }
      count = entry.elementCount
    }
  }

  /// Where the rows lie in the tensor's file.
  private func byteRange(of entry: TensorEntry, rows: Range<Int>) throws(CheckpointError) -> Range<Int> {
    guard rows.lowerBound >= 0, rows.upperBound <= entry.rowCount,
      let start = entry.type.byteCount(elements: rows.lowerBound * entry.rowElements),
      let count = entry.type.byteCount(elements: rows.count * entry.rowElements)
    else {
      throw CheckpointError(
        path: files[entry.file].path, subject: "tensor \"\(entry.name)\"",
        reason:
          "rows \(rows.lowerBound)..<\(rows.upperBound) of shape \(entry.shape) were asked for, which are "
          + "not whole \(entry.type.name) blocks inside it")
    }
    return entry.bytes.lowerBound + start..<entry.bytes.lowerBound + start + count
  }

  /// Throws unless the entry's bytes are inside the file and fit its shape and type.
  private static func check(_ entry: TensorEntry, in file: MappedFile) throws(CheckpointError) {
    func fail(_ reason: String, _ advice: String = CheckpointError.fetchAgain) -> CheckpointError {
      CheckpointError(
        path: file.path, subject: "tensor \"\(entry.name)\"", offset: entry.bytes.lowerBound, reason: reason,
        advice: advice)
    }
    guard let elements = TensorEntry.elementCount(of: entry.shape) else {
      throw fail("the shape \(entry.shape) has more elements than can be counted")
    }
    let innermost = entry.shape.last ?? 1
    guard innermost % entry.type.blockElements == 0 else {
      throw fail(
        "the innermost dimension, \(innermost), is not a multiple of the \(entry.type.blockElements) elements of "
          + "a \(entry.type.name) block", "convert the model again with a type that fits")
    }
    if let strides = entry.strides { try check(strides, of: entry, elements: elements, fail) }
    let stored = entry.strides.flatMap { TensorEntry.extent(of: entry.shape, strides: $0) } ?? elements
    guard let needed = entry.type.byteCount(elements: stored), needed == entry.bytes.count else {
      let needed = entry.type.byteCount(elements: stored).map(String.init) ?? "uncountably many"
      throw fail(
        "shape \(entry.shape) in \(entry.type.name) needs \(needed) bytes, but \(entry.bytes.count) are given"
      )
    }
    guard entry.bytes.lowerBound >= 0, entry.bytes.upperBound <= file.byteCount else {
      throw fail(
        "its bytes end at \(entry.bytes.upperBound), but the file has \(file.byteCount)")
    }
  }

  /// Throws unless the strides fit the shape and no element is stored for two places.
  private static func check(
    _ strides: [Int], of entry: TensorEntry, elements: Int, _ fail: (String, String) -> CheckpointError
  ) throws(CheckpointError) {
    guard !entry.type.isQuantized, strides.count == entry.shape.count,
      let extent = TensorEntry.extent(of: entry.shape, strides: strides)
    else { throw fail("strides \(strides) do not fit shape \(entry.shape)", CheckpointError.fetchAgain) }
    // What the file holds bounds what reading it takes.
    guard elements <= extent else {
      throw fail(
        "shape \(entry.shape) with strides \(strides) repeats stored elements",
        "save the checkpoint again with `.contiguous()` tensors")
    }
  }
}
