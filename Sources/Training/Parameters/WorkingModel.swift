internal import Checkpoints
internal import Kernels
internal import Storage
package import Transformer

/// A model with its weights in memory as f32, the trained ones in a row: what an optimiser changes and every pass reads.
///
/// Tensors that f32 does not hold exactly, and those that are no weights, stay in their files. Where adapters are trained, a
/// matrix W in memory is W + s B A, made anew of the base's W after each step, so that every pass reads the adapted model.
package final class WorkingModel {
  /// The model, whose passes see the weights as they are now.
  package let model: Model
  /// Where the trained weights are.
  package let layout: ParameterLayout
  /// The factors that are trained in place of matrices; `nil` where it is the weights themselves.
  package let adapters: AdapterValues?
  private let base: Model
  private let memory: MappedFile
  /// Where in memory each tensor begins.
  private let offsets: [String: Int]

  /// Reads `base` into memory, four bytes an element.
  ///
  /// - Parameter seed: of the adapters' first factors.
  package init(_ base: Model, _ selection: ParameterLayout.Selection = .all, seed: UInt64 = 0) throws {
    layout = ParameterLayout(base, selection)
    adapters = layout.adapter == nil ? nil : AdapterValues(layout, seed: seed)
    self.base = base
    var offsets: [String: Int] = [:]
    var count = 0
    if layout.adapter == nil {
      for parameter in layout.parameters { offsets[parameter.name] = parameter.elements.lowerBound }
      count = layout.count
    }
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
    self.offsets = offsets
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

  /// Lends the trained numbers for writing, laid out by ``layout``; no pass may run meanwhile, nor, where they are adapters',
  /// before ``mergeAdapters()``.
  package func withParameters<R>(_ body: (UnsafeMutableBufferPointer<Float>) throws -> R) rethrows -> R {
    if let adapters { return try adapters.withElements(body) }
    return try memory.withMutableBytes {
      try body(UnsafeMutableBufferPointer(rebasing: $0.assumingMemoryBound(to: Float.self)[..<layout.count]))
    }
  }

  /// Makes the model's matrices W + s B A of the base's W and the adapters as they are now; nothing where there are none.
  package func mergeAdapters() throws {
    guard let adapters else { return }
    try memory.withMutableBytes { bytes in
      guard let start = bytes.baseAddress?.assumingMemoryBound(to: Float.self) else { return }
      for parameter in layout.parameters where parameter.key.factor == .input {
        guard let block = parameter.key.block, let entry = base.tensors[parameter.name],
          let offset = offsets[parameter.name]
        else { continue }
        try base.tensors.widen(entry, rows: 0..<entry.rowCount, to: start + offset)
        adapters.withFactors(parameter.key.role, block: block) {
          $0.add(to: start + offset, layout: base.layout(of: parameter.key.role))
        }
      }
    }
  }
}
