internal import Checkpoints
internal import Kernels
internal import SubspaceEditing
internal import Transformer

/// One tensor of an edited checkpoint and how its bytes come about.
struct CheckpointTensor: OutputTensor {
  /// Its name in the output.
  let name: String
  /// How it is stored in the output.
  let type: ElementType
  /// Its dimensions, outermost first.
  let shape: [Int]
  /// Where its values come from.
  let source: TensorEntry
  /// Where the output's rows stand in the source.
  var rearrangement = Rearrangement.none
  /// What the source's values have added that the output's do not.
  var sourceOffset: Float = 0
  /// What is done to it; `nil` for a tensor that stays as it is.
  var edit: WeightEdit?

  /// Elements that are held at a time.
  private static let pieceElements = 1 << 20

  /// What rounding to the type leaves of the tensor in the subspace; `nil` where it is not edited.
  var roundingResidual: Double? { edit?.subspace.roundingResidual(of: type) }

  /// Whether the bytes are those of the source.
  var isVerbatim: Bool { edit == nil && type == source.type && rearrangement == .none && sourceOffset == 0 }

  /// Gives the tensor's bytes to `sink`, piece by piece.
  ///
  /// - Throws: where a weight to be edited holds NaN or infinity, or `sink` throws.
  func emit(from store: TensorStore, _ sink: (UnsafeRawBufferPointer) throws -> Void) throws -> Receipt.Edit?
  {
    if isVerbatim {
      try store.withBytes(of: source) { bytes in
        for start in stride(from: 0, to: bytes.count, by: 1 << 24) {
          try sink(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + 1 << 24, bytes.count)]))
        }
      }
      return nil
    }
    guard let edit else {
      try forEachPiece(store) { values, _ in try Self.encoded(values, as: type).withUnsafeBytes(sink) }
      return nil
    }
    do {
      return try emit(edit, from: store, sink)
    } catch let error as SubspaceError {
      throw EditingError("tensor \"\(name)\"", "\(error)")
    }
  }

  private func emit(
    _ edit: WeightEdit, from store: TensorStore, _ sink: (UnsafeRawBufferPointer) throws -> Void
  ) throws -> Receipt.Edit {
    let weight = WeightShape(shape, edit.layout)
    var projection = try WeightProjection(removing: edit.subspace, from: weight, strength: edit.strength)
    var before = Digest()
    try forEachPiece(store) { values, rows in
      try Self.encoded(values, as: type).withUnsafeBytes { before.update($0) }
      try projection.observe(values.span, rows: rows)
    }
    var written = try WeightCoefficients(edit.subspace, shape: weight)
    try forEachPiece(store) { values, rows in
      var span = values.mutableSpan
      try projection.edit(&span, rows: rows)
      // What is measured is what was written: the values after rounding to the file's type.
      try Self.encoded(values, as: type).withUnsafeBytes { bytes in
        try sink(bytes)
        values.withUnsafeMutableBufferPointer { values in
          guard let source = bytes.baseAddress, let target = values.baseAddress else { return }
          widen(type, from: source, count: values.count, to: target)
        }
      }
      try written.add(values.span, rows: rows)
    }
    return Receipt.Edit(
      block: edit.block, digestBefore: before.hex, residualBefore: projection.before.relativeNorm,
      residual: written.relativeNorm,
      relativeChange: projection.relativeChange)
  }

  /// Lends the output's values in f32, some rows at a time.
  func forEachPiece(
    _ store: TensorStore, _ body: (_ values: inout [Float], _ rows: Range<Int>) throws -> Void
  ) throws {
    let rowCount = shape.first ?? 1
    let width = shape.dropFirst().reduce(1, *)
    let rowsAtOnce = max(1, Self.pieceElements / max(1, width))
    var values = [Float](repeating: 0, count: min(rowsAtOnce, rowCount) * width)
    // A column is spread over the whole matrix.
    let columns = rearrangement == .transposed ? try store.floats(source) : []
    for first in stride(from: 0, to: rowCount, by: rowsAtOnce) {
      let rows = first..<min(first + rowsAtOnce, rowCount)
      values.removeLast(values.count - rows.count * width)
      try values.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        switch rearrangement {
        case .none: try store.widen(source, rows: rows, to: base)
        case .transposed:
          for (index, row) in rows.enumerated() {
            for column in 0..<width { base[index * width + column] = columns[column * rowCount + row] }
          }
        case .interleavedHalves, .fusedBlocks:
          for (index, row) in rows.enumerated() {
            let from = rearrangement.sourceRow(row)
            try store.widen(source, rows: from..<from + 1, to: base + index * width)
          }
        }
        if sourceOffset != 0 { for index in buffer.indices { buffer[index] -= sourceOffset } }
      }
      try body(&values, rows)
    }
  }

  /// The bytes of `values` in a floating-point type.
  private static func encoded(_ values: [Float], as type: ElementType) throws -> [UInt8] {
    switch type {
    case .f32: return values.withUnsafeBytes { Array($0) }
    case .f16, .bf16:
      return [UInt8](unsafeUninitializedCapacity: values.count * 2) { bytes, count in
        count = values.count * 2
        values.withUnsafeBufferPointer { values in
          guard let source = values.baseAddress, let base = bytes.baseAddress else { return }
          base.withMemoryRebound(to: UInt16.self, capacity: values.count) { half in
            if type == .f16 {
              HalfPrecision.narrowToF16(source, count: values.count, to: half)
            } else {
              HalfPrecision.narrowToBF16(source, count: values.count, to: half)
            }
          }
        }
      }
    default:
      throw EditingError(
        "weights", "a tensor stored as \(type.name) cannot be edited; convert it to bf16, f16 or f32")
    }
  }
}
