internal import Storage

/// `adapter_config.json`, which tells PEFT what the adapter's tensors are for.
///
/// PEFT multiplies B A by `lora_alpha` / `r`, or by a module's own pair of numbers where the patterns name it. Of an edit both
/// are the rank, so that the scale is 1: the strength is in B.
struct AdapterConfiguration {
  /// Its name in the output folder.
  static let fileName = "adapter_config.json"

  /// A module with an adapter.
  struct Module: Equatable {
    /// Its whole name as transformers has it, `model.layers.12.mlp.down_proj`.
    var name: String
    /// Rows of A.
    var rank: Int
  }

  /// Path or Hub id of the base, from where PEFT loads it.
  var base: String
  /// Whether the base holds these weights as `[inputs, outputs]`.
  var fanInFanOut: Bool
  /// The modules in the order of their blocks.
  var modules: [Module]
  /// `lora_alpha` of an adapter that was trained, whose modules have one rank; `nil` for the rank.
  var alpha: Double? = nil

  /// Name of a factor's tensor.
  static func tensorName(_ module: String, _ factor: AdapterTensor.Factor) -> String {
    "base_model.model.\(module).\(factor.rawValue).weight"
  }

  /// The module that a factor's tensor belongs to; `nil` for another name.
  static func module(ofTensor name: String, _ factor: AdapterTensor.Factor) -> String? {
    let (prefix, suffix) = ("base_model.model.", ".\(factor.rawValue).weight")
    guard name.hasPrefix(prefix), name.hasSuffix(suffix), name.count > prefix.count + suffix.count else {
      return nil
    }
    return String(name.dropFirst(prefix.count).dropLast(suffix.count))
  }

  /// The text of the file.
  var text: String {
    let rank = modules.map(\.rank).max() ?? 1
    let others = JSON.object(modules.filter { $0.rank != rank }.map { ($0.name, .int($0.rank)) })
    let json: JSON = [
      "peft_type": "LORA",
      "task_type": "CAUSAL_LM",
      "base_model_name_or_path": .string(base),
      "inference_mode": true,
      "r": .int(rank),
      "lora_alpha": alpha.map { Int(exactly: $0).map { .int($0) } ?? .double($0) } ?? .int(rank),
      "rank_pattern": others,
      "alpha_pattern": others,
      "use_rslora": false,
      "use_dora": false,
      "lora_dropout": 0.0,
      "bias": "none",
      "fan_in_fan_out": .bool(fanInFanOut),
      "target_modules": .array(modules.map { .string($0.name) }),
      "modules_to_save": nil,
    ]
    return json.serialized(pretty: true) + "\n"
  }
}
