internal import Checkpoints
internal import Kernels
internal import Storage
package import Transformer

/// A model with its weights in memory as f32, the trained ones in a row: what an optimiser changes and every pass reads.
///
/// Tensors that f32 does not hold exactly, and those that are no weights, stay in their files.
package final class WorkingModel {
  /// The model, whose passes see the weights as they are now.
  package let model: Model
  /// Where the trained weights are.
  package let layout: ParameterLayout
  private let memory: MappedFile

  /// Reads `base` into memory, four bytes an element.
  package init(_ base: Model, _ selection: ParameterLayout.Selection = .all) throws {
    layout = ParameterLayout(base, selection)
    var offsets: [String: Int] = [:]
    for parameter in layout.parameters { offsets[parameter.name] = parameter.elements.lowerBound }
    var count = layout.count
    for entry in base.tensors.entries
    where offsets[entry.name] == nil && entry.type.isReal && entry.type != .f64 {
      offsets[entry.name] = count
      count += (entry.elementCount + 15) / 16 * 16
    }
    let memory = try MappedFile(zeroedBytes: max(1, count) * 4, name: base.path + " in memory")
    let wanted = base.tensors.entries.filter { offsets[$0.name] != nil }
    try memory.withMutableBytes { bytes in
      guard let start = bytes.baseAddress?.assumingMemoryBound(to: Float.self) else { return }
      for entry in wanted {
        try base.tensors.widen(entry, rows: 0..<entry.rowCount, to: start + (offsets[entry.name] ?? 0))
      }
    }
    self.memory = memory
    model = try base.withTensors(
      TensorStore(
        files: base.tensors.files + [memory],
        entries: base.tensors.entries.map { entry in
          guard let offset = offsets[entry.name] else { return entry }
          return TensorEntry(
            name: entry.name, shape: entry.shape, type: .f32, file: base.tensors.files.count,
            bytes: offset * 4..<(offset + entry.elementCount) * 4)
        }))
  }

  /// Lends the trained weights for writing, laid out by ``layout``; no pass may run meanwhile.
  package func withParameters<R>(_ body: (UnsafeMutableBufferPointer<Float>) throws -> R) rethrows -> R {
    try memory.withMutableBytes {
      try body(UnsafeMutableBufferPointer(rebasing: $0.assumingMemoryBound(to: Float.self)[..<layout.count]))
    }
  }
}
