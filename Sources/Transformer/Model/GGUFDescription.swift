package import Checkpoints
internal import Storage

/// What a GGUF file says of the model in it.
package struct GGUFDescription {
  /// The file.
  package let file: GGUFFile
  /// Where it is, for messages.
  package let path: String
  /// `general.architecture`, which stands before the model's keys.
  package let architecture: String

  /// The metadata under the architecture's prefix.
  package subscript(key: String) -> GGUFValue? { file["\(architecture).\(key)"] }

  /// Whether the file has this tensor.
  package func has(_ tensor: String) -> Bool { file.tensors[tensor] != nil }

  /// A number or flag as a member of `config.json`; `nil` where the file has none.
  func member(_ key: String) throws -> JSON? {
    guard let value = self[key] else { return nil }
    guard let member = value.configValue else { throw fault(key, "must be one number, or true or false") }
    return member
  }

  /// Width of a head.
  var headDimension: Int? {
    if let length = self["attention.key_length"]?.int { return length }
    guard let hidden = self["embedding_length"]?.int, let heads = self["attention.head_count"]?.int, heads > 0
    else { return nil }
    return hidden / heads
  }

  /// An error about a metadata key.
  package func fault(_ key: String, _ reason: String) -> ModelError {
    ModelError(path, "metadata key \"\(architecture).\(key)\" \(reason)")
  }

  /// Throws where the file asks for what changes the model's arithmetic and no family here has.
  func refuseUnsupported(_ names: ModelFamily.GGUFNames) throws {
    for key in ["attention.temperature_scale", "attention.clamp_kqv"] {
      guard let value = self[key], value.double != 0 else { continue }
      if names.statesQueryGrowth, key == "attention.temperature_scale" { continue }
      throw fault(key, "asks for a feature that is not supported")
    }
    if self["attention.causal"]?.bool == !names.isCausal {
      throw fault("attention.causal", "is \(!names.isCausal), which is not supported for this architecture")
    }
    let value = self["attention.value_length"]?.int
    guard value == nil || value == headDimension else {
      throw fault("attention.value_length", "differs from the length of keys, which is not supported")
    }
  }
}

extension GGUFValue {
  /// A number or flag as it would stand in `config.json`; `nil` for other values.
  ///
  /// A single-precision number is written with the digits that tell it from its neighbours, which are those it was made
  /// from: 1e-05, not 9.999999747378752e-06.
  var configValue: JSON? {
    if let flag = bool { return .bool(flag) }
    if let number = int { return .int(number) }
    if case .float32(let number) = self { return number.isFinite ? .double(shortest(number)) : nil }
    return double.flatMap { $0.isFinite ? .double($0) : nil }
  }

  /// A number of any type, single precision as ``configValue`` has it.
  var number: Double? {
    if case .float32(let number) = self { return shortest(number) }
    return double
  }
}

/// The number with the fewest digits that is nearest to `value` among single-precision numbers.
func shortest(_ value: Float) -> Double { Double(value.description) ?? Double(value) }
