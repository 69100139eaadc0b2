internal import Checkpoints
internal import Kernels
internal import Storage
internal import SubspaceEditing
internal import Transformer

/// What an adapter claims beside its bytes.
extension Verification {
  /// Its configuration applies it whole and to its own modules only, and it writes into the subspace alone.
  static func adapterChecks(
    of path: String, _ receipt: Receipt, _ tensors: TensorStore, _ subspace: EditSubspace, _ base: Model?
  ) throws -> [Check] {
    var checks = [try outputFactorCheck(receipt, tensors, subspace)]
    // A GGUF adapter has its settings in the file itself, whose SHA-256 the receipt has.
    if receipt.output == .lora {
      checks.insert(try configurationCheck(of: path, receipt, tensors, base), at: 0)
    }
    return checks
  }

  /// `adapter_config.json` is, byte for byte, that of the tensors; where the base is, and without the base how it stores
  /// matrices, is taken from the file itself.
  private static func configurationCheck(
    of path: String, _ receipt: Receipt, _ tensors: TensorStore, _ base: Model?
  ) throws -> Check {
    let file = FileSystem.join(path, AdapterConfiguration.fileName)
    let text = try FileSystem.readFile(file, limit: 16 << 20)
    let root = try JSONDocument(parsing: text, source: file).root
    let modules = receipt.edited.compactMap { tensor in
      AdapterConfiguration.module(ofTensor: tensor.name, .input).map {
        AdapterConfiguration.Module(name: $0, rank: tensors[tensor.name]?.shape.first ?? 0)
      }
    }
    let expected = AdapterConfiguration(
      base: root["base_model_name_or_path"]?.string ?? "",
      fanInFanOut: base.map { $0.family.linearLayout == .inputMajor } ?? root["fan_in_fan_out"]?.bool
        ?? false,
      modules: modules)
    let holds = text == Array(expected.text.utf8)
    return Check(
      claim: "\(AdapterConfiguration.fileName) applies the adapter to these modules at scale 1", holds: holds,
      finding: holds ? "\(modules.count) modules" : "it says something else")
  }

  /// The name of B where A is called `name`.
  private static func outputFactorName(beside name: String, _ format: OutputFormat) -> String? {
    switch format {
    case .loraGGUF:
      let suffix = AdapterTensor.Factor.input.ggufSuffix
      return name.hasSuffix(suffix)
        ? name.dropLast(suffix.count) + AdapterTensor.Factor.output.ggufSuffix : nil
    case .lora, .checkpoint, .gguf:
      return AdapterConfiguration.module(ofTensor: name, .input).map {
        AdapterConfiguration.tensorName($0, .output)
      }
    }
  }

  /// Every B is −α Vᵀ of the subspace, bit for bit: whatever A is, only the subspace's directions can be written.
  private static func outputFactorCheck(
    _ receipt: Receipt, _ tensors: TensorStore, _ subspace: EditSubspace
  ) throws -> Check {
    var wrong: String?
    for tensor in receipt.edited {
      guard let block = tensor.edit?.block, let directions = subspace[block],
        let name = outputFactorName(beside: tensor.name, receipt.output), let entry = tensors[name],
        entry.shape == [directions.hidden, directions.rank], entry.type == .f32,
        try tensors.floats(entry).map(\.bitPattern)
          == LowRankAdapter.outputFactor(of: directions, strength: receipt.strength).map(\.bitPattern)
      else {
        wrong = wrong ?? tensor.name
        continue
      }
    }
    return Check(
      claim: subspace.blocks.contains { $0.subspace.writes != nil }
        ? "only what the edit takes away is written: B = −α Uᵀ"
        : "only the subspace is written into: B = −α Vᵀ", holds: wrong == nil,
      finding: wrong.map { "not beside \"\($0)\"" } ?? "\(receipt.edited.count) factors")
  }
}
