internal import Checkpoints
package import Kernels
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
  private let context: ComputeContext?
  private let seed: UInt64
  private let memory: MappedFile
  /// Where in memory each tensor begins.
  private let offsets: [String: Int]

  /// Reads `base` into memory, four bytes an element.
  ///
  /// - Parameters:
  ///   - seed: of the adapters' first factors.
  ///   - context: whose threads read and merge; the caller's alone where `nil`.
  package init(
    _ base: Model, _ selection: ParameterLayout.Selection = .all, seed: UInt64 = 0,
    context: ComputeContext? = nil
  ) throws {
    layout = ParameterLayout(base, selection)
    adapters = layout.adapter == nil ? nil : AdapterValues(layout, seed: seed)
    self.base = base
    self.context = context
    self.seed = seed
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
    try Self.read(base, offsets, into: memory, context)
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

  /// Goes back to the base's weights, and the adapters' first factors.
  package func reset() throws {
    adapters?.reset(seed: seed)
    try Self.read(base, offsets, into: memory, context)
  }

  /// Reads the tensors of `base` that have a place in `memory`.
  private static func read(
    _ base: Model, _ offsets: [String: Int], into memory: MappedFile, _ context: ComputeContext?
  ) throws {
    try memory.withMutableBytes { bytes in
      guard let start = bytes.baseAddress?.assumingMemoryBound(to: Float.self) else { return }
      for entry in base.tensors.entries {
        guard let offset = offsets[entry.name] else { continue }
        try read(base, entry, to: start + offset, context)
      }
    }
  }

  /// Reads a tensor of `base` as f32.
  private static func read(
    _ base: Model, _ entry: TensorEntry, to destination: UnsafeMutablePointer<Float>,
    _ context: ComputeContext?
  ) throws {
    guard let context else {
      return try base.tensors.widen(entry, rows: 0..<entry.rowCount, to: destination)
    }
    try base.tensors.convert(entry, rows: 0..<entry.rowCount, to: .f32, at: destination, context)
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
        try Self.read(base, entry, to: start + offset, context)
        adapters.withFactors(parameter.key.role, block: block) {
          $0.add(to: start + offset, layout: base.layout(of: parameter.key.role))
        }
      }
    }
  }
}
