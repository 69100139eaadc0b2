internal import Checkpoints
internal import Kernels
internal import Storage
internal import Transformer

/// A model as one GGUF file.
extension OutputLayout {
  /// The file of `model`; `edits` by the names of its tensors.
  static func gguf(
    _ model: Model, _ edits: [String: WeightEdit], type: ElementType?, fileName: String,
    _ context: ComputeContext?
  ) throws -> File {
    if let type, !type.isNarrowable {
      throw EditingError("--gguf-type \(type.name)", "weights cannot be written as this type")
    }
    if case .gguf(let file) = model.source {
      return try repeated(file, edits, type: type, fileName: fileName, context)
    }
    return try made(model, edits, type: type ?? convertedType(model), fileName: fileName, context)
  }

  /// A folder's weights and settings as a file.
  ///
  /// As llama.cpp has them: matrices in the file's type, or in a like one where rows are not whole blocks of it; norms, biases and
  /// positions in f32.
  private static func made(
    _ model: Model, _ edits: [String: WeightEdit], type: ElementType, fileName: String,
    _ context: ComputeContext?
  ) throws -> File {
    guard let names = model.family.gguf?.tensorNames, model.configuration.isCausal else {
      throw EditingError(
        model.path,
        "a \(model.family.name) model in a folder cannot be written as a GGUF file; write a checkpoint")
    }
    var tensors: [any OutputTensor] = []
    if let divisors = model.ggufFrequencyDivisors {
      tensors.append(NumbersTensor(name: "rope_freqs.weight", values: divisors))
    }
    tensors += rearranged(model, names: names, edits, context: context) { role, shape in
      if shape.count < 2 || role == .positionEmbedding || role == .deltaConvolution { return .f32 }
      let candidates = [type, type.substituteOfSmallerBlocks].compactMap(\.self)
      return candidates.first { (shape.last ?? 0) % $0.blockElements == 0 } ?? .f16
    }
    tensors += zeroBiases(model, names)
    return File(
      name: fileName, tensors: tensors, header: nil,
      gguf: try GGUFLayout(
        metadata: try model.ggufMetadata(fileType: type),
        tensors: tensors.map { GGUFLayout.Tensor(name: $0.name, type: $0.type, shape: $0.shape) },
        path: fileName))
  }

  /// The biases that readers of the format require and the model has not.
  private static func zeroBiases(_ model: Model, _ names: [WeightRole: String]) -> [NumbersTensor] {
    guard let required = model.family.gguf?.requiredBiases, !required.isEmpty else { return [] }
    return (1...model.configuration.blocks).flatMap { block in
      WeightRole.allCases.compactMap { role -> NumbersTensor? in
        guard required.contains(role), let pattern = names[role],
          model.entry(role, block: block, part: .bias) == nil
        else { return nil }
        return NumbersTensor(
          name: Model.expand(pattern, block: block, part: .bias),
          values: Array(repeating: 0, count: model.configuration.shape(of: role)[0]))
      }
    }
  }

  /// The same file with other bytes for the edited tensors alone; with a type of their own for them, other offsets too.
  private static func repeated(
    _ file: GGUFFile, _ edits: [String: WeightEdit], type: ElementType?, fileName: String,
    _ context: ComputeContext?
  ) throws -> File {
    var types: [String: ElementType] = [:]
    if let type { for name in edits.keys { types[name] = type } }
    let tensors = file.tensors.entries.map { entry in
      CheckpointTensor(
        name: entry.name, type: types[entry.name] ?? entry.type, shape: entry.shape, source: entry,
        edit: edits[entry.name], context: context)
    }
    return File(
      name: fileName, tensors: tensors, header: nil, gguf: try GGUFLayout(repeating: file, types: types))
  }
}

extension ElementType {
  /// What stands for a type whose blocks have 256 elements where rows are no multiple of them: what llama.cpp's quantisation
  /// takes then (`tensor_type_fallback`).
  fileprivate var substituteOfSmallerBlocks: ElementType? {
    switch self {
    case .q2_k, .q3_k, .iq4_xs: .iq4_nl
    case .q4_k: .q5_0
    case .q5_k: .q5_1
    case .q6_k: .q8_0
    default: nil
    }
  }
}
