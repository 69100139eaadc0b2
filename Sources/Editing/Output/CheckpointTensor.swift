internal import Checkpoints
internal import Foundation
internal import Kernels
internal import SubspaceEditing
internal import Transformer

/// One tensor of an edited checkpoint and how its bytes come about.
struct CheckpointTensor: OutputTensor {
  /// How the values of two formats differ.
  enum ValueForm: Equatable {
    /// They do not.
    case same
    /// The source's have a number added that the output's do not.
    case without(Float)
    /// x in the source is −eˣ in the output.
    case rates
    /// −eˣ in the source is x in the output.
    case logarithms

    /// The output's value.
    func callAsFunction(_ value: Float) -> Float {
      switch self {
      case .same: value
      case .without(let offset): value - offset
      case .rates: -exp(value)
      case .logarithms: log(-value)
      }
    }
  }

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
  /// How the output's values come from the source's.
  var values = ValueForm.same
  /// What is done to it; `nil` for a tensor that stays as it is.
  var edit: WeightEdit?
  /// The threads that quantise it; the calling one alone where `nil`.
  var context: ComputeContext?

  /// Elements that are held at a time.
  static let pieceElements = 1 << 20

  /// What rounding to the type leaves of the tensor in the subspace; `nil` where it is not edited.
  var roundingResidual: Double? { edit?.subspace.roundingResidual(of: type) }

  /// Whether the bytes are those of the source.
  var isVerbatim: Bool { edit == nil && holdsSourceValues }

  /// Whether the bytes before an edit are those of the source.
  private var holdsSourceValues: Bool {
    type == source.type && rearrangement == .none && values == .same
  }

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
      try forEachPiece(store) { values, _ in try encoded(values).withUnsafeBytes(sink) }
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
    var baseError = RelativeError()
    if holdsSourceValues { try store.withBytes(of: source) { before.update($0) } }
    try forEachPiece(store) { values, rows in
      try projection.observe(values.span, rows: rows)
      guard !holdsSourceValues else { return }
      let bytes = try encoded(values)
      bytes.withUnsafeBytes { before.update($0) }
      if type.isQuantized { baseError.add(decoded(bytes), of: values) }
    }
    var written = try WeightCoefficients(edit.subspace, shape: weight)
    var error = RelativeError()
    try forEachPiece(store) { values, rows in
      var span = values.mutableSpan
      try projection.edit(&span, rows: rows)
      let bytes = try encoded(values)
      try bytes.withUnsafeBytes(sink)
      // What is measured is what was written: the values after rounding to the file's type.
      let rounded = decoded(bytes)
      if type.isQuantized { error.add(rounded, of: values) }
      try written.add(rounded.span, rows: rows)
    }
    return Receipt.Edit(
      block: edit.block, digestBefore: before.hex, residualBefore: projection.before.relativeNorm,
      residual: written.relativeNorm,
      relativeChange: projection.relativeChange, quantizationError: type.isQuantized ? error.value : nil,
      baseQuantizationError: type.isQuantized && !holdsSourceValues ? baseError.value : nil)
  }

  /// Lends the output's values in f32, some rows at a time.
  func forEachPiece(
    _ store: TensorStore, _ body: (_ values: inout [Float], _ rows: Range<Int>) throws -> Void
  ) throws {
    let rowCount = shape.first ?? 1
    let width = shape.dropFirst().reduce(1, *)
    let rowsAtOnce = max(1, Self.pieceElements / max(1, width))
    var values = [Float](repeating: 0, count: min(rowsAtOnce, rowCount) * width)
    let form = self.values
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
        case .columnsInTurn:
          try store.widen(source, rows: rows, to: base)
          for row in 0..<rows.count {
            let from = Array(buffer[(row * width)..<(row + 1) * width])
            for column in 0..<width { base[row * width + column] = from[rearrangement.sourceColumn(column)] }
          }
        case .interleavedHalves, .fusedBlocks, .separateHalves, .fusedHeads, .headsInTurn:
          for (index, row) in rows.enumerated() {
            let from = rearrangement.sourceRow(row)
            try store.widen(source, rows: from..<from + 1, to: base + index * width)
          }
        }
        guard form != .same else { return }
        for index in buffer.indices {
          buffer[index] = form(buffer[index])
          guard buffer[index].isFinite else {
            throw EditingError(
              "tensor \"\(source.name)\"", "holds a number that the other format has no number for")
          }
        }
      }
      try body(&values, rows)
    }
  }

  /// The bytes of `values`, whole rows, as the output's type.
  private func encoded(_ values: [Float]) throws -> [UInt8] {
    guard type.isNarrowable, let count = type.byteCount(elements: values.count) else {
      throw EditingError(
        "tensor \"\(name)\"",
        "a tensor stored as \(type.name) cannot be edited; convert it to bf16, f16 or f32")
    }
    var bytes = [UInt8](repeating: 0, count: count)
    // Whole blocks of every type.
    let share = 1 << 14
    let shares = (values.count + share - 1) / share
    try values.withUnsafeBufferPointer { values in
      try bytes.withUnsafeMutableBytes { bytes in
        guard let source = values.baseAddress, let target = bytes.baseAddress else { return }
        func encode(_ index: Int) throws {
          let start = index * share
          let offset = type.byteCount(elements: start) ?? 0
          do {
            try narrow(
              type, from: source + start, count: min(share, values.count - start), to: target + offset)
          } catch {
            throw EditingError("tensor \"\(name)\"", "\(error)")
          }
        }
        if let context, type.isQuantized {
          try context.parallelForEach(shares, onWorkers: { index, _ in try encode(index) })
        } else {
          for index in 0..<shares { try encode(index) }
        }
      }
    }
    return bytes
  }

  /// The values of bytes of the output's type.
  private func decoded(_ bytes: [UInt8]) -> [Float] {
    let count = bytes.count / type.blockBytes * type.blockElements
    return [Float](unsafeUninitializedCapacity: count) { values, written in
      written = count
      bytes.withUnsafeBytes { bytes in
        guard let source = bytes.baseAddress, let target = values.baseAddress else { return }
        widen(type, from: source, count: count, to: target)
      }
    }
  }
}

/// ‖x̂ − x‖ / ‖x‖ in the Frobenius norm, of numbers that come piece by piece.
private struct RelativeError {
  private var error = 0.0
  private var square = 0.0

  /// Adds numbers `found` for `exact`.
  mutating func add(_ found: [Float], of exact: [Float]) {
    for index in 0..<min(found.count, exact.count) {
      let difference = Double(found[index] - exact[index])
      error += difference * difference
      square += Double(exact[index]) * Double(exact[index])
    }
  }

  /// The quotient; 0 for zeros.
  var value: Double { square > 0 ? (error / square).squareRoot() : 0 }
}
