internal import Checkpoints
internal import Kernels
internal import SubspaceEditing
internal import Transformer

/// One tensor of an edited checkpoint and how its bytes come about.
struct OutputTensor {
  /// What happens to a weight on the way.
  struct Edit {
    /// The block, from 1.
    let block: Int
    /// What is removed.
    let subspace: BlockSubspace
    /// The share of it that is removed.
    let strength: Double
  }

  /// Its name in the output.
  let name: String
  /// How it is stored in the output.
  let type: ElementType
  /// Its dimensions, outermost first.
  let shape: [Int]
  /// Where its values come from.
  let source: TensorEntry
  /// Size of the heads whose halves the source holds interleaved; `nil` where rows stay where they are.
  var interleavedHead: Int?
  /// What the source's values have added that the output's do not.
  var sourceOffset: Float = 0
  var edit: Edit?

  /// Elements that are held at a time.
  private static let pieceElements = 1 << 20

  /// Measures of an edited tensor as it was written.
  struct EditMeasure {
    /// SHA-256 of the bytes it would have had unedited.
    let digestBefore: String
    /// ‖V W‖_F / ‖W‖_F of the source's values.
    let residualBefore: Double
    /// ‖V W′‖_F / ‖W′‖_F of the written values; for strength 1 what rounding to the type leaves.
    let residual: Double
    /// ‖W′ − W‖_F / ‖W‖_F.
    let relativeChange: Double
  }

  /// What rounding a matrix to `type` leaves of it in `subspace`: an upper bound of ‖V W‖_F / ‖W‖_F.
  ///
  /// An element is off by at most half a unit in the last place, and of such errors a random subspace holds the share
  /// √(rank/hidden). Of an unedited matrix it holds about that share of the whole.
  static func roundingResidual(_ type: ElementType, in subspace: BlockSubspace) -> Double {
    let halfUnit =
      switch type {
      case .bf16: 0x1p-9
      case .f16: 0x1p-12
      default: 0x1p-24
      }
    // Twice over for chance, and twice because the directions are themselves rounded to single precision.
    return 4 * halfUnit * (Double(subspace.rank) / Double(subspace.hidden)).squareRoot()
  }

  /// Whether the bytes are those of the source.
  var isVerbatim: Bool { edit == nil && type == source.type && interleavedHead == nil && sourceOffset == 0 }

  /// Gives the tensor's bytes to `sink`, piece by piece.
  ///
  /// - Throws: where a weight to be edited holds NaN or infinity, or `sink` throws.
  func emit(from store: TensorStore, _ sink: (UnsafeRawBufferPointer) throws -> Void) throws -> EditMeasure? {
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
    _ edit: Edit, from store: TensorStore, _ sink: (UnsafeRawBufferPointer) throws -> Void
  ) throws -> EditMeasure {
    let weight = WeightShape(shape, writingTo: edit.subspace.hidden)
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
    return EditMeasure(
      digestBefore: before.hex, residualBefore: projection.before.relativeNorm,
      residual: written.relativeNorm,
      relativeChange: projection.relativeChange)
  }

  /// Lends the source's values in f32, in the output's order of rows.
  private func forEachPiece(
    _ store: TensorStore, _ body: (_ values: inout [Float], _ rows: Range<Int>) throws -> Void
  ) throws {
    let width = source.rowElements
    // Whole heads, so that reordering stays within a piece.
    let unit = interleavedHead ?? 1
    let rowsAtOnce = max(1, Self.pieceElements / max(1, width * unit)) * unit
    var values = [Float](repeating: 0, count: min(rowsAtOnce, source.rowCount) * width)
    var reordered = interleavedHead == nil ? [] : values
    for first in stride(from: 0, to: source.rowCount, by: rowsAtOnce) {
      let rows = first..<min(first + rowsAtOnce, source.rowCount)
      values.removeLast(values.count - rows.count * width)
      try values.withUnsafeMutableBufferPointer { buffer in
        if let base = buffer.baseAddress { try store.widen(source, rows: rows, to: base) }
        if sourceOffset != 0 { for index in buffer.indices { buffer[index] -= sourceOffset } }
      }
      if let head = interleavedHead {
        reordered.removeLast(reordered.count - values.count)
        for row in rows.indices.map({ $0 - first }) {
          let (start, index) = (row / head * head, row % head)
          let from = start + (index < head / 2 ? 2 * index : 2 * (index - head / 2) + 1)
          reordered.replaceSubrange(
            row * width..<(row + 1) * width, with: values[from * width..<(from + 1) * width])
        }
        try body(&reordered, rows)
      } else {
        try body(&values, rows)
      }
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

extension WeightShape {
  /// The shape of a stored MLP-value matrix, by which of its sides is as wide as the residual stream it writes to;
  /// `[outputs, inputs]` where both are.
  init(_ shape: [Int], writingTo hidden: Int) {
    if shape[0] == hidden {
      self.init(layout: .outputsByInputs, outputs: shape[0], inputs: shape[1])
    } else {
      self.init(layout: .inputsByOutputs, outputs: shape[1], inputs: shape[0])
    }
  }
}
